//! What WeChat accepts as an answer.

use weft_wechat::{
    account::EncodingMode,
    envelope,
    message::{Field, fields},
    signature,
};

use super::{Exchange, Settings};

/// Why WeChat would not accept what the host did.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// No connection, or no answer within five seconds.
    #[error("the host does not answer: {0}")]
    Connection(#[source] reqwest::Error),
    /// The address was not verified.
    #[error("the address is not verified: {}", unverified(*status, body))]
    Verification {
        /// The HTTP status.
        status: u16,
        /// What came instead of echostr.
        body: String,
    },
    /// Another status than 200.
    #[error("status {status}{meaning}", status = .0, meaning = meaning(*.0, REFUSED))]
    Status(u16),
    /// The answer is no XML, or an element is missing or wrong.
    #[error("the reply is not one: {0}")]
    Reply(String),
    /// The answer is not encrypted, or not as it must be.
    #[error("the reply is not encrypted for this account: {0}")]
    Encryption(&'static str),
}

/// The URL of a request holds its signature, and is known.
impl From<reqwest::Error> for Fault {
    fn from(error: reqwest::Error) -> Self {
        Self::Connection(error.without_url())
    }
}

/// How much of an answer is shown that is not echostr, in characters.
const SHOWN: usize = 60;

fn unverified(status: u16, body: &str) -> String {
    if status == 200 {
        let shown: String = body.chars().take(SHOWN).collect();
        return format!("another text came back than echostr, so that it is not Weft's webhook: {shown:?}");
    }
    format!("status {status}{}", meaning(status, "the token is not the app's"))
}

/// What may be wrong where a message is refused.
const REFUSED: &str = "it refuses the message; token, encoding mode, EncodingAESKey and appid have to be the app's";

/// What Weft's webhook means by a status, or what stands in front of it; `refused` is what it means by a refusal.
fn meaning(status: u16, refused: &str) -> String {
    match status {
        400 => format!(": {refused}; the server's log says which it is"),
        404 => ": there is no such app, or it has no token".to_owned(),
        502..=504 => ": something in front of the server, such as nginx, does not reach it".to_owned(),
        _ => ": that is not Weft's webhook, or something in front of it".to_owned(),
    }
}

/// Checks status and reply.
pub(super) fn check(exchange: &Exchange, settings: &Settings, openid: &str) -> Result<(), Fault> {
    if exchange.status != 200 {
        return Err(Fault::Status(exchange.status));
    }
    if exchange.reply.is_empty() {
        return Ok(());
    }
    let fields = read(&exchange.reply)?;
    for (path, expected) in [("ToUserName", openid), ("FromUserName", &settings.original_id)] {
        if find(&fields, path) != Some(expected) {
            return Err(Fault::Reply(format!("{path} is not {expected}")));
        }
    }
    if find(&fields, "CreateTime").and_then(|time| time.parse::<u64>().ok()).is_none() {
        return Err(Fault::Reply("CreateTime is not a number".to_owned()));
    }
    let required = match find(&fields, "MsgType") {
        Some("text") => "Content",
        Some("image") => "Image/MediaId",
        Some("voice") => "Voice/MediaId",
        Some("video") => "Video/MediaId",
        Some("music") => "Music/ThumbMediaId",
        Some("news") => "Articles/item/Title",
        Some("transfer_customer_service") => return Ok(()),
        other => return Err(Fault::Reply(format!("MsgType is {}", other.unwrap_or("missing")))),
    };
    if find(&fields, required).is_none_or(str::is_empty) {
        return Err(Fault::Reply(format!("{required} is missing or empty")));
    }
    Ok(())
}

/// The answer in plain; empty when there is none. `success` is none.
pub(super) fn in_plain(body: &str, settings: &Settings) -> Result<String, Fault> {
    if body.is_empty() || body == "success" {
        return Ok(String::new());
    }
    if settings.mode == EncodingMode::Plain || !body.contains("<Encrypt>") {
        return match settings.mode {
            EncodingMode::Safe if body.starts_with("<xml>") => Err(Fault::Encryption("it is plain")),
            _ => Ok(body.to_owned()),
        };
    }
    let fields = read(body)?;
    let part = |path| find(&fields, path).ok_or(Fault::Encryption("an element of the envelope is missing"));
    let (encrypted, timestamp, nonce) = (part("Encrypt")?, part("TimeStamp")?, part("Nonce")?);
    if !signature::verify(&[&settings.token, timestamp, nonce, encrypted], part("MsgSignature")?) {
        return Err(Fault::Encryption("MsgSignature is wrong"));
    }
    let key = settings.key.as_ref().ok_or(Fault::Encryption("the account has no key"))?;
    envelope::open(key, &settings.appid, encrypted).map_err(|_| Fault::Encryption("it does not decrypt"))
}

fn read(xml: &str) -> Result<Vec<Field>, Fault> {
    fields(xml).map_err(|error| Fault::Reply(error.to_string()))
}

fn find<'a>(fields: &'a [Field], path: &str) -> Option<&'a str> {
    fields.iter().find(|field| field.path == path).map(|field| field.value.as_str())
}
