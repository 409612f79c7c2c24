//! Notifications of WeChat Pay: what is not signed is not believed, and nothing that arrives is more than a refusal.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weft_wechat::pay::Party;
use weft_wechat::pay::bill::Bill;
use weft_wechat::pay::v2::{ApiKey, Fields, Merchant, SignType, open_refund, seal_refund, sign};
use weft_wechat::pay::v3::{PlatformKeys, SignatureHeaders};

const KEY: &str = "192006250b4c09247ec02edce69f6a2d";

fuzz_target!(|body: &[u8]| {
    let key: ApiKey = KEY.parse().expect("a key");
    let party = Party { appid: "wx1".into(), mch_id: "1900000109".into(), sub_appid: None, sub_mch_id: None };
    let merchant = Merchant { party, key: key.clone(), sign_type: SignType::HmacSha256 };
    if merchant.open(body).is_ok() {
        let fields = Fields::read(body).expect("it has been opened");
        assert_eq!(fields.get("sign"), Some(&*sign(fields.iter(), &key, SignType::HmacSha256)));
    }
    if let Ok(fields) = Fields::read(body) {
        let names: std::collections::HashSet<_> = fields.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), fields.iter().count());
        let again = merchant.signed(fields.iter().filter(|(name, _)| *name != "sign").map(owned).collect(), SignType::Md5);
        assert_eq!(Fields::read(again.to_xml("xml").as_bytes()).map(|read| read.text("sign")), Ok(again.text("sign")));
    }
    let _ = merchant.open_refund(body);
    if let Ok(mut bill) = Bill::open(body) {
        let _ = bill.trades().map(|rows| rows.take_while(Result::is_ok).count());
    }
    let text = String::from_utf8_lossy(body);
    assert_eq!(open_refund(&key, &seal_refund(&key, &text)).as_deref(), Some(&*text));
    if let Ok(headers) = SignatureHeaders::read([
        ("Wechatpay-Timestamp", &b"1700000000"[..]),
        ("wechatpay-nonce", b"N"),
        ("Wechatpay-Serial", b"S"),
        ("Wechatpay-Signature", body),
    ]) {
        assert!(PlatformKeys::default().verify(&headers, body, 1_700_000_000).is_err());
    }
});

fn owned((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}
