//! What WeChat accepts as an answer.

use weft_wechat::{
    account::EncodingMode,
    envelope,
    message::{Field, fields},
    signature,
};

use super::{Exchange, Settings};
use crate::bilingual::because;

/// Why WeChat would not accept what the host did.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// No connection, or no answer within five seconds.
    #[error("the host does not answer: {0} · 服务没有响应")]
    Connection(#[source] reqwest::Error),
    /// The address was not verified.
    #[error("{}", unverified(*status, body))]
    Verification {
        /// The HTTP status.
        status: u16,
        /// What came instead of echostr.
        body: String,
    },
    /// Another status than 200.
    #[error("{}", refused(*.0, MESSAGE_REFUSED))]
    Status(u16),
    /// The answer is no XML, or an element is missing or wrong.
    #[error("the reply is not one: {0} · 回复的内容不对")]
    Reply(String),
    /// The answer is not encrypted, or not as it must be.
    #[error("the reply is not encrypted for this account: {0} · 回复没有按这个账号加密")]
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
    let why = if status == 200 {
        let shown: String = body.chars().take(SHOWN).collect();
        format!(
            "another text came back than echostr, so that it is not Weft's webhook: {shown:?} · 返回的不是 echostr，\
             这个地址不是 Weft 的 webhook"
        )
    } else {
        refused(status, TOKEN_REFUSED)
    };
    because("the address is not verified · 服务器地址验证失败", &why)
}

/// What may be wrong where the address is not verified.
const TOKEN_REFUSED: &str =
    "the token is not the app's; the server's log says more · 令牌与账号的不一致，详见服务端日志";
/// What may be wrong where a message is refused.
const MESSAGE_REFUSED: &str = "it refuses the message; token, encoding mode, EncodingAESKey and appid have to be the \
                               app's; the server's log says which it is · 服务端拒绝了消息：令牌、加解密方式、\
                               EncodingAESKey 和 appid 都要与账号一致，服务端日志会指出是哪一项";

/// A status other than 200, and what Weft's webhook means by it, or what stands in front of it; `by_webhook` is what it
/// means by a refusal.
fn refused(status: u16, by_webhook: &str) -> String {
    let meaning = match status {
        400 => by_webhook,
        404 => "there is no such app, or it has no token · 没有这个账号，或它没有令牌",
        502..=504 => "something in front of the server, such as nginx, does not reach it · 服务前面的 nginx 等连不上它",
        _ => "that is not Weft's webhook, or something in front of it · 这不是 Weft 的 webhook，或被前面的程序拦下",
    };
    because(&format!("status {status} · 状态码 {status}"), meaning)
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

/// The answer in plain; empty when there is none, which `success` says, too.
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
