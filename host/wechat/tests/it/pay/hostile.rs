//! Bodies that are made to break something: each is refused, and none is believed.

use std::time::{Duration, Instant};

use weft_wechat::pay::v2::{Fields, SignType, open_refund};

use super::v2::merchant;

fn good() -> String {
    let merchant = merchant(SignType::Md5);
    let fields = [
        ("return_code", "SUCCESS"),
        ("result_code", "SUCCESS"),
        ("appid", super::APPID),
        ("mch_id", super::MCH_ID),
        ("total_fee", "101"),
        ("transaction_id", "42"),
        ("out_trade_no", "T20260101000001"),
    ];
    let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    merchant.signed(fields.collect(), SignType::Md5).to_xml("xml")
}

#[test]
fn a_payment_cut_off_anywhere_is_refused() {
    let (merchant, good) = (merchant(SignType::Md5), good());
    assert!(merchant.open(good.as_bytes()).is_ok());
    for end in 0..good.len() {
        assert!(merchant.open(&good.as_bytes()[..end]).is_err(), "{end}");
    }
}

#[test]
fn a_payment_with_one_byte_changed_is_not_another_payment() {
    let (merchant, good) = (merchant(SignType::Md5), good());
    let original = merchant.open(good.as_bytes()).unwrap();
    for place in 0..good.len() {
        for bits in [1, 0x20, 0x80] {
            let mut changed = good.clone().into_bytes();
            changed[place] ^= bits;
            // Changes of the markup may leave the content as it was.
            if let Ok(opened) = merchant.open(&changed) {
                assert_eq!(opened, original, "{place}");
            }
        }
    }
}

#[test]
fn large_and_deep_bodies_cost_no_time() {
    let bodies = [
        format!("<xml>{}</xml>", "<a>".repeat(10_000)),
        format!("<xml>{}</xml>", "<a>1</a>".repeat(100_000)),
        format!("<xml><{}>1</{0}></xml>", "n".repeat(64 << 10)),
        format!("<xml {}><a>1</a></xml>", "a=\"1\" ".repeat(100_000)),
        format!("<xml><a>{}</a></xml>", "x".repeat(2 << 20)),
        format!("<xml><a>{}</a>", "&amp;".repeat(100_000)),
    ];
    for body in bodies {
        // Other tests may need the machine at the same time, though hardly three times.
        let took = (0..3).map(|_| {
            let start = Instant::now();
            assert!(Fields::read(body.as_bytes()).is_err());
            start.elapsed()
        });
        let least = took.min().unwrap();
        assert!(least < Duration::from_millis(500), "{least:?}");
    }
}

#[test]
fn what_is_no_refund_does_not_open() {
    let key = merchant(SignType::Md5).key;
    for sealed in ["", "=", "A", "AAAA", "%%%%", &"A".repeat(64), &"B".repeat(1 << 20)] {
        assert!(open_refund(&key, sealed).is_none());
    }
}
