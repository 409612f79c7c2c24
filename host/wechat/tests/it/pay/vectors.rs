//! Known answers, where the file with them lies beside the repository.

use serde_json::Value;
use weft_wechat::pay::Party;
use weft_wechat::pay::v2::{self, ApiKey, Fields, Notification, SignType, open_refund, seal_refund, sign, verify};
use weft_wechat::pay::v3::certificates::Certificates;
use weft_wechat::pay::v3::{
    Apiv3Key, Call, Certificate, Event, Merchant, Method, PlatformKeys, PrivateKey, PublicKey, Resource,
    SignatureError, SignatureHeaders, canonical_message,
};

use crate::vectors::{load, text};

/// The kinds that a test here reads, and how many vectors each of them has.
const READ: [(&str, usize); 15] = [
    ("pay_v2_sign", 7),
    ("pay_v2_jsapi_paysign", 2),
    ("pay_v2_dict_to_xml", 1),
    ("pay_v2_notify_xml", 1),
    ("pay_v2_refund_req_info", 4),
    ("pay_v3_rsa_sha256_sign", 3),
    ("pay_v3_rsa_sha256_verify", 1),
    ("pay_v3_rsa_sha256_verify_public_key_mode", 1),
    ("pay_v3_canonical_message", 3),
    ("pay_v3_notification", 2),
    ("pay_v3_certificates_response", 2),
    ("pay_v3_jsapi_paysign", 1),
    ("aead_aes_256_gcm", 2),
    ("rsa_oaep_sha1_decrypt", 2),
    ("certificate_serial_hex", 1),
];

/// The kinds that are about pay and have no test here: keys of 16 bytes, which no merchant has, and a set of keys.
const ELSEWHERE: [&str; 2] = ["aead_aes_gcm", "keyset"];

fn each(kind: &str, test: impl Fn(&str, &Value, &Value)) {
    let Some(file) = load("vectors.json") else { return };
    let mut seen = 0;
    for vector in file["vectors"].as_array().unwrap() {
        if vector["kind"] == kind {
            seen += 1;
            test(text(&vector["id"]), &vector["inputs"], &vector["expected"]);
        }
    }
    assert!(READ.contains(&(kind, seen)), "{seen} vectors of kind {kind}");
}

fn pairs(object: &Value) -> Vec<(&str, &str)> {
    let texts = object.as_object().unwrap().iter().filter(|(_, value)| value.is_string());
    texts.map(|(name, value)| (&**name, text(value))).collect()
}

fn api_key(inputs: &Value) -> ApiKey {
    text(&inputs["api_key"]).parse().unwrap()
}

/// The label of keys for tests says so.
fn private_key(inputs: &Value) -> PrivateKey {
    PrivateKey::from_pem(&text(&inputs["private_key_pem"]).replace("TESTING KEY", "PRIVATE KEY")).unwrap()
}

#[test]
fn no_vector_about_pay_is_left_out() {
    let Some(file) = load("vectors.json") else { return };
    for vector in file["vectors"].as_array().unwrap() {
        let kind = text(&vector["kind"]);
        if ["pay_", "aead_", "rsa_", "certificate_", "keyset"].iter().any(|start| kind.starts_with(start)) {
            assert!(READ.iter().any(|(read, _)| *read == kind) != ELSEWHERE.contains(&kind), "{kind}");
        }
    }
}

#[test]
fn known_signatures_of_v2_come_out() {
    for kind in ["pay_v2_sign", "pay_v2_jsapi_paysign"] {
        each(kind, |id, inputs, expected| {
            // A zero may stand there as a number, and is signed.
            let numbers: Vec<_> =
                inputs["params"].as_object().unwrap().iter().filter(|(_, value)| value.is_u64()).collect();
            let numbers: Vec<_> = numbers.into_iter().map(|(name, value)| (&**name, value.to_string())).collect();
            let mut params = pairs(&inputs["params"]);
            params.extend(numbers.iter().map(|(name, value)| (*name, &**value)));
            let named = inputs["sign_type"].as_str().or(inputs["params"]["signType"].as_str()).unwrap();
            let sign_type: SignType = named.parse().unwrap();
            let right = expected["sign"].as_str().or(expected["paySign"].as_str()).unwrap();
            let key = api_key(inputs);
            assert_eq!(sign(params.clone(), &key, sign_type), right, "{id}");
            assert!(verify(params.clone(), &key, sign_type, Some(right)), "{id}");
            for wrong in [None, Some(""), Some(&*right.to_lowercase()), Some(&right[1..])] {
                assert!(!verify(params.clone(), &key, sign_type, wrong), "{id} {wrong:?}");
            }
        });
    }
}

