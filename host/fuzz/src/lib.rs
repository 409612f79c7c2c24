//! What must hold for every body, whatever a fuzzer makes of it.

use weft_wechat::account::{Account, EncodingMode, Query};
use weft_wechat::message::{Content, Event, Message, fields};
use weft_wechat::signature::sign;

/// Signs the deliveries of [`account`].
pub const TOKEN: &str = "weftToken2026";

/// The original of [`account`]'s appid.
pub const APPID: &str = "wxfeedfacecafe0001";

/// The key of [`account`]'s envelopes.
pub const KEY: &str = "WeftWeftWeftWeftWeftWeftWeftWeftWeftWeftWex";

/// An account whose deliveries are encoded that way.
pub fn account(mode: EncodingMode) -> Account {
    let keys = vec![KEY.parse().expect("a key")];
    Account { token: TOKEN.parse().expect("a token"), appid: APPID.into(), mode, keys }
}

/// A signed URL that announces no encryption.
pub fn query(timestamp: &str, nonce: &str) -> Query {
    let signature = sign(&[TOKEN, timestamp, nonce]);
    Query { signature, timestamp: timestamp.into(), nonce: nonce.into(), encrypt_type: None, msg_signature: None }
}

/// Parses a body: twice the same comes out, and not more than went in.
pub fn parse(body: &str) {
    let message = Message::parse(body);
    assert_eq!(message, Message::parse(body));
    let fields = match fields(body) {
        Ok(fields) => fields,
        Err(error) => return assert_eq!(message, Err(error)),
    };
    assert!(fields.len() < 1000);
    assert!(fields.iter().all(|field| field.path.len() < 16 * 257 && !field.path.contains('\0')));
    assert!(fields.iter().all(|field| !field.value.contains('\0')));
    assert!(fields.iter().map(|field| field.value.len()).sum::<usize>() <= body.len());

    let Ok(message) = message else { return };
    let first = |path: &str| fields.iter().find(|field| field.path == path).map(|field| field.value.trim());
    assert_eq!(first("CreateTime").and_then(|time| time.parse().ok()), Some(message.created_at));
    if let Some(id) = message.id {
        assert_eq!(first("MsgId").and_then(|id| id.parse().ok()), Some(id));
    }
    match &message.content {
        Content::Other(other) => assert_eq!(other.fields, fields),
        Content::Event(Event::Other(other)) => assert_eq!(other.fields, fields),
        _ => {}
    }

    let open = || account(EncodingMode::Plain).open(&query("1", "2"), body.as_bytes()).expect("it has been parsed");
    let delivery = open();
    assert_eq!(delivery.message, message);
    assert_eq!(&*delivery.raw, body);
    assert_eq!(delivery.key(), open().key());
    assert!(delivery.key().len() <= 64 + 1 + 20 + 1 + 40);
}
