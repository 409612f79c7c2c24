//! Who calls, and how a call is written and its answer read.

use std::fmt;

use serde_json::Value;

use super::{Apiv3Key, CallError, InvalidKey, PlatformKeys, PrivateKey, Refusal, SignatureHeaders};
use crate::pay::Party;

/// HTTP's verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Changes.
    Post,
}

impl Method {
    /// As it is signed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// One call of v3.
pub trait Call {
    /// GET or POST.
    const METHOD: Method;
    /// What comes back.
    type Answer;

    /// Path and query. What stands in them is encoded.
    fn target(&self, party: &Party) -> String;

    /// What stands in the body of a POST. No member is null: WeChat refuses members that it does not know.
    fn body(&self, party: &Party) -> Value {
        let _ = party;
        Value::Null
    }

    /// Reads a proven body; empty with status 204.
    ///
    /// # Errors
    /// When it makes no sense, or is about something else.
    fn read(&self, party: &Party, body: &[u8]) -> Result<Self::Answer, CallError>;
}

/// A merchant of v3.
#[derive(Debug)]
pub struct Merchant {
    /// Its numbers.
    pub party: Party,
    /// The serial number of the merchant's certificate, upper-case hexadecimal.
    pub serial_no: String,
    /// Signs.
    pub key: PrivateKey,
    /// Opens notifications.
    pub apiv3_key: Apiv3Key,
}

/// What is sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// GET or POST.
    pub method: Method,
    /// Path and query, exactly as they are signed.
    pub target: String,
    /// Empty for GET; exactly as it is signed.
    pub body: String,
    /// The header `Authorization`.
    pub authorization: String,
}

/// Bodies tell who pays what, and the header is a signature.
impl fmt::Debug for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Request({} {})", self.method.as_str(), self.target)
    }
}

/// What the merchant signs: five lines, each with its end.
pub fn canonical_message(method: Method, target: &str, timestamp: u64, nonce: &str, body: &str) -> String {
    format!("{}\n{target}\n{timestamp}\n{nonce}\n{body}\n", method.as_str())
}

impl Merchant {
    /// The signed request of a call. `nonce` is at most 32 letters and digits, fresh for every call; `now` is in
    /// seconds since 1970.
    ///
    /// # Errors
    /// When the private key does not fit together.
    pub fn write<C: Call>(&self, call: &C, nonce: &str, now: u64) -> Result<Request, InvalidKey> {
        self.request(C::METHOD, call.target(&self.party), &call.body(&self.party), nonce, now)
    }

    /// The signed request of any call: path and query, and the body, null for none.
    ///
    /// # Errors
    /// When the private key does not fit together.
    pub fn request(
        &self,
        method: Method,
        target: String,
        body: &Value,
        nonce: &str,
        now: u64,
    ) -> Result<Request, InvalidKey> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let authorization = self.authorization(method, &target, &body, nonce, now)?;
        Ok(Request { method, target, body, authorization })
    }

    /// The header `Authorization` of any request.
    ///
    /// # Errors
    /// When the private key does not fit together.
    pub fn authorization(
        &self,
        method: Method,
        target: &str,
        body: &str,
        nonce: &str,
        now: u64,
    ) -> Result<String, InvalidKey> {
        let signature = self.key.sign(canonical_message(method, target, now, nonce, body).as_bytes())?;
        let Self { party: Party { mch_id, .. }, serial_no, .. } = self;
        Ok(format!(
            "WECHATPAY2-SHA256-RSA2048 mchid=\"{mch_id}\",nonce_str=\"{nonce}\",timestamp=\"{now}\",\
             serial_no=\"{serial_no}\",signature=\"{signature}\""
        ))
    }

    /// Verifies and reads the answer to a call.
    ///
    /// # Errors
    /// When WeChat refused, or the answer cannot be believed. A refusal needs no proof: it changes nothing.
    pub fn read<'a, C: Call>(
        &self,
        call: &C,
        keys: &PlatformKeys,
        status: u16,
        headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
        body: &[u8],
        now: u64,
    ) -> Result<C::Answer, CallError> {
        if !(200..300).contains(&status) {
            return Err(Refusal::read(status, body).into());
        }
        keys.verify(&SignatureHeaders::read(headers)?, body, now)?;
        call.read(&self.party, body)
    }
}

/// A part of a path: whatever is no letter, digit, `-`, `.`, `_` or `~` is percent-encoded.
pub fn encode_path(part: &str) -> String {
    let mut encoded = String::with_capacity(part.len());
    for byte in part.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push_str(&hex::encode_upper([byte]));
        }
    }
    encoded
}
