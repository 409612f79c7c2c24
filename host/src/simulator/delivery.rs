//! One message to a webhook, as the command line and the control API write it.

use serde::{Deserialize, Serialize};
use weft_wechat::{account::EncodingMode, envelope::EncodingAesKey};

use super::{Exchange, Fault, Incoming, Sender, Settings};

/// A message, and the account that it goes to.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MessageFields {
    /// The webhook, such as `http://127.0.0.1:8000/wechat/shop/`.
    pub url: String,
    /// Token (令牌).
    pub token: String,
    /// The account's appid; needed with a key.
    pub appid: String,
    /// The account's original id; `gh_simulated` without.
    pub original_id: Option<String>,
    /// EncodingAESKey (消息加解密密钥).
    pub encoding_aes_key: Option<String>,
    /// 消息加解密方式; safe with a key, plain without.
    pub encoding_mode: Option<EncodingMode>,
    /// Who writes; `oSimulated` without.
    pub openid: Option<String>,
    /// A text.
    pub text: Option<String>,
    /// An event, such as `subscribe`.
    pub event: Option<String>,
    /// The event's `EventKey`.
    pub event_key: Option<String>,
    /// The elements of any message from `MsgType` on, as XML.
    pub xml: Option<String>,
}

/// What came of a message.
#[derive(Debug, Clone, Serialize)]
pub struct Delivered {
    /// The HTTP status.
    pub status: u16,
    /// The reply in plain; empty when there was none.
    pub reply: String,
    /// The text of a text reply.
    pub text: Option<String>,
    /// In milliseconds, over all tries.
    pub took_ms: u64,
    /// How often it was delivered until there was an answer.
    pub tries: u32,
    /// The message in plain.
    pub sent: String,
}

/// Why nothing came of it.
#[derive(Debug, thiserror::Error)]
pub enum DeliverError {
    /// It is no message.
    #[error("{0}")]
    Fields(&'static str),
    /// The host's answer is not what WeChat would accept.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// There is no HTTP client.
    #[error("no HTTP client: {0} · 无法创建 HTTP 客户端")]
    Client(#[from] reqwest::Error),
}

/// Delivers a message as WeChat does: signed, encrypted as the account is set, and again when nobody answers.
///
/// # Errors
/// When it is no message, or the answer is not what WeChat would accept.
pub async fn deliver(fields: &MessageFields) -> Result<Delivered, DeliverError> {
    let exchange = Sender::new(fields.settings()?)?.send(&fields.incoming()?).await?;
    Ok(exchange.into())
}

impl MessageFields {
    fn settings(&self) -> Result<Settings, DeliverError> {
        if self.url.is_empty() || self.token.is_empty() {
            return Err(DeliverError::Fields("url and token are needed · 需要 url 和 token"));
        }
        let key = self.encoding_aes_key.as_deref().map(str::parse::<EncodingAesKey>).transpose();
        let key = key.map_err(|_| {
            DeliverError::Fields("encoding_aes_key: 43 letters and digits · encoding_aes_key 是 43 位字母或数字")
        })?;
        let by_key = if key.is_some() { EncodingMode::Safe } else { EncodingMode::Plain };
        let mode = self.encoding_mode.unwrap_or(by_key);
        if mode != EncodingMode::Plain && key.is_some() && self.appid.is_empty() {
            return Err(DeliverError::Fields(
                "appid is needed with encoding_aes_key: it is part of what is encrypted · 有 encoding_aes_key 时还需要 appid，它是加密内容的一部分",
            ));
        }
        if mode != EncodingMode::Plain && key.is_none() {
            return Err(DeliverError::Fields(
                "encoding_aes_key is needed for this encoding_mode · 这种 encoding_mode 需要 encoding_aes_key",
            ));
        }
        Ok(Settings {
            url: self.url.clone(),
            token: self.token.clone(),
            appid: self.appid.clone(),
            original_id: self.original_id.clone().unwrap_or_else(|| "gh_simulated".to_owned()),
            mode,
            key,
        })
    }

    fn incoming(&self) -> Result<Incoming, DeliverError> {
        let openid = self.openid.as_deref().unwrap_or("oSimulated");
        match (&self.text, &self.event, &self.xml) {
            (Some(text), None, None) => Ok(Incoming::text(openid, text)),
            (None, Some(event), None) => {
                let key = self.event_key.as_deref().unwrap_or_default();
                Ok(Incoming::keyed_event(openid, event, key))
            }
            (None, None, Some(xml)) => Ok(Incoming::elements(openid, xml)),
            _ => Err(DeliverError::Fields("give one of text, event and xml · 请在 text、event、xml 中给出一个")),
        }
    }
}

impl From<Exchange> for Delivered {
    fn from(exchange: Exchange) -> Self {
        Self {
            text: exchange.text(),
            status: exchange.status,
            took_ms: u64::try_from(exchange.took.as_millis()).unwrap_or(u64::MAX),
            tries: exchange.tries,
            sent: exchange.sent,
            reply: exchange.reply,
        }
    }
}
