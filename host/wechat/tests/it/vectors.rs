//! Known answers, where the file with them lies beside the repository.

use std::path::Path;

use serde_json::Value;
use weft_wechat::account::{Account, EncodingMode, Query};
use weft_wechat::envelope::{EncodingAesKey, EnvelopeError, open, seal};
use weft_wechat::jssdk::{CardExt, sign_page};
use weft_wechat::message::{Content, Event, Message, Other, OtherEvent, fields};
use weft_wechat::signature::{sign, verify};

pub(crate) fn load(name: &str) -> Option<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference").join(name);
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("skipped: no vectors at {}", path.display());
        return None;
    };
    Some(serde_json::from_str(&text).unwrap())
}

/// The kinds that a test here reads, and how many vectors each of them has.
const READ: [(&str, usize); 9] = [
    ("callback_signature_sha1_sorted", 6),
    ("sha1_sorted", 2),
    ("msg_signature_sha1_sorted", 1),
    ("msg_encrypt", 7),
    ("msg_decrypt", 5),
    ("msg_decrypt_negative", 2),
    ("msg_decrypt_echostr", 2),
    ("jsapi_ticket_sha1", 3),
    ("jsapi_card_ext_sha1_sorted_values", 1),
];

/// How the kinds begin that are about something else than messages.
const ELSEWHERE: [&str; 6] = ["pay_", "miniprogram_", "aead_", "rsa_", "certificate_", "keyset"];

/// How many samples of messages and events there are.
const SAMPLES: usize = 51;

/// Runs `test` with the id, the inputs and the expected values of every vector of a kind, as
/// many as [`READ`] says.
fn each(kind: &str, test: impl Fn(&str, &Value, &Value)) {
    let Some(file) = load("vectors.json") else {
        return;
    };
    let mut seen = 0;
    for vector in file["vectors"].as_array().unwrap() {
        if vector["kind"] == kind {
            seen += 1;
            test(text(&vector["id"]), &vector["inputs"], &vector["expected"]);
        }
    }
    assert!(READ.contains(&(kind, seen)), "{seen} vectors of kind {kind}");
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

fn key(inputs: &Value) -> EncodingAesKey {
    text(&inputs["encoding_aes_key"]).parse().unwrap()
}

/// The appid, or what stands in its place in the platforms that share the envelope.
fn receiver(inputs: &Value, expected: &Value) -> String {
    [&inputs["appid"], &inputs["receive_id"], &expected["receive_id"]]
        .into_iter()
        .find_map(Value::as_str)
        .expect("a receiver")
        .to_owned()
}

fn signed_parts<'a>(inputs: &'a Value, encrypted: &'a str) -> [&'a str; 4] {
    [text(&inputs["token"]), text(&inputs["timestamp"]), text(&inputs["nonce"]), encrypted]
}

#[test]
fn no_vector_about_messages_is_left_out() {
    let Some(file) = load("vectors.json") else {
        return;
    };
    for vector in file["vectors"].as_array().unwrap() {
        let kind = text(&vector["kind"]);
        let is_read = READ.iter().any(|(read, _)| *read == kind);
        let is_elsewhere = ELSEWHERE.iter().any(|beginning| kind.starts_with(beginning));
        assert!(is_read != is_elsewhere, "{kind}");
    }
}

#[test]
fn known_signatures_of_urls_verify() {
    each("callback_signature_sha1_sorted", |id, inputs, expected| {
        let parts = ["token", "timestamp", "nonce"].map(|name| text(&inputs[name]));
        assert!(verify(&parts, text(&expected["signature"])), "{id}");
        if let Some(invalid) = expected["invalid_signature"].as_str() {
            assert!(!verify(&parts, invalid), "{id}");
        }
    });
}

#[test]
fn known_signatures_of_sorted_strings_come_out() {
    each("sha1_sorted", |id, inputs, expected| {
        let parts: Vec<_> = inputs["parts"].as_array().unwrap().iter().map(text).collect();
        assert_eq!(sign(&parts), text(&expected["sha1"]), "{id}");
    });
}

