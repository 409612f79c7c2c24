//! What a webhook knows of an account, and what it does with it: it verifies and opens what
//! arrives, and seals what goes back.

use std::fmt::{self, Write as _};
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use zeroize::ZeroizeOnDrop;

use crate::document::Document;
use crate::envelope::{self, EncodingAesKey};
use crate::message::{MAX_BODY, Message, ParseError};
use crate::{signature, xml};

/// How deliveries are encoded, as set at WeChat.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EncodingMode {
    /// Plain XML or JSON. `Encrypt` is ignored.
    #[default]
    Plain,
    /// Plain and encrypted together, meant for debugging. Where there is `Encrypt`, only what it
    /// holds counts. A body without it is taken as it is, so this mode proves no more than `Plain`.
    Compatible,
    /// Encrypted only. Anything else is refused.
    Safe,
}

impl fmt::Display for EncodingMode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Plain => "plain",
            Self::Compatible => "compatible",
            Self::Safe => "safe",
        })
    }
}

/// The text names no encoding mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an encoding mode is plain, compatible or safe · 加解密方式可选 plain、compatible、safe")]
pub struct InvalidEncodingMode;

impl FromStr for EncodingMode {
    type Err = InvalidEncodingMode;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "plain" => Ok(Self::Plain),
            "compatible" => Ok(Self::Compatible),
            "safe" => Ok(Self::Safe),
            _ => Err(InvalidEncodingMode),
        }
    }
}

/// The token that signs an account's deliveries. A secret: `Debug` hides it, and it is wiped from
/// memory on drop.
#[derive(Clone, ZeroizeOnDrop)]
pub struct Token(String);

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(…)")
    }
}

/// The text is not a token. An empty one would let everybody sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a token is 3 to 32 letters and digits: copy it again from the account's settings · 令牌为 3 到 32 位字母或数字，请从微信后台重新复制"
)]
pub struct InvalidToken;

impl FromStr for Token {
    type Err = InvalidToken;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_token = (3..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if is_token { Ok(Self(text.to_owned())) } else { Err(InvalidToken) }
    }
}

/// What a webhook knows of an account.
#[derive(Debug, Clone)]
pub struct Account {
    /// Signs deliveries and replies.
    pub token: Token,
    /// Must stand inside every envelope.
    pub appid: String,
    /// How deliveries are encoded.
    pub mode: EncodingMode,
    /// The current key first, then the previous one, which WeChat may use for a while after a change.
    pub keys: Vec<EncodingAesKey>,
}

/// What a webhook's URL carries besides its path.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Query {
    /// Signs token, timestamp and nonce, but no body.
    pub signature: String,
    /// Seconds since 1970, as sent.
    pub timestamp: String,
    /// As sent.
    pub nonce: String,
    /// `aes` when the body is encrypted.
    pub encrypt_type: Option<String>,
    /// Signs token, timestamp, nonce and `Encrypt`.
    pub msg_signature: Option<String>,
}

/// How long a sender may be to stand in a key as it is. An openid has 28 characters; whatever is
/// much longer only has to stay apart.
const LONGEST_SENDER: usize = 64;

/// How much of a key follows the sender at most: a time, a digest, and what parts them.
const KEY_AFTER_SENDER: usize = 20 + 40 + 2;

/// A delivery that was verified and read.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// What it says.
    pub message: Message,
    /// Its text, decrypted.
    pub raw: Arc<str>,
    /// Whether it came encrypted: the reply must be sealed then.
    pub encrypted: bool,
    /// The digest of all that it says, where no `MsgId` tells it from others.
    digest: Option<String>,
}

impl Delivery {
    /// The same for every try of WeChat at this delivery within its account, and another for every
    /// other one: the sender with `MsgId`, or for events, which have none, with the time and the
    /// digest of all that they say, so that two events of one second stay apart.
    pub fn key(&self) -> String {
        let Message { sender, id, created_at, .. } = &self.message;
        let mut key = String::with_capacity(LONGEST_SENDER + KEY_AFTER_SENDER);
        if sender.len() <= LONGEST_SENDER {
            key.push_str(sender);
        } else {
            key.push_str(&signature::sign(&[sender]));
        }
        // Writing to a string cannot fail.
        let _ = match (id, &self.digest) {
            (Some(id), _) => write!(key, "/{id}"),
            (None, digest) => write!(key, "/{created_at}/{}", digest.as_deref().unwrap_or_default()),
        };
        key
    }
}

/// Why a delivery is refused. Answer all of them alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A signature or an envelope does not fit the account's token, keys and appid. There is one
    /// case for all of them.
    #[error("the signature or the encryption does not fit this account")]
    Forged,
    /// Safe mode and a delivery that is not encrypted, or one that says so and is not.
    #[error("the delivery is not encrypted as it must be · 消息没有按要求加密")]
    NotEncrypted,
    /// The account has no `EncodingAESKey` to open an encrypted delivery with.
    #[error("the delivery is encrypted and the account has no EncodingAESKey · 消息是加密的，而账号没有消息加解密密钥")]
    NoKey,
    /// Not UTF-8.
    #[error("the body is not UTF-8")]
    NotUtf8,
    /// Not a message.
    #[error(transparent)]
    Unreadable(#[from] ParseError),
}

