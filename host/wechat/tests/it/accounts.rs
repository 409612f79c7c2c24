//! Deliveries: verified, decrypted and read as the account's mode wants it.

use weft_wechat::account::{Account, EncodingMode, Mismatch, Query, Refusal, Token};
use weft_wechat::envelope::{EncodingAesKey, seal};
use weft_wechat::message::{Content, MAX_BODY, ParseError, fields};
use weft_wechat::signature::sign;

use crate::xml;

pub(crate) const TOKEN: &str = "weftToken2026";
pub(crate) const APPID: &str = "wxfeedfacecafe0001";
pub(crate) const KEY: &str = "WeftWeftWeftWeftWeftWeftWeftWeftWeftWeftWex";
const PREVIOUS: &str = "OldOldOldOldOldOldOldOldOldOldOldOldOldOldO";

pub(crate) fn key(text: &str) -> EncodingAesKey {
    text.parse().unwrap()
}

pub(crate) fn account(mode: EncodingMode) -> Account {
    Account { token: TOKEN.parse().unwrap(), appid: APPID.into(), mode, keys: vec![key(KEY)] }
}

/// A URL that is signed; it announces no encryption.
pub(crate) fn plain_query() -> Query {
    signed_query("1767225600", "42", None)
}

/// A URL that announces and signs `encrypted`.
pub(crate) fn encrypted_query(encrypted: &str) -> Query {
    signed_query("1767225600", "42", Some(encrypted))
}

/// A signed URL of that time and nonce.
pub(crate) fn signed_query(timestamp: &str, nonce: &str, encrypted: Option<&str>) -> Query {
    Query {
        signature: sign(&[TOKEN, timestamp, nonce]),
        timestamp: timestamp.into(),
        nonce: nonce.into(),
        encrypt_type: encrypted.map(|_| "aes".into()),
        msg_signature: encrypted.map(|encrypted| sign(&[TOKEN, timestamp, nonce, encrypted])),
    }
}

fn text(content: &str) -> String {
    xml("text", &format!("<Content><![CDATA[{content}]]></Content>"))
}

fn sealed(content: &str) -> String {
    seal(&key(KEY), APPID, [7; 16], &text(content))
}

pub(crate) fn envelope(encrypted: &str) -> String {
    format!("<xml><ToUserName>gh_1</ToUserName><Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>")
}

/// A body that has both, as compatible mode sends it.
fn both(plain: &str, encrypted: &str) -> String {
    text(plain).replace("</xml>", &format!("<Encrypt>{encrypted}</Encrypt></xml>"))
}

/// What a delivery says, and whether it came encrypted.
fn open(mode: EncodingMode, query: &Query, body: &str) -> Result<(String, bool), Refusal> {
    let delivery = account(mode).open(query, body.as_bytes())?;
    let Content::Text(text) = delivery.message.content else {
        panic!("not a text");
    };
    assert!(delivery.raw.contains(&text.content));
    Ok((text.content, delivery.encrypted))
}

#[test]
fn a_signed_url_is_verified() {
    let account = account(EncodingMode::Plain);
    let query = plain_query();
    assert_eq!(account.verify(&query).map(drop), Ok(()));
    for wrong in [
        Query { signature: String::new(), ..query.clone() },
        Query { timestamp: "1767225601".into(), ..query.clone() },
        Query { nonce: "43".into(), ..query.clone() },
        Query { nonce: "x".repeat(10_000), ..query.clone() },
        Query { timestamp: "\u{0}你".into(), ..query.clone() },
        Query::default(),
    ] {
        assert_eq!(account.verify(&wrong).map(drop), Err(Refusal::Forged));
    }
}

#[test]
fn no_delivery_opens_under_an_unsigned_url() {
    let encrypted = sealed("hi");
    let unsigned = |query: Query| Query { signature: "0".repeat(40), ..query };
    for mode in [EncodingMode::Plain, EncodingMode::Compatible] {
        let opened = open(mode, &unsigned(plain_query()), &text("hi"));
        assert_eq!(opened, Err(Refusal::Forged));
    }
    let query = unsigned(encrypted_query(&encrypted));
    let opened = open(EncodingMode::Safe, &query, &envelope(&encrypted));
    assert_eq!(opened, Err(Refusal::Forged));
}

#[test]
fn plain_mode_ignores_encryption() {
    let plain = Ok(("plain".to_owned(), false));
    let body = both("plain", &sealed("sealed"));
    assert_eq!(open(EncodingMode::Plain, &plain_query(), &text("plain")), plain);
    assert_eq!(open(EncodingMode::Plain, &plain_query(), &body), plain);
    assert_eq!(open(EncodingMode::Plain, &encrypted_query(&sealed("sealed")), &body), plain);
    let encrypted = sealed("sealed");
    assert!(matches!(
        open(EncodingMode::Plain, &encrypted_query(&encrypted), &envelope(&encrypted)),
        Err(Refusal::Unreadable(ParseError::Missing(_)))
    ));
}

