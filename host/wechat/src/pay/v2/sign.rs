//! The signature of v2: over all fields that have a value, sorted by name, and the key.

use std::fmt;
use std::str::FromStr;

use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::{ZeroizeOnDrop, Zeroizing};

/// The API key (API密钥) of a merchant. A secret: `Debug` hides it, and it is wiped from memory on drop.
#[derive(Clone, ZeroizeOnDrop)]
pub struct ApiKey(String);

impl ApiKey {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ApiKey(…)")
    }
}

/// The text is no API key. An empty one would let everybody sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "an API key is 16 to 64 visible ASCII characters; WeChat's have 32 · API密钥为 16 到 64 个可见的 ASCII 字符，微信的是 32 位"
)]
pub struct InvalidApiKey;

impl FromStr for ApiKey {
    type Err = InvalidApiKey;

    fn from_str(text: &str) -> Result<Self, InvalidApiKey> {
        let is_key = (16..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if is_key { Ok(Self(text.to_owned())) } else { Err(InvalidApiKey) }
    }
}

/// How a merchant's messages are signed. It is set here and never taken from a message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SignType {
    /// What WeChat assumes where nothing else is said.
    #[default]
    #[serde(rename = "MD5")]
    Md5,
    /// The better one.
    #[serde(rename = "HMAC-SHA256")]
    HmacSha256,
}

impl SignType {
    /// As WeChat writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::HmacSha256 => "HMAC-SHA256",
        }
    }
}

impl fmt::Display for SignType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The text names no algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sign type is MD5 or HMAC-SHA256 · 签名类型为 MD5 或 HMAC-SHA256")]
pub struct UnknownSignType;

impl FromStr for SignType {
    type Err = UnknownSignType;

    fn from_str(text: &str) -> Result<Self, UnknownSignType> {
        match text {
            "MD5" => Ok(Self::Md5),
            "HMAC-SHA256" => Ok(Self::HmacSha256),
            _ => Err(UnknownSignType),
        }
    }
}

/// Signs fields: upper-case hexadecimal. `sign` itself and empty fields do not count, in whatever order they come.
pub fn sign<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>, key: &ApiKey, sign_type: SignType) -> String {
    let mut signed: Vec<_> = fields.into_iter().filter(|(name, value)| *name != "sign" && !value.is_empty()).collect();
    signed.sort_unstable();
    let mut text = Zeroizing::new(String::new());
    for (name, value) in signed {
        for part in [name, "=", value, "&"] {
            text.push_str(part);
        }
    }
    text.push_str("key=");
    text.push_str(key.as_str());
    match sign_type {
        SignType::Md5 => hex::encode_upper(Md5::digest(text.as_bytes())),
        SignType::HmacSha256 => hex::encode_upper(hmac_sha256(key.as_str().as_bytes(), text.as_bytes())),
    }
}

/// Whether `signature` signs the fields. A missing one signs nothing, and the comparison takes the same time wherever
/// the two differ.
pub fn verify<'a>(
    fields: impl IntoIterator<Item = (&'a str, &'a str)>,
    key: &ApiKey,
    sign_type: SignType,
    signature: Option<&str>,
) -> bool {
    let Some(signature) = signature.filter(|signature| !signature.is_empty()) else { return false };
    sign(fields, key, sign_type).as_bytes().ct_eq(signature.as_bytes()).into()
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
fn hmac_sha256(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length");
    mac.update(text);
    mac.finalize().into_bytes().into()
}