/// What of an account does not fit a request that was refused as [`Forged`](Refusal::Forged).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mismatch {
    /// The token: the URL is not signed with it.
    Token,
    /// The URL is signed with the token, and the body is not: it is another than was sent.
    Body,
    /// The keys: none opens the envelope.
    Key,
    /// The appid: a key opens the envelope, which is for this other one.
    AppId(String),
}

/// A webhook's URL whose signature is right. It covers no body.
#[derive(Debug, Clone, Copy)]
pub struct Verified<'v> {
    account: &'v Account,
    query: &'v Query,
}

impl Verified<'_> {
    /// Verifies the delivery's body as the account's mode wants it, and reads the message.
    ///
    /// In plain mode nothing but the URL is signed: the body may be anybody's who saw such a URL.
    pub fn open(self, body: &[u8]) -> Result<Delivery, Refusal> {
        let Self { account, query } = self;
        if body.len() > MAX_BODY {
            return Err(ParseError::TooLarge.into());
        }
        let body = str::from_utf8(body).map_err(|_| Refusal::NotUtf8)?;
        let decrypted = match account.mode {
            EncodingMode::Plain => None,
            EncodingMode::Compatible | EncodingMode::Safe => account.decrypt(query, body)?,
        };
        let raw: Arc<str> = decrypted.as_deref().unwrap_or(body).into();
        let document = Document::read(&raw)?;
        let message = Message::read(&document)?;
        let digest = message.id.is_none().then(|| document.digest());
        Ok(Delivery { message, raw, encrypted: decrypted.is_some(), digest })
    }
}

impl Account {
    /// Verifies the signature of a webhook's URL.
    pub fn verify<'v>(&'v self, query: &'v Query) -> Result<Verified<'v>, Refusal> {
        let parts = [&*self.token.0, &query.timestamp, &query.nonce];
        let verified = Verified { account: self, query };
        if signature::verify(&parts, &query.signature) { Ok(verified) } else { Err(Refusal::Forged) }
    }

    /// Verifies a delivery's URL and body, and reads the message.
    pub fn open(&self, query: &Query, body: &[u8]) -> Result<Delivery, Refusal> {
        self.verify(query)?.open(body)
    }

    /// What does not fit in a request that was refused as [`Forged`](Refusal::Forged), for the operator alone: nobody
    /// outside may see it, nor how long it took, which differs from case to case.
    pub fn mismatch(&self, query: &Query, body: &[u8]) -> Mismatch {
        if self.verify(query).is_err() {
            return Mismatch::Token;
        }
        let document = str::from_utf8(body).ok().and_then(|body| Document::read(body).ok());
        let encrypted = document.as_ref().and_then(|document| document.root().child("Encrypt"));
        let (Some(encrypted), Some(signature)) = (encrypted, query.msg_signature.as_deref()) else {
            return Mismatch::Body;
        };
        let encrypted = encrypted.value();
        let parts = [&*self.token.0, &query.timestamp, &query.nonce, encrypted];
        if !signature::verify(&parts, signature) {
            return Mismatch::Body;
        }
        let receiver = self.keys.iter().find_map(|key| envelope::receiver(key, encrypted));
        receiver.map_or(Mismatch::Key, Mismatch::AppId)
    }

    /// What `Encrypt` holds; `None` when a plain body is allowed and there is one.
    fn decrypt(&self, query: &Query, body: &str) -> Result<Option<String>, Refusal> {
        let announced = query.encrypt_type.as_deref() == Some("aes");
        if self.mode == EncodingMode::Safe && !announced {
            return Err(Refusal::NotEncrypted);
        }
        let document = Document::read(body)?;
        let Some(encrypted) = document.root().child("Encrypt") else {
            return if announced { Err(Refusal::NotEncrypted) } else { Ok(None) };
        };
        let encrypted = encrypted.value();
        let signature = query.msg_signature.as_deref().ok_or(Refusal::Forged)?;
        let parts = [&*self.token.0, &query.timestamp, &query.nonce, encrypted];
        if !signature::verify(&parts, signature) {
            return Err(Refusal::Forged);
        }
        if self.keys.is_empty() {
            return Err(Refusal::NoKey);
        }
        self.keys
            .iter()
            .find_map(|key| envelope::open(key, &self.appid, encrypted).ok())
            .map(Some)
            .ok_or(Refusal::Forged)
    }

    /// Encrypts a reply with the current key, and signs it. `timestamp` is in seconds since 1970;
    /// `nonce` and `random` must be fresh for every reply. Without a key the reply stays as it is.
    ///
    /// `success` and the empty answer are never sealed.
    pub fn seal_reply(&self, xml: &str, timestamp: u64, nonce: &str, random: [u8; 16]) -> String {
        let Some(key) = self.keys.first() else {
            return xml.to_owned();
        };
        let encrypted = envelope::seal(key, &self.appid, random, xml);
        let signature = signature::sign(&[&self.token.0, &timestamp.to_string(), nonce, &encrypted]);
        let mut out = String::with_capacity(encrypted.len() + 256);
        out.push_str("<xml>");
        xml::cdata(&mut out, "Encrypt", &encrypted);
        xml::cdata(&mut out, "MsgSignature", &signature);
        xml::number(&mut out, "TimeStamp", timestamp);
        xml::cdata(&mut out, "Nonce", nonce);
        out.push_str("</xml>");
        out
    }
}