#[test]
fn known_bodies_of_v2_are_read() {
    each("pay_v2_dict_to_xml", |id, inputs, expected| {
        let fields = Fields::read(text(&expected["xml"]).as_bytes()).expect(id);
        assert_eq!(fields.get("sign"), inputs["sign"].as_str());
        let mut own: Fields =
            pairs(&inputs["params"]).into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        own.push("sign", text(&inputs["sign"]));
        assert_eq!(Fields::read(own.to_xml("xml").as_bytes()), Ok(fields), "{id}");
    });
    each("pay_v2_notify_xml", |id, inputs, expected| {
        let fields = Fields::read(text(&inputs["body"]).as_bytes()).expect(id);
        for (name, value) in pairs(&inputs["fields"]) {
            assert_eq!(fields.get(name), Some(value), "{id} {name}");
        }
        assert_eq!(fields.get("sign"), expected["sign"].as_str(), "{id}");
    });
}

#[test]
fn known_refunds_of_v2_open_and_come_out() {
    each("pay_v2_refund_req_info", |id, inputs, expected| {
        let key = api_key(inputs);
        let plain = text(&expected["plaintext"]);
        let sealed = text(&inputs["req_info"]);
        assert_eq!(open_refund(&key, sealed).as_deref(), Some(plain), "{id}");
        assert_eq!(seal_refund(&key, plain), sealed.replace(['\n', ' '], ""), "{id}");
        let other = "another-key-of-somebody".parse().unwrap();
        assert!(open_refund(&other, sealed).is_none(), "{id}");
    });
}

#[test]
fn known_signatures_of_v3_come_out_and_verify() {
    each("pay_v3_rsa_sha256_sign", |id, inputs, expected| {
        let (key, message) = (private_key(inputs), text(&inputs["message"]).as_bytes());
        let signature = text(&expected["signature_base64"]);
        assert_eq!(key.sign(message).as_deref(), Ok(signature), "{id}");
        assert!(key.public_key().verify(message, signature), "{id}");
        if let Some(pem) = inputs["certificate_pem"].as_str() {
            let certificate = Certificate::from_pem(pem).unwrap();
            assert_eq!(certificate.serial, text(&inputs["serial"]));
            assert_eq!(certificate.public_key, key.public_key());
        }
    });
    each("pay_v3_canonical_message", |id, inputs, expected| {
        let method = if inputs["method"] == "GET" { Method::Get } else { Method::Post };
        let url = inputs["canonical_url"].as_str().or(inputs["url"].as_str()).unwrap();
        let target = url.trim_start_matches("https://api.mch.weixin.qq.com");
        let timestamp = text(&inputs["timestamp"]).parse().unwrap();
        let message = canonical_message(method, target, timestamp, text(&inputs["nonce"]), text(&inputs["body"]));
        assert_eq!(message, text(&expected["message"]), "{id}");
        if let Some(signature) = expected["signature_base64"].as_str() {
            assert_eq!(private_key(inputs).sign(message.as_bytes()).as_deref(), Ok(signature), "{id}");
        }
    });
    each("pay_v3_jsapi_paysign", |id, inputs, expected| {
        let party = Party { appid: text(&inputs["appid"]).into(), ..super::party() };
        let merchant = Merchant { party, key: private_key(inputs), ..super::keys::merchant() };
        let prepay_id = text(&inputs["package"]).trim_start_matches("prepay_id=");
        let now = text(&inputs["timestamp"]).parse().unwrap();
        let parameters =
            merchant.jsapi_parameters(&merchant.party.appid, prepay_id, now, text(&inputs["nonce"])).unwrap();
        assert_eq!(parameters.pay_sign, text(&expected["paySign"]), "{id}");
    });
}