#[test]
fn known_signatures_of_pages_and_cards_come_out() {
    let number = |value: &Value| value.as_u64().unwrap_or_else(|| text(value).parse().unwrap());
    each("jsapi_ticket_sha1", |id, inputs, expected| {
        let [ticket, nonce, url] = ["jsapi_ticket", "noncestr", "url"].map(|name| text(&inputs[name]));
        let timestamp = number(&inputs["timestamp"]);
        assert_eq!(sign_page(ticket, nonce, timestamp, url), text(&expected["signature"]), "{id}");
        let with_fragment = format!("{url}#part#more");
        assert_eq!(sign_page(ticket, nonce, timestamp, &with_fragment), text(&expected["signature"]), "{id}");
    });
    each("jsapi_card_ext_sha1_sorted_values", |id, inputs, expected| {
        let [card_id, code, openid, ticket, nonce] =
            ["card_id", "code", "openid", "api_ticket", "nonce_str"].map(|name| text(&inputs[name]));
        let card = CardExt { card_id, code, openid };
        assert_eq!(card.sign(ticket, nonce, number(&inputs["timestamp"])), text(&expected["signature"]), "{id}");
    });
}

#[test]
fn known_signatures_of_envelopes_come_out() {
    each("msg_signature_sha1_sorted", |id, inputs, expected| {
        let parts = signed_parts(inputs, text(&inputs["encrypt"]));
        assert_eq!(sign(&parts), text(&expected["msg_signature"]), "{id}");
    });
}

#[test]
fn known_envelopes_come_out() {
    each("msg_encrypt", |id, inputs, expected| {
        let random = text(&inputs["random16"]).as_bytes().try_into().unwrap();
        let receiver = receiver(inputs, expected);
        let plain = text(&inputs["plaintext"]);
        let sealed = seal(&key(inputs), &receiver, random, plain);
        assert_eq!(sealed, text(&expected["encrypt"]), "{id}");
        if let Some(signature) = expected["msg_signature"].as_str() {
            assert!(verify(&signed_parts(inputs, &sealed), signature), "{id}");
        }
    });
}

#[test]
fn known_envelopes_open() {
    each("msg_decrypt", |id, inputs, expected| {
        let encrypted = text(&inputs["encrypt"]);
        let opened = open(&key(inputs), &receiver(inputs, expected), encrypted);
        assert_eq!(opened.as_deref(), Ok(text(&expected["plaintext"])), "{id}");
    });
}

#[test]
fn known_deliveries_open() {
    each("msg_decrypt", |id, inputs, expected| {
        let Some(msg_signature) = inputs["msg_signature"].as_str() else {
            return;
        };
        let encrypted = text(&inputs["encrypt"]);
        let [token, timestamp, nonce, _] = signed_parts(inputs, encrypted);
        let account = Account {
            token: token.parse().unwrap(),
            appid: receiver(inputs, expected),
            mode: EncodingMode::Safe,
            keys: vec![key(inputs)],
        };
        let query = Query {
            signature: sign(&[token, timestamp, nonce]),
            timestamp: timestamp.into(),
            nonce: nonce.into(),
            encrypt_type: Some("aes".into()),
            msg_signature: Some(msg_signature.into()),
        };
        let body =
            inputs["body"].as_str().map_or_else(|| format!("<xml><Encrypt>{encrypted}</Encrypt></xml>"), str::to_owned);
        let delivery = account.open(&query, body.as_bytes()).expect(id);
        assert_eq!(&*delivery.raw, text(&expected["plaintext"]), "{id}");
        assert!(delivery.encrypted);
    });
}

#[test]
fn known_bad_envelopes_are_refused() {
    each("msg_decrypt_negative", |id, inputs, _| {
        let opened = open(&key(inputs), text(&inputs["appid"]), text(&inputs["encrypt"]));
        assert_eq!(opened, Err(EnvelopeError), "{id}");
    });
}

