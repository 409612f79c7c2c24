//! Any call of v3, as JSON, for what has no type here.

use serde_json::Value;

use super::{Method, PlatformKeys, SignatureError, SignatureHeaders, encode_path};
use crate::pay::PayPath;

/// A call by its path. Members of the body that only WeChat may read are [marked](super::seal_marked).
#[derive(Clone, PartialEq)]
pub struct AnyCall {
    /// GET or POST.
    pub method: Method,
    /// Where to.
    pub path: PayPath,
    /// Names and values, not encoded.
    pub query: Vec<(String, String)>,
    /// Null for none.
    pub body: Value,
}

/// Bodies and queries tell who pays what.
impl std::fmt::Debug for AnyCall {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "AnyCall({} {})", self.method.as_str(), self.path)
    }
}

impl AnyCall {
    /// Path and query, encoded.
    pub fn target(&self) -> String {
        let mut target = self.path.as_str().to_owned();
        for (index, (name, value)) in self.query.iter().enumerate() {
            target.push(if index == 0 { '?' } else { '&' });
            target.push_str(&encode_path(name));
            target.push('=');
            target.push_str(&encode_path(value));
        }
        target
    }
}

/// Whether an answer is proven to be WeChat's. One that says yes has to be; WeChat does not sign every no.
///
/// # Errors
/// When it must not be believed.
pub fn is_proven<'a>(
    keys: &PlatformKeys,
    status: u16,
    headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    body: &[u8],
    now: u64,
) -> Result<bool, SignatureError> {
    let headers: Vec<_> = headers.into_iter().collect();
    let is_signature = |name: &str| name.eq_ignore_ascii_case("wechatpay-signature");
    if !(200..300).contains(&status) && !headers.iter().any(|(name, _)| is_signature(name)) {
        return Ok(false);
    }
    keys.verify(&SignatureHeaders::read(headers)?, body, now)?;
    Ok(true)
}
