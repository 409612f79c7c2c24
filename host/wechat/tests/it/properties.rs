//! What holds for every input.

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use weft_wechat::account::{Account, EncodingMode, Query};
use weft_wechat::envelope::{EncodingAesKey, open, seal};
use weft_wechat::message::{Message, fields};
use weft_wechat::reply::Reply;
use weft_wechat::signature::{sign, verify};

use crate::{
    event_xml,
    sent::{carried, cut},
    xml,
};

const KEY: &str = "WeftWeftWeftWeftWeftWeftWeftWeftWeftWeftWex";

/// Pieces of markup in any order: closer to the edge than arbitrary characters.
fn markup() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("<xml>".to_owned()),
        Just("</xml>".to_owned()),
        Just("<MsgType>text</MsgType>".to_owned()),
        Just("<Event>".to_owned()),
        Just("<a/>".to_owned()),
        Just("<![CDATA[".to_owned()),
        Just("]]>".to_owned()),
        Just("<!--".to_owned()),
        Just("-->".to_owned()),
        Just("<?".to_owned()),
        Just("?>".to_owned()),
        Just("<!DOCTYPE".to_owned()),
        Just("&".to_owned()),
        Just("&#x".to_owned()),
        Just(";".to_owned()),
        Just("{\"a\":".to_owned()),
        Just("[".to_owned()),
        Just("}".to_owned()),
        any::<String>(),
    ];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// Any characters, controls and NUL among them, with brackets more often than chance would put them there.
pub(crate) fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("]]>".to_owned()),
        Just("]".to_owned()),
        Just(">".to_owned()),
        Just("<![CDATA[".to_owned()),
        Just("&lt;".to_owned()),
        Just(" \n".to_owned()),
        Just("\0".to_owned()),
        Just("😀".to_owned()),
        Just("好".repeat(700)),
        vec(any::<char>(), 0..20).prop_map(String::from_iter),
        any::<String>(),
    ];
    vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_markup_is_a_reply_or_not_without_a_panic(body in markup()) {
        let _ = Reply::parse(&body);
        let _ = Reply::parse(&xml("news", &body));
    }

    #[test]
    fn any_text_survives_a_reply(text in text()) {
        let xml = Reply::Text(text.clone()).to_xml("oU", "gh_1", 1);
        let fields = fields(&xml).unwrap();
        prop_assert_eq!(fields.len(), 5);
        prop_assert_eq!(&fields[4].value, &cut(&text));
    }

    #[test]
    fn any_sender_and_receiver_survive_a_reply(to in text(), from in text()) {
        let xml = Reply::Text("x".into()).to_xml(&to, &from, u64::MAX);
        let message = Message::parse(&xml).unwrap();
        prop_assert_eq!(carried(&message.receiver), carried(&to));
        prop_assert_eq!(carried(&message.sender), carried(&from));
        prop_assert_eq!(message.created_at, u64::MAX);
    }

    #[test]
    fn any_string_parses_or_does_not_without_a_panic(body in any::<String>()) {
        let _ = Message::parse(&body);
    }

    #[test]
    fn any_markup_parses_or_does_not_without_a_panic(body in markup()) {
        let _ = Message::parse(&body);
        let _ = Message::parse(&xml("text", &body));
        let _ = Message::parse(&event_xml("pic_weixin", &body));
        let _ = fields(&format!("{{\"a\":{body}}}"));
    }

    #[test]
    fn any_bytes_are_refused_without_a_panic(body in vec(any::<u8>(), 0..200)) {
        for mode in [EncodingMode::Plain, EncodingMode::Compatible, EncodingMode::Safe] {
            let account = Account {
                token: "weft2026".parse().unwrap(),
                appid: "wx1".into(),
                mode,
                keys: vec![KEY.parse().unwrap()],
            };
            let query = Query {
                signature: sign(&["weft2026", "1", "2"]),
                timestamp: "1".into(),
                nonce: "2".into(),
                encrypt_type: Some("aes".into()),
                msg_signature: None,
            };
            prop_assert!(account.open(&query, &body).is_err());
        }
    }

    #[test]
    fn what_is_sealed_opens_again(text in text(), appid in "[a-z0-9]{0,40}", random in any::<[u8; 16]>()) {
        let key: EncodingAesKey = KEY.parse().unwrap();
        let sealed = seal(&key, &appid, random, &text);
        prop_assert_eq!(open(&key, &appid, &sealed).unwrap(), text);
        let other = appid + "x";
        prop_assert!(open(&key, &other, &sealed).is_err());
    }

    #[test]
    fn any_envelope_is_opened_or_not_without_a_panic(encrypted in "[A-Za-z0-9+/]{0,200}={0,2}") {
        let key: EncodingAesKey = KEY.parse().unwrap();
        prop_assert!(open(&key, "wx1", &encrypted).is_err());
    }

    #[test]
    fn any_key_of_43_letters_and_digits_is_one(key in "[A-Za-z0-9]{43}") {
        prop_assert!(key.parse::<EncodingAesKey>().is_ok());
    }

    #[test]
    fn the_order_of_parts_does_not_matter(parts in vec(text(), 0..5).prop_shuffle(), other in text()) {
        let mut parts: Vec<_> = parts.iter().map(String::as_str).collect();
        let signature = sign(&parts);
        parts.sort_unstable();
        prop_assert_eq!(&sign(&[&parts.concat()]), &signature);
        prop_assert!(verify(&parts, &signature));
        prop_assert!(!verify(&parts, &other));
        parts.push("x");
        prop_assert!(!verify(&parts, &signature));
    }
}
