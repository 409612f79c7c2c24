//! v3: what is signed, and what is believed of what comes back.

use std::convert::Infallible;

use rsa::rand_core::{TryCryptoRng, TryRng};
use serde_json::{Map, Value, json};
use sha1::{Digest, Sha1};
use weft_wechat::pay::v3::bills::{Bill, Download};
use weft_wechat::pay::v3::certificates::Certificates;
use weft_wechat::pay::v3::refunds;
use weft_wechat::pay::v3::transactions::{Close, Prepay, Query};
use weft_wechat::pay::v3::{
    CallError, Certificate, Event, InvalidKey, Merchant, Method, NotificationError, PlatformKeys, PrivateKey,
    PublicKey, Resource, SignatureError, encode_path,
};
use weft_wechat::pay::{Fen, RefundStatus, TradeState, TradeType};

use super::keys::{
    MERCHANT, MERCHANT_CERTIFICATE, PLATFORM_CERTIFICATE, PUBLIC_KEY_ID, apiv3_key, merchant, platform, platform_keys,
};
use super::{APPID, MCH_ID, partner, party};

const NOW: u64 = 1_767_225_600;
const NUMBER: &str = "T|2026*01";

/// A generator that repeats itself: good for tests alone.
pub(super) struct Random(pub u64);