#[test]
fn known_keys_of_wechat_verify() {
    each("pay_v3_rsa_sha256_verify", |id, inputs, _| {
        let certificate = Certificate::from_pem(text(&inputs["certificate_pem"])).unwrap();
        assert_eq!(certificate.serial, text(&inputs["serial"]), "{id}");
        let signature = text(&inputs["signature_base64"]);
        assert!(certificate.public_key.verify(b"source", signature), "{id}");
        assert!(!certificate.public_key.verify(b"wrong source", signature), "{id}");
        assert!(!certificate.public_key.verify(b"", signature), "{id}");
        for signature in ["", "not base64", "bm9uZQ=="] {
            assert!(!certificate.public_key.verify(b"source", signature), "{id}");
        }
    });
    each("pay_v3_rsa_sha256_verify_public_key_mode", |id, inputs, _| {
        let key = PublicKey::from_pem(text(&inputs["public_key_pem"])).unwrap();
        assert!(key.verify(text(&inputs["message"]).as_bytes(), text(&inputs["signature_base64"])), "{id}");
    });
    each("certificate_serial_hex", |id, inputs, expected| {
        let certificate = Certificate::from_pem(text(&inputs["certificate_pem"])).unwrap();
        assert_eq!(certificate.serial, text(&expected["serial"]), "{id}");
    });
}

#[test]
fn known_resources_open() {
    each("aead_aes_256_gcm", |id, inputs, expected| {
        let key: Apiv3Key = text(&inputs["key"]).parse().unwrap();
        let resource = Resource {
            original_type: String::new(),
            algorithm: "AEAD_AES_256_GCM".into(),
            ciphertext: text(&inputs["ciphertext"]).into(),
            associated_data: text(&inputs["associated_data"]).into(),
            nonce: text(&inputs["nonce"]).into(),
        };
        let plain = text(&expected["plaintext"]).as_bytes();
        assert_eq!(resource.open(&key).as_deref(), Ok(plain), "{id}");
        let sealed = Resource::seal(&key, "", &resource.nonce, &resource.associated_data, plain).unwrap();
        assert_eq!(sealed, resource, "{id}");
        for wrong in [
            Resource { associated_data: "bad-associatedData".into(), ..resource.clone() },
            Resource { nonce: "bad-4a9R25RW".into(), ..resource.clone() },
            Resource { nonce: "eleven-byte".into(), ..resource.clone() },
            Resource { ciphertext: "AAAA".repeat(40), ..resource.clone() },
            Resource { algorithm: "AEAD_SM4_GCM".into(), ..resource.clone() },
        ] {
            assert!(wrong.open(&key).is_err(), "{id} {wrong:?}");
        }
    });
    each("rsa_oaep_sha1_decrypt", |id, inputs, expected| {
        let sealed = match inputs["ciphertext_base64url"].as_str() {
            Some(sealed) => {
                let sealed = sealed.replace('-', "+").replace('_', "/");
                let fill = "=".repeat((4 - sealed.len() % 4) % 4);
                sealed + &fill
            }
            None => text(&inputs["ciphertext"]).to_owned(),
        };
        let opened = private_key(inputs).open_sensitive(&mut super::v3::Random(1), &sealed);
        assert_eq!(opened.as_deref(), Ok(text(&expected["plaintext"])), "{id}");
    });
}

#[test]
fn known_lists_of_certificates_are_read() {
    each("pay_v3_certificates_response", |id, inputs, expected| {
        let Ok(key) = text(&inputs["api_v3_key"]).parse::<Apiv3Key>() else {
            assert_eq!(id, "v3-certificates-download-go", "a key of 16 bytes");
            return;
        };
        let listed = Certificates.read(&super::party(), text(&inputs["body"]).as_bytes()).unwrap();
        let certificate = listed[0].open(&key).unwrap();
        assert_eq!(certificate.serial, text(&expected["serial_no"]), "{id}");
        assert_eq!(certificate, Certificate::from_pem(text(&expected["certificate_pem"])).unwrap(), "{id}");
    });
}

