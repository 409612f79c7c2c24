//! Whole deliveries, URL and body, in the three modes: only what is signed opens, and only what the
//! mode allows.
#![no_main]

use libfuzzer_sys::{arbitrary, arbitrary::Arbitrary, fuzz_target};
use weft_fuzz::{APPID, KEY, TOKEN, account, query};
use weft_wechat::account::{EncodingMode, Query, Refusal};
use weft_wechat::envelope::seal;
use weft_wechat::reply::Reply;
use weft_wechat::signature::sign;

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    timestamp: &'a str,
    nonce: &'a str,
    /// In place of the right one.
    signature: Option<&'a str>,
    encrypt_type: Option<&'a str>,
    announced: bool,
    msg_signature: Option<&'a str>,
    body: Body<'a>,
}

#[derive(Debug, Arbitrary)]
enum Body<'a> {
    Raw(&'a [u8]),
    /// A message with these elements.
    Message(&'a str),
    Sealed {
        text: &'a str,
        is_message: bool,
        beside: &'a str,
        as_json: bool,
    },
    /// An `Encrypt` that holds something else, signed all the same.
    Signed(&'a str),
}

fn message(elements: &str) -> String {
    let head = "<xml><ToUserName>gh_1</ToUserName><FromUserName>oU</FromUserName><CreateTime>1</CreateTime>";
    format!("{head}<MsgType>text</MsgType>{elements}</xml>")
}

fuzz_target!(|input: Input<'_>| {
    // What an envelope holds.
    let mut inside = String::new();
    let (body, encrypted) = match &input.body {
        Body::Raw(bytes) => (bytes.to_vec(), None),
        Body::Message(elements) => (message(elements).into_bytes(), None),
        Body::Sealed { text, is_message, beside, as_json } => {
            inside = if *is_message { message(text) } else { (*text).to_owned() };
            let encrypted = seal(&KEY.parse().expect("a key"), APPID, [7; 16], &inside);
            let body = if *as_json {
                format!("{{\"Encrypt\":\"{encrypted}\"{beside}}}")
            } else {
                format!("<xml><Encrypt><![CDATA[{encrypted}]]></Encrypt>{beside}</xml>")
            };
            (body.into_bytes(), Some(encrypted))
        }
        Body::Signed(encrypted) => {
            (format!("<xml><Encrypt>{encrypted}</Encrypt></xml>").into_bytes(), Some((*encrypted).into()))
        }
    };
    let right = query(input.timestamp, input.nonce);
    let parts = encrypted.as_deref().map(|encrypted| sign(&[TOKEN, input.timestamp, input.nonce, encrypted]));
    let query = Query {
        signature: input.signature.map_or(right.signature.clone(), Into::into),
        encrypt_type: if input.announced { Some("aes".into()) } else { input.encrypt_type.map(Into::into) },
        msg_signature: input.msg_signature.map(Into::into).or(parts.clone()),
        ..right.clone()
    };

    for mode in [EncodingMode::Plain, EncodingMode::Compatible, EncodingMode::Safe] {
        let account = account(mode);
        let opened = account.open(&query, &body);
        assert_eq!(opened, account.open(&query, &body));
        if query.signature != right.signature {
            assert_eq!(opened, Err(Refusal::Forged));
        }
        let Ok(delivery) = opened else { continue };
        assert!(delivery.raw.len() <= body.len());
        assert_eq!(delivery.key(), account.open(&query, &body).expect("again").key());
        match mode {
            EncodingMode::Plain => assert!(!delivery.encrypted),
            EncodingMode::Compatible => {}
            EncodingMode::Safe => assert!(delivery.encrypted),
        }
        if delivery.encrypted {
            assert_eq!(query.msg_signature, parts);
            assert_eq!(&*delivery.raw, inside);
        } else {
            assert_eq!(delivery.raw.as_bytes(), body);
        }

        let xml = Reply::Text("x".into()).to_xml(&delivery.message.sender, &delivery.message.receiver, 1);
        let sealed = account.seal_reply(&xml, 1, input.nonce, [9; 16]);
        let fields = weft_wechat::message::fields(&sealed).expect("a sealed reply");
        let opened = weft_wechat::envelope::open(&account.keys[0], APPID, &fields[0].value);
        assert_eq!(opened, Ok(xml));
    }
});