impl TryRng for Random {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.try_next_u64().map(|number| (number >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Ok(self.0)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for byte in bytes {
            *byte = self.try_next_u64()?.to_be_bytes()[0];
        }
        Ok(())
    }
}

impl TryCryptoRng for Random {}

/// The headers with which WeChat sends a body.
fn headers(body: &str, timestamp: u64) -> Vec<(&'static str, String)> {
    let message = format!("{timestamp}\nNONCE\n{body}\n");
    vec![
        ("Wechatpay-Timestamp", timestamp.to_string()),
        ("Wechatpay-Nonce", "NONCE".into()),
        ("Wechatpay-Serial", PUBLIC_KEY_ID.into()),
        ("Wechatpay-Signature", platform().sign(message.as_bytes()).unwrap()),
        ("Wechatpay-Signature-Type", "WECHATPAY2-SHA256-RSA2048".into()),
    ]
}

fn bytes<'a>(headers: &'a [(&'static str, String)]) -> impl Iterator<Item = (&'a str, &'a [u8])> {
    headers.iter().map(|(name, value)| (*name, value.as_bytes()))
}

fn prepay(trade_type: TradeType) -> Prepay {
    Prepay {
        trade_type,
        description: "测试".into(),
        out_trade_no: NUMBER.into(),
        total: Fen(101),
        time_expire: Some(NOW),
        notify_url: "https://host.example/notify".into(),
        attach: None,
        openid: Some("oTEST".into()),
        sub_openid: None,
        client_ip: None,
        more: Map::new(),
    }
}

fn paid() -> Value {
    json!({
        "appid": APPID, "mchid": MCH_ID, "out_trade_no": NUMBER, "transaction_id": "42", "trade_state": "SUCCESS",
        "trade_type": "JSAPI", "bank_type": "CMC", "success_time": "2026-01-01T08:00:00+08:00", "attach": "",
        "payer": {"openid": "oTEST"},
        "amount": {"total": 101, "payer_total": 100, "currency": "CNY", "payer_currency": "CNY"},
    })
}

#[test]
fn what_goes_out_is_signed_as_it_is_sent() {
    let merchant = merchant();
    let request = merchant.write(&prepay(TradeType::Jsapi), "NONCE", NOW).unwrap();
    assert_eq!((request.method, &*request.target), (Method::Post, "/v3/pay/transactions/jsapi"));
    let body: Value = serde_json::from_str(&request.body).unwrap();
    assert_eq!(
        body,
        json!({
            "appid": APPID, "mchid": MCH_ID, "description": "测试", "out_trade_no": NUMBER,
            "notify_url": "https://host.example/notify", "time_expire": "2026-01-01T08:00:00+08:00",
            "amount": {"total": 101, "currency": "CNY"}, "payer": {"openid": "oTEST"},
        })
    );
    let signature = request.authorization.split("signature=\"").nth(1).unwrap().trim_end_matches('"');
    let message = format!("POST\n/v3/pay/transactions/jsapi\n{NOW}\nNONCE\n{}\n", request.body);
    assert!(merchant.key.public_key().verify(message.as_bytes(), signature));
    assert!(request.authorization.starts_with(&format!(
        "WECHATPAY2-SHA256-RSA2048 mchid=\"{MCH_ID}\",nonce_str=\"NONCE\",timestamp=\"{NOW}\",serial_no=\"{}\",",
        merchant.serial_no
    )));

    let query = merchant.write(&Query { out_trade_no: NUMBER.into() }, "NONCE", NOW).unwrap();
    assert_eq!(query.target, format!("/v3/pay/transactions/out-trade-no/T%7C2026%2A01?mchid={MCH_ID}"));
    assert_eq!((query.method, &*query.body), (Method::Get, ""));
    let close = merchant.write(&Close { out_trade_no: "T20260101".into() }, "NONCE", NOW).unwrap();
    assert_eq!(close.target, "/v3/pay/transactions/out-trade-no/T20260101/close");
    assert_eq!(close.body, format!("{{\"mchid\":\"{MCH_ID}\"}}"));
    assert_eq!(encode_path("a/b?c#d e%店"), "a%2Fb%3Fc%23d%20e%25%E5%BA%97");
    assert!(!format!("{merchant:?} {request:?}").contains("PRIVATE"));
}

#[test]
fn each_way_to_pay_has_its_address_and_members() {
    let merchant = merchant();
    let sent = |prepay: &Prepay, merchant: &Merchant| {
        let request = merchant.write(prepay, "NONCE", NOW).unwrap();
        (request.target, serde_json::from_str::<Value>(&request.body).unwrap())
    };
    for (trade_type, kind) in [(TradeType::Native, "native"), (TradeType::App, "app"), (TradeType::Mweb, "h5")] {
        let (target, body) = sent(&prepay(trade_type), &merchant);
        assert_eq!(target, format!("/v3/pay/transactions/{kind}"));
        assert_eq!(body.get("payer"), None);
    }
    let h5 = Prepay { client_ip: Some("203.0.113.9".into()), ..prepay(TradeType::Mweb) };
    let scene = json!({"payer_client_ip": "203.0.113.9", "h5_info": {"type": "Wap"}});
    assert_eq!(sent(&h5, &merchant).1["scene_info"], scene);
    let partner = Merchant { party: partner(), ..merchant };
    let jsapi = Prepay { sub_openid: Some("oSUB".into()), ..prepay(TradeType::Jsapi) };
    let (target, body) = sent(&jsapi, &partner);
    assert_eq!(target, "/v3/pay/partner/transactions/jsapi");
    assert_eq!(body["payer"], json!({"sub_openid": "oSUB"}));
    assert_eq!((&body["sp_mchid"], &body["sub_mchid"]), (&json!(MCH_ID), &json!("1900000110")));
    assert_eq!((&body["sp_appid"], &body["sub_appid"]), (&json!(APPID), &json!("wxsub")));
    assert_eq!(body.get("mchid"), None);
}

#[test]
fn answers_are_believed_when_they_are_proven() {
    let (merchant, keys) = (merchant(), platform_keys());
    let query = Query { out_trade_no: NUMBER.into() };
    let read = |body: &str, headers: &[(&'static str, String)]| {
        merchant.read(&query, &keys, 200, bytes(headers), body.as_bytes(), NOW)
    };
    let body = paid().to_string();
    let transaction = read(&body, &headers(&body, NOW)).unwrap();
    assert_eq!((transaction.state, transaction.total), (TradeState::Success, Some(Fen(101))));
    assert_eq!(transaction.paid_at, Some(NOW));
    assert_eq!((transaction.openid.as_deref(), transaction.attach), (Some("oTEST"), None));
    assert!(transaction.other.contains(&("payer_total".into(), "100".into())));

    assert_eq!(read(&format!("{body} "), &headers(&body, NOW)), Err(SignatureError::Wrong.into()));
    for off in [NOW - 300, NOW + 300] {
        assert_eq!(read(&body, &headers(&body, off)), Err(SignatureError::Time.into()));
    }
    for near in [NOW - 299, NOW + 299] {
        assert!(read(&body, &headers(&body, near)).is_ok());
    }
    for index in 0..4 {
        let mut lacking = headers(&body, NOW);
        let removed = lacking.remove(index);
        assert_eq!(read(&body, &lacking), Err(SignatureError::Headers.into()), "{removed:?}");
        let mut doubled = headers(&body, NOW);
        doubled.push(removed);
        assert_eq!(read(&body, &doubled), Err(SignatureError::Headers.into()));
    }
    for (name, value, error) in [
        ("Wechatpay-Signature-Type", "WECHATPAY2-SM2-WITH-SM3", SignatureError::Headers),
        ("Wechatpay-Timestamp", "+1767225600", SignatureError::Headers),
        ("Wechatpay-Timestamp", "99999999999999999999", SignatureError::Headers),
        ("Wechatpay-Serial", "0C4AEF", SignatureError::UnknownSerial("0C4AEF".into())),
        ("Wechatpay-Signature", "WECHATPAY/SIGNTEST/x=", SignatureError::Probe),
        ("Wechatpay-Signature", "not base64!", SignatureError::Wrong),
        ("Wechatpay-Signature", "AAAA", SignatureError::Wrong),
        ("Wechatpay-Nonce", "OTHER", SignatureError::Wrong),
    ] {
        let mut wrong = headers(&body, NOW);
        wrong.iter_mut().find(|(found, _)| *found == name).unwrap().1 = value.into();
        assert_eq!(read(&body, &wrong), Err(error.into()), "{name}: {value}");
    }
    for (field, value, error) in [
        ("mchid", "1900000110", "mchid"),
        ("appid", "wx1", "appid"),
        ("sub_mchid", "1900000110", "sub_mchid"),
        ("out_trade_no", "T20260102", "out_trade_no"),
    ] {
        let mut other = paid();
        other[field] = value.into();
        let body = other.to_string();
        assert_eq!(read(&body, &headers(&body, NOW)), Err(CallError::Other(error)));
    }
    for (pointer, value) in [
        ("/amount/total", json!("101")),
        ("/amount/total", json!(-1)),
        ("/amount/total", json!(1.5)),
        ("/amount/total", json!(u64::MAX)),
        ("/trade_state", json!("PAID")),
        ("/success_time", json!("yesterday")),
    ] {
        let mut odd = paid();
        *odd.pointer_mut(pointer).unwrap() = value;
        let body = odd.to_string();
        let answer = read(&body, &headers(&body, NOW));
        assert!(matches!(answer, Err(CallError::Unreadable(_))), "{pointer}: {answer:?}");
    }
}

#[test]
fn a_refusal_needs_no_proof_and_has_a_code() {
    let (merchant, keys) = (merchant(), platform_keys());
    let close = Close { out_trade_no: NUMBER.into() };
    let body = r#"{"code":"ORDER_PAID","message":"订单已支付","detail":{"field":"/x","value":"y"}}"#;
    let read = |status, body: &str| merchant.read(&close, &keys, status, [], body.as_bytes(), NOW);
    let Err(CallError::Refused(refusal)) = read(400, body) else { panic!() };
    assert_eq!((&*refusal.code, refusal.field.as_deref(), refusal.is_unknown()), ("ORDER_PAID", Some("/x"), false));
    let Err(CallError::Refused(refusal)) = read(502, "<html>") else { panic!() };
    assert_eq!((&*refusal.code, refusal.is_unknown()), ("", true));
    assert_eq!(read(200, "{}"), Err(SignatureError::Headers.into()), "but what is no refusal does");
    assert_eq!(merchant.read(&close, &keys, 204, bytes(&headers("", NOW)), b"", NOW), Ok(()));
}

#[test]
fn refunds_and_bills_are_read() {
    let (merchant, keys) = (merchant(), platform_keys());
    let create = refunds::Create {
        out_trade_no: NUMBER.into(),
        out_refund_no: "R1".into(),
        total: Fen(101),
        refund: Fen(1),
        reason: Some("不要了".into()),
        notify_url: None,
    };
    let request = merchant.write(&create, "NONCE", NOW).unwrap();
    let sent: Value = serde_json::from_str(&request.body).unwrap();
    let amount = json!({"refund": 1, "total": 101, "currency": "CNY"});
    assert_eq!(sent, json!({"out_trade_no": NUMBER, "out_refund_no": "R1", "amount": amount, "reason": "不要了"}));
    let told = json!({
        "refund_id": "503", "out_refund_no": "R1", "out_trade_no": NUMBER, "transaction_id": "42",
        "status": "PROCESSING", "amount": {"refund": 1, "total": 101}, "user_received_account": "零钱",
    });
    let body = told.to_string();
    let refund = merchant.read(&create, &keys, 200, bytes(&headers(&body, NOW)), body.as_bytes(), NOW).unwrap();
    assert_eq!((refund.status, refund.refund), (RefundStatus::Processing, Fen(1)));
    let query = refunds::Query { out_refund_no: "R2".into() };
    let answer = merchant.read(&query, &keys, 200, bytes(&headers(&body, NOW)), body.as_bytes(), NOW);
    assert_eq!(answer, Err(CallError::Other("out_refund_no")));

    let bill = Bill::Trade { bill_date: "2026-01-01".into() };
    let request = merchant.write(&bill, "NONCE", NOW).unwrap();
    assert_eq!(request.target, "/v3/bill/tradebill?bill_date=2026-01-01&bill_type=ALL&tar_type=GZIP");
    let download = Download {
        hash_type: "SHA1".into(),
        hash_value: "A9993E364706816ABA3E25717850C26C9CD0D89D".into(),
        download_url: "https://api.mch.weixin.qq.com/v3/billdownload/file?token=a%2Bb".into(),
    };
    assert_eq!(download.target(), Some("/v3/billdownload/file?token=a%2Bb"));
    assert!(!format!("{download:?}").contains("token"));
    let hash = |file: &[u8]| Sha1::digest(file).into();
    assert!(download.is_hash(hash(b"abc")) && !download.is_hash(hash(b"abd")));
}

#[test]
fn the_list_of_certificates_proves_itself() {
    let merchant = merchant();
    let certificate = Certificate::from_pem(PLATFORM_CERTIFICATE).unwrap();
    let sealed = |pem: &str, serial: &str| {
        let resource = Resource::seal(&apiv3_key(), "", "twelve-bytes", "certificate", pem.as_bytes()).unwrap();
        json!({"data": [{"serial_no": serial, "encrypt_certificate": resource}]}).to_string()
    };
    let read = |body: &str, serial: &str| {
        let mut headers = headers(body, NOW);
        headers.iter_mut().find(|(name, _)| *name == "Wechatpay-Serial").unwrap().1 = serial.into();
        merchant.read_certificates(200, bytes(&headers), body.as_bytes(), NOW)
    };
    let body = sealed(PLATFORM_CERTIFICATE, &certificate.serial);
    let keys = read(&body, &certificate.serial).unwrap();
    assert_eq!(keys.for_sealing(), Some((&*certificate.serial, &certificate.public_key)));
    assert!(read(&body, PUBLIC_KEY_ID).is_err());
    assert_eq!(read(&sealed(PLATFORM_CERTIFICATE, "0C"), "0C").unwrap_err(), CallError::Other("serial_no"));
    // Somebody else's certificate, sealed with the right key, does not prove this body.
    let other = Certificate::from_pem(MERCHANT_CERTIFICATE).unwrap();
    assert_eq!(
        read(&sealed(MERCHANT_CERTIFICATE, &other.serial), &other.serial).unwrap_err(),
        CallError::Signature(SignatureError::Wrong)
    );
    // One that has run out proves nothing.
    let mut old = PlatformKeys::default();
    old.add_certificate(Certificate { valid_until: NOW - 1, ..certificate.clone() });
    let mut headers = headers("", NOW);
    headers[2].1 = certificate.serial.clone();
    let answer = merchant.read(&Certificates, &old, 200, bytes(&headers), b"", NOW);
    assert_eq!(answer, Err(SignatureError::UnknownSerial(certificate.serial).into()));
}

fn notification(event_type: &str, original_type: &str, text: &str) -> String {
    let resource = Resource::seal(&apiv3_key(), original_type, "twelve-bytes", original_type, text.as_bytes());
    json!({
        "id": "EV-1", "create_time": "2026-01-01T08:00:01+08:00", "resource_type": "encrypt-resource",
        "event_type": event_type, "summary": "支付成功", "resource": resource.unwrap(),
    })
    .to_string()
}

#[test]
fn notifications_are_opened_when_they_are_proven() {
    let (merchant, keys) = (merchant(), platform_keys());
    let open = |body: &str| merchant.open(&keys, bytes(&headers(body, NOW)), body.as_bytes(), NOW);
    let body = notification("TRANSACTION.SUCCESS", "transaction", &paid().to_string());
    let opened = open(&body).unwrap();
    assert_eq!(opened.id, "EV-1");
    let Event::Transaction(transaction) = opened.event else { panic!() };
    assert_eq!(transaction.transaction_id.as_deref(), Some("42"));

    let refund = json!({
        "mchid": MCH_ID, "transaction_id": "42", "out_trade_no": NUMBER, "refund_id": "503", "out_refund_no": "R1",
        "refund_status": "SUCCESS", "success_time": "2026-01-01T08:00:00+08:00", "user_received_account": "零钱",
        "amount": {"total": 101, "refund": 1, "payer_total": 101, "payer_refund": 1},
    });
    let Event::Refund(told) = open(&notification("REFUND.SUCCESS", "refund", &refund.to_string())).unwrap().event
    else {
        panic!()
    };
    assert_eq!((told.status, told.success_at), (RefundStatus::Success, Some(NOW)));

    // Profit sharing comes under the same event type.
    let other = open(&notification("TRANSACTION.SUCCESS", "profitsharing", "{}")).unwrap();
    assert!(matches!(other.event, Event::Other { original_type, .. } if original_type == "profitsharing"));

    let mut of_another = paid();
    of_another["mchid"] = "1900000110".into();
    for body in [
        notification("TRANSACTION.SUCCESS", "transaction", &of_another.to_string()),
        notification("TRANSACTION.SUCCESS", "transaction", "not JSON"),
        notification("REFUND.SUCCESS", "refund", &refund.to_string().replace(MCH_ID, "1")),
        body.replace("twelve-bytes", "twelve-bytez"),
        body.replace("AEAD_AES_256_GCM", "none"),
        "{}".to_owned(),
        "[".repeat(10_000),
    ] {
        let opened = open(&body);
        assert!(matches!(opened, Err(NotificationError::Unreadable(_))), "{opened:?}");
    }
    let stranger =
        Merchant { apiv3_key: "another-key-0123456789abcdefghij".parse().unwrap(), ..super::keys::merchant() };
    assert!(stranger.open(&keys, bytes(&headers(&body, NOW)), body.as_bytes(), NOW).is_err());
    let unsigned = merchant.open(&keys, [], body.as_bytes(), NOW);
    assert_eq!(unsigned, Err(NotificationError::Signature(SignatureError::Headers)));
}

#[test]
fn keys_are_read_in_the_forms_that_merchants_have() {
    let key = PrivateKey::from_pem(MERCHANT).unwrap();
    let same = PrivateKey::from_pem(include_str!("keys/merchant_key_pkcs1.pem")).unwrap();
    assert_eq!(key.public_key(), same.public_key());
    assert_eq!(key.sign(b"a"), same.sign(b"a"));
    let certificate = Certificate::from_pem(MERCHANT_CERTIFICATE).unwrap();
    assert_eq!(certificate.public_key, key.public_key());
    assert_eq!(certificate.serial, merchant().serial_no);
    assert!(PrivateKey::from_pem(&MERCHANT.replace('\n', "\r\n")).is_ok());
    assert_eq!(PrivateKey::from_pem(MERCHANT_CERTIFICATE).unwrap_err(), InvalidKey::Label("PRIVATE KEY"));
    assert_eq!(Certificate::from_pem(MERCHANT).unwrap_err(), InvalidKey::Label("CERTIFICATE"));
    assert_eq!(PublicKey::from_pem(MERCHANT).unwrap_err(), InvalidKey::Label("PUBLIC KEY"));
    for text in ["", "abc", &MERCHANT[..200], &"-".repeat(20_000)] {
        assert_eq!(PrivateKey::from_pem(text).unwrap_err(), InvalidKey::Pem);
    }
    let mut lines: Vec<_> = MERCHANT.lines().collect();
    lines.swap(3, 4);
    assert_eq!(PrivateKey::from_pem(&lines.join("\n")).unwrap_err(), InvalidKey::Rsa);
}

#[test]
fn sensitive_fields_are_for_one_key() {
    let key = PrivateKey::from_pem(MERCHANT).unwrap();
    let sealed = key.public_key().seal_sensitive(&mut Random(1), "张三").unwrap();
    let again = key.public_key().seal_sensitive(&mut Random(2), "张三").unwrap();
    assert_ne!(sealed, again);
    for sealed in [sealed, again] {
        assert_eq!(key.open_sensitive(&mut Random(3), &sealed).as_deref(), Ok("张三"));
        assert!(platform().open_sensitive(&mut Random(3), &sealed).is_err());
    }
    assert!(key.open_sensitive(&mut Random(3), "MTIzNA==").is_err());
    assert!(key.public_key().seal_sensitive(&mut Random(1), &"x".repeat(500)).is_err());
    assert_eq!(party().is_partner(), !partner().is_partner());
}