#[test]
fn known_notifications_verify_and_open() {
    each("pay_v3_notification", |id, inputs, expected| {
        let certificate = Certificate::from_pem(text(&inputs["certificate_pem"])).unwrap();
        let mut keys = PlatformKeys::default();
        keys.add_certificate(certificate);
        let headers = pairs(&inputs["headers"]);
        let bytes = || headers.iter().map(|(name, value)| (*name, value.as_bytes()));
        let body = text(&inputs["body"]).as_bytes();
        let now = inputs["now"].as_u64().unwrap();
        let read = SignatureHeaders::read(bytes()).unwrap();
        assert_eq!(keys.verify(&read, body, now), Ok(()), "{id}");
        for off in [now - 300, now + 300, 0, u64::MAX] {
            assert_eq!(keys.verify(&read, body, off), Err(SignatureError::Time), "{id}");
        }
        let mut changed = body.to_vec();
        changed[20] ^= 1;
        assert_eq!(keys.verify(&read, &changed, now), Err(SignatureError::Wrong), "{id}");
        let probe = SignatureHeaders { signature: "WECHATPAY/SIGNTEST/abc".into(), ..read.clone() };
        assert_eq!(keys.verify(&probe, body, now), Err(SignatureError::Probe), "{id}");
        let unknown = SignatureHeaders { serial: "0C".into(), ..read };
        assert_eq!(keys.verify(&unknown, body, now), Err(SignatureError::UnknownSerial("0C".into())), "{id}");

        let Ok(apiv3_key) = text(&inputs["api_v3_key"]).parse() else { return };
        let plain: Value = serde_json::from_str(text(&expected["plaintext"])).unwrap();
        let party =
            Party { appid: text(&plain["appid"]).into(), mch_id: text(&plain["mchid"]).into(), ..super::party() };
        let merchant = Merchant { party, apiv3_key, ..super::keys::merchant() };
        let opened = merchant.open(&keys, bytes(), body, now).expect(id);
        let Event::Transaction(transaction) = opened.event else { panic!("{id}: {opened:?}") };
        assert_eq!(transaction.out_trade_no, text(&plain["out_trade_no"]));
        assert_eq!(transaction.total.map(|total| total.0), plain["amount"]["total"].as_u64());
        assert!(transaction.other.iter().any(|(name, _)| name == "promotion_detail"));
    });
}

#[test]
fn the_payment_of_the_protocol_notes_is_read() {
    let Some(file) = load("protocol-vectors.json") else { return };
    let notify = &file["v2_notify"];
    let mut merchant = super::v2::merchant(SignType::Md5);
    merchant.key = text(&notify["key"]).parse().unwrap();
    for (sign_type, name) in [(SignType::Md5, "md5"), (SignType::HmacSha256, "hmac_sha256_if_sign_type_absent")] {
        let mut fields: Fields =
            pairs(&notify["params"]).into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        fields.push("sign", text(&notify[name]));
        let merchant = v2::Merchant { sign_type, ..merchant.clone() };
        let opened = merchant.open(fields.to_xml("xml").as_bytes());
        let Ok(Notification::Paid(transaction)) = opened else { panic!("{opened:?}") };
        assert_eq!(transaction.transaction_id.as_deref(), Some("4200000000202601010000000001"));
        assert_eq!(transaction.attach.as_deref(), Some("中文 附加"));
        assert_eq!(transaction.paid_at, Some(1_767_225_600));
    }
    let v3 = &file["v3"];
    let key = PrivateKey::from_pem(text(&v3["merchant_private_key_pem_TEST_ONLY"])).unwrap();
    for name in ["request_post", "request_get"] {
        let message = text(&v3[name]["message"]).as_bytes();
        assert_eq!(key.sign(message).as_deref(), Ok(text(&v3[name]["signature"])), "{name}");
    }
    let mut keys = PlatformKeys::default();
    let public_key = PublicKey::from_pem(text(&v3["platform_public_key_pem"])).unwrap();
    keys.add_public_key(text(&v3["platform_public_key_id"]), public_key);
    let merchant = Merchant { apiv3_key: text(&v3["apiv3_key"]).parse().unwrap(), key, ..super::keys::merchant() };
    let app = merchant.app_parameters(
        "wx201410272009395522657a690389285100",
        1_760_000_000,
        "593BEC0C930BF1AFEB40B4A08C8FB242",
    );
    assert_eq!(app.unwrap().sign, text(&v3["app_sign"]["sign"]));
    let headers = pairs(&v3["notify"]["headers"]);
    let headers = headers.iter().map(|(name, value)| (*name, value.as_bytes()));
    let opened = merchant.open(&keys, headers, text(&v3["notify"]["body"]).as_bytes(), 1_760_000_000).unwrap();
    let Event::Transaction(transaction) = opened.event else { panic!("{opened:?}") };
    assert_eq!(transaction.out_trade_no, "T20260101000001");
}
