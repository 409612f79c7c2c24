//! What must hold for every content.

use proptest::prelude::*;
use weft_wechat::pay::v2::{Fields, SignType, open_refund, seal_refund, sign, verify};
use weft_wechat::pay::v3::{PublicKey, Resource};
use weft_wechat::pay::{Fen, bill::Bill, time};

use super::keys::{apiv3_key, platform};

/// Texts that XML can hold and that stay as they are inside CDATA.
fn value() -> impl Strategy<Value = String> {
    "[ -~\\u{a0}-\\u{d7ff}\t]{1,40}"
}

proptest! {
    #[test]
    fn fields_come_back_as_they_were_signed(values in proptest::collection::btree_map("[a-z_]{1,20}", value(), 0..20)) {
        let key = "192006250b4c09247ec02edce69f6a2d".parse().unwrap();
        let fields: Fields = values.clone().into_iter().collect();
        let read = Fields::read(fields.to_xml("xml").as_bytes()).unwrap();
        prop_assert_eq!(&read, &fields);
        for sign_type in [SignType::Md5, SignType::HmacSha256] {
            let signature = sign(fields.iter(), &key, sign_type);
            let backwards: Vec<_> = fields.iter().collect();
            prop_assert!(verify(backwards.into_iter().rev(), &key, sign_type, Some(&signature)));
            let mut more = fields.clone();
            more.push("zz", "1");
            prop_assert!(!verify(more.iter(), &key, sign_type, Some(&signature)));
        }
    }

    #[test]
    fn refunds_and_resources_open_as_they_were_sealed(text in "\\PC{0,200}", place in 0_usize..10_000) {
        let key = "192006250b4c09247ec02edce69f6a2d".parse().unwrap();
        prop_assert_eq!(open_refund(&key, &seal_refund(&key, &text)), Some(text.clone()));
        let sealed = Resource::seal(&apiv3_key(), "refund", "twelve-bytes", "", text.as_bytes()).unwrap();
        prop_assert_eq!(sealed.open(&apiv3_key()).unwrap(), text.as_bytes());
        let mut changed = sealed;
        let place = place % changed.ciphertext.len();
        let other = if &changed.ciphertext[place..=place] == "A" { "B" } else { "A" };
        changed.ciphertext.replace_range(place..=place, other);
        prop_assert!(changed.open(&apiv3_key()).is_err());
    }

    #[test]
    fn whatever_is_no_message_is_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Fields::read(&bytes);
        let _ = Bill::open(&*bytes).map(|mut bill| while bill.next_row().is_ok_and(|row| row.is_some()) {});
        let text = String::from_utf8_lossy(&bytes);
        let key: PublicKey = platform().public_key();
        prop_assert!(!key.verify(&bytes, &text));
    }

    #[test]
    fn amounts_and_times_come_back(fen in 0_u64..=Fen::MAX.0, seconds in 0_u64..4_000_000_000) {
        prop_assert_eq!(fen.to_string().parse(), Ok(Fen(fen)));
        prop_assert_eq!(Fen::from_yuan(&format!("{}.{:02}", fen / 100, fen % 100)), Ok(Fen(fen)));
        prop_assert_eq!(time::from_compact(&time::to_compact(seconds)), Ok(seconds));
        prop_assert_eq!(time::from_spaced(&time::to_spaced(seconds)), Ok(seconds));
        prop_assert_eq!(time::from_rfc3339(&time::to_rfc3339(seconds)), Ok(seconds));
    }
}