#[test]
fn known_encrypted_echo_strings_open() {
    each("msg_decrypt_echostr", |id, inputs, expected| {
        let encrypted = text(&inputs["echostr"]);
        let opened = open(&key(inputs), text(&inputs["receive_id"]), encrypted);
        assert_eq!(opened.as_deref(), Ok(text(&expected["plaintext"])), "{id}");
        let mut parts = signed_parts(inputs, encrypted);
        assert!(verify(&parts, text(&inputs["msg_signature"])), "{id}");
        if let Some(nonce) = inputs["negative_nonce"].as_str() {
            parts[2] = nonce;
            assert!(!verify(&parts, text(&inputs["msg_signature"])), "{id}");
        }
    });
}

#[test]
fn the_envelopes_of_the_protocol_notes_come_out_and_open() {
    let Some(file) = load("protocol-vectors.json") else {
        return;
    };
    let url = &file["url_signature"];
    let parts = ["token", "timestamp", "nonce"].map(|name| text(&url[name]));
    assert_eq!(sign(&parts), text(&url["signature"]));

    let crypto = &file["message_crypto"];
    let encrypted = text(&crypto["encrypt_b64"]);
    let plain = text(&crypto["plaintext_xml"]);
    let random = text(&crypto["random16"]).as_bytes().try_into().unwrap();
    let appid = text(&crypto["appid"]);
    assert_eq!(seal(&key(crypto), appid, random, plain), encrypted);
    assert_eq!(open(&key(crypto), appid, encrypted).as_deref(), Ok(plain));
    let parts = signed_parts(crypto, encrypted);
    assert_eq!(sign(&parts), text(&crypto["msg_signature"]));
    assert_eq!(sign(&parts[..3]), text(&crypto["signature_plain_query"]));
    let message = Message::parse(plain).unwrap();
    assert_eq!(message.id, Some(24_086_087_575_195_331));

    let sample = &file["message_crypto_sdk_sample"];
    let encrypted = text(&sample["encrypt_b64"]);
    let opened = open(&key(sample), text(&sample["id"]), encrypted);
    assert_eq!(opened.as_deref(), Ok(text(&sample["plaintext"])));
    assert!(verify(&signed_parts(sample, encrypted), text(&sample["msg_signature"])));
}

#[test]
fn samples_of_messages_and_events_have_their_types() {
    /// Types and events of the samples that have no case of their own.
    const OTHERS: [&str; 9] = [
        "notsure",
        "device_text",
        "device_event",
        "user_authorize_invoice",
        "update_invoice_status",
        "submit_invoice_title",
        "merchant_order",
        "ShakearoundUserShake",
        "WifiConnected",
    ];
    let Some(file) = load("vectors.json") else {
        return;
    };
    let samples = file["xml_samples"].as_array().unwrap();
    assert_eq!(samples.len(), SAMPLES);
    for sample in samples {
        let xml = text(&sample["xml"]);
        let test = text(&sample["test"]);
        let fields = fields(xml).expect(test);
        let field = |path: &str| {
            let found = fields.iter().find(|field| field.path == path);
            found.map(|field| field.value.as_str())
        };
        let message = Message::parse(xml).expect(test);
        assert_eq!(Some(message.msg_type()), field("MsgType"), "{test}");
        assert_eq!(Some(&*message.sender), field("FromUserName"), "{test}");
        assert_eq!(Some(&*message.receiver), field("ToUserName"), "{test}");
        let name = match message.event_name() {
            Some(name) => {
                let sent = field("Event").expect(test);
                assert!(name.eq_ignore_ascii_case(sent), "{test}: {name}");
                assert_eq!(message.id, None, "{test}");
                name
            }
            None => message.msg_type(),
        };
        let is_other = matches!(message.content, Content::Other(_) | Content::Event(Event::Other(_)));
        assert_eq!(is_other, OTHERS.contains(&name), "{test}: {message:?}");
        if let Content::Other(Other { fields: kept, .. })
        | Content::Event(Event::Other(OtherEvent { fields: kept, .. })) = message.content
        {
            assert_eq!(kept, fields, "{test}");
        }
    }
}