#[test]
fn safe_mode_takes_what_is_encrypted() {
    let encrypted = sealed("sealed");
    let query = encrypted_query(&encrypted);
    let expected = Ok(("sealed".to_owned(), true));
    assert_eq!(open(EncodingMode::Safe, &query, &envelope(&encrypted)), expected);
    assert_eq!(open(EncodingMode::Safe, &query, &both("plain", &encrypted)), expected);
    let json = format!(r#"{{"ToUserName":"gh_1","Encrypt":"{encrypted}"}}"#);
    assert_eq!(open(EncodingMode::Safe, &query, &json), expected);
}

#[test]
fn safe_mode_refuses_a_downgrade() {
    let encrypted = sealed("sealed");
    let announced = encrypted_query(&encrypted);
    let raw = Query { encrypt_type: Some("raw".into()), ..announced.clone() };
    for (query, body) in [
        (&plain_query(), text("plain")),
        (&announced, text("plain")),
        (&plain_query(), envelope(&encrypted)),
        (&raw, envelope(&encrypted)),
        (&raw, text("plain")),
    ] {
        assert_eq!(open(EncodingMode::Safe, query, &body), Err(Refusal::NotEncrypted));
    }
}

#[test]
fn compatible_mode_uses_only_the_encrypted_part() {
    let encrypted = sealed("sealed");
    let query = encrypted_query(&encrypted);
    let body = both("plain", &encrypted);
    let expected = Ok(("sealed".to_owned(), true));
    assert_eq!(open(EncodingMode::Compatible, &query, &body), expected);
    // Also when the URL does not announce it.
    let quiet = Query { encrypt_type: None, ..query.clone() };
    assert_eq!(open(EncodingMode::Compatible, &quiet, &body), expected);
    assert_eq!(open(EncodingMode::Compatible, &plain_query(), &body), Err(Refusal::Forged));
}

#[test]
fn compatible_mode_takes_plain_bodies_unless_encryption_was_announced() {
    let plain = Ok(("plain".to_owned(), false));
    assert_eq!(open(EncodingMode::Compatible, &plain_query(), &text("plain")), plain);
    let announced = encrypted_query(&sealed("sealed"));
    assert_eq!(open(EncodingMode::Compatible, &announced, &text("plain")), Err(Refusal::NotEncrypted));
}

#[test]
fn changing_any_character_is_refused_alike() {
    let encrypted = sealed("x");
    let query = encrypted_query(&encrypted);
    let account = account(EncodingMode::Safe);
    let changed = |text: &str, place: usize| {
        let other = if &text[place..=place] == "A" { "B" } else { "A" };
        let mut text = text.to_owned();
        text.replace_range(place..=place, other);
        text
    };
    for place in 0..encrypted.len() {
        let body = envelope(&changed(&encrypted, place));
        let refused = account.open(&query, body.as_bytes());
        assert_eq!(refused, Err(Refusal::Forged), "{place}");
    }
    let signature = query.msg_signature.clone().unwrap();
    for place in 0..signature.len() {
        let query = Query { msg_signature: Some(changed(&signature, place)), ..query.clone() };
        let refused = account.open(&query, envelope(&encrypted).as_bytes());
        assert_eq!(refused, Err(Refusal::Forged), "{place}");
    }
    for msg_signature in [None, Some(String::new())] {
        let query = Query { msg_signature, ..query.clone() };
        let refused = account.open(&query, envelope(&encrypted).as_bytes());
        assert_eq!(refused, Err(Refusal::Forged));
    }
}

#[test]
fn a_signed_envelope_of_another_app_or_key_is_refused_alike() {
    for encrypted in [
        seal(&key(KEY), "wxfeedfacecafe0002", [7; 16], &text("x")),
        seal(&key(PREVIOUS), APPID, [7; 16], &text("x")),
        "AAAA".to_owned(),
        "not base64".to_owned(),
        String::new(),
    ] {
        let opened = open(EncodingMode::Safe, &encrypted_query(&encrypted), &envelope(&encrypted));
        assert_eq!(opened, Err(Refusal::Forged), "{encrypted}");
    }
}

#[test]
fn the_operator_is_told_what_does_not_fit() {
    let account = account(EncodingMode::Safe);
    let (right, other_app) = (sealed("x"), seal(&key(KEY), "wxfeedfacecafe0002", [7; 16], &text("x")));
    let (other_key, other_body) = (seal(&key(PREVIOUS), APPID, [7; 16], &text("x")), sealed("y"));
    let query = encrypted_query(&right);
    for (query, body, mismatch) in [
        (Query { signature: "0".repeat(40), ..query.clone() }, String::new(), Mismatch::Token),
        (query.clone(), envelope(&other_body), Mismatch::Body),
        (Query { msg_signature: None, ..query.clone() }, envelope(&right), Mismatch::Body),
        (query, text("x"), Mismatch::Body),
        (encrypted_query(&other_key), envelope(&other_key), Mismatch::Key),
        (encrypted_query("not base64"), envelope("not base64"), Mismatch::Key),
        (encrypted_query(&other_app), envelope(&other_app), Mismatch::AppId("wxfeedfacecafe0002".to_owned())),
    ] {
        assert_eq!(account.mismatch(&query, body.as_bytes()), mismatch, "{body}");
    }
}

#[test]
fn the_previous_key_opens_as_long_as_it_is_there() {
    let encrypted = seal(&key(PREVIOUS), APPID, [7; 16], &text("old"));
    let query = encrypted_query(&encrypted);
    let mut account = account(EncodingMode::Safe);
    account.keys.push(key(PREVIOUS));
    let delivery = account.open(&query, envelope(&encrypted).as_bytes()).unwrap();
    assert!(matches!(delivery.message.content, Content::Text(text) if text.content == "old"));
    account.keys.clear();
    let refused = account.open(&query, envelope(&encrypted).as_bytes());
    assert_eq!(refused, Err(Refusal::NoKey));
}

#[test]
fn a_body_must_be_small_utf_8_and_a_message() {
    let account = account(EncodingMode::Plain);
    let query = plain_query();
    let large = vec![b' '; MAX_BODY + 1];
    assert_eq!(account.open(&query, &large), Err(Refusal::Unreadable(ParseError::TooLarge)));
    let body = text("hello").into_bytes();
    for place in 0..body.len() {
        let mut body = body.clone();
        body[place] = 0xff;
        assert_eq!(account.open(&query, &body), Err(Refusal::NotUtf8), "{place}");
    }
    assert_eq!(account.open(&query, b""), Err(Refusal::Unreadable(ParseError::Malformed)));
    let mut utf16: Vec<u8> = vec![0xff, 0xfe];
    utf16.extend(text("x").encode_utf16().flat_map(u16::to_le_bytes));
    assert_eq!(account.open(&query, &utf16), Err(Refusal::NotUtf8));
}

#[test]
fn what_an_envelope_holds_must_be_a_message_too() {
    let encrypted = seal(&key(KEY), APPID, [7; 16], "<!DOCTYPE x><xml/>");
    assert_eq!(
        open(EncodingMode::Safe, &encrypted_query(&encrypted), &envelope(&encrypted)),
        Err(Refusal::Unreadable(ParseError::DocumentType))
    );
}

#[test]
fn a_sealed_reply_is_signed_and_opens() {
    let account = account(EncodingMode::Safe);
    let reply = text("answer");
    let out = account.seal_reply(&reply, 1_767_225_601, "n]]>1", [9; 16]);
    let fields = fields(&out).unwrap();
    let paths: Vec<_> = fields.iter().map(|field| field.path.as_str()).collect();
    assert_eq!(paths, ["Encrypt", "MsgSignature", "TimeStamp", "Nonce"]);
    assert_eq!(fields[2].value, "1767225601");
    assert_eq!(fields[3].value, "n]]>1");
    let encrypted = &fields[0].value;
    assert_eq!(fields[1].value, sign(&[TOKEN, "1767225601", "n]]>1", encrypted]));
    let opened = weft_wechat::envelope::open(&key(KEY), APPID, encrypted);
    assert_eq!(opened, Ok(reply.clone()));
    let again = account.seal_reply(&reply, 1_767_225_601, "n]]>1", [8; 16]);
    assert_ne!(out, again);
}

#[test]
fn secrets_are_never_shown() {
    let mut account = account(EncodingMode::Safe);
    account.keys.push(key(PREVIOUS));
    let shown = format!("{account:?}");
    assert!(shown.contains(APPID));
    for secret in [TOKEN, "Weft", "Old"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn a_token_has_3_to_32_letters_and_digits() {
    for token in ["abc", TOKEN, &"x".repeat(32)] {
        assert!(token.parse::<Token>().is_ok(), "{token}");
    }
    for token in ["", "ab", "a b", "a-b", "口令口令", &"x".repeat(33)] {
        assert!(token.parse::<Token>().is_err(), "{token}");
    }
}

#[test]
fn modes_are_written_in_lower_case() {
    for (mode, text) in
        [(EncodingMode::Plain, "plain"), (EncodingMode::Compatible, "compatible"), (EncodingMode::Safe, "safe")]
    {
        assert_eq!(mode.to_string(), text);
        assert_eq!(text.parse(), Ok(mode));
        assert_eq!(serde_json::to_value(mode).unwrap(), text);
        assert_eq!(serde_json::from_value::<EncodingMode>(text.into()).unwrap(), mode);
    }
    assert!("SAFE".parse::<EncodingMode>().is_err());
}
