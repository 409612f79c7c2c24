//! The path of any call of WeChat Pay, and what is not called by its path.

use std::fmt;
use std::str::FromStr;

/// The longest path, in bytes.
const MAX_PATH: usize = 512;

/// The path of a call of WeChat Pay, such as `/v3/profitsharing/orders` or `/mmpaymkttransfers/sendredpack`: names between
/// single slashes, with percent-encodings where nothing else can stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayPath(String);

/// Why a path is not called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PayPathError {
    /// No path of WeChat Pay looks so.
    #[error(
        "a path of WeChat Pay has letters, digits, `-`, `.`, `_` and `~` between single slashes, such as \
         v3/profitsharing/orders; other characters are percent-encoded"
    )]
    Malformed,
    /// What becomes of it has to be known here.
    #[error("{path} is not called this way: {instead}")]
    Owned {
        /// Which.
        path: String,
        /// What to do in its place.
        instead: &'static str,
    },
}

const ORDERS: &str =
    "it is about one order, which is kept here: create, prepay, sync, close or reverse the order itself";
const REFUNDS: &str = "it is about a refund, which is kept here: refund the order itself";
const BILLS: &str = "it answers with a file that is not signed";

/// What belongs to the orders that are kept here, with all that is below it, and what to do instead.
const OWNED: &[(&str, &str)] = &[
    ("/v3/pay/transactions", ORDERS),
    ("/v3/pay/partner/transactions", ORDERS),
    ("/v3/refund/domestic/refunds", REFUNDS),
    ("/v3/billdownload", BILLS),
    ("/pay/unifiedorder", ORDERS),
    ("/pay/micropay", ORDERS),
    ("/pay/orderquery", ORDERS),
    ("/pay/closeorder", ORDERS),
    ("/pay/refundquery", REFUNDS),
    ("/secapi/pay/reverse", ORDERS),
    ("/secapi/pay/refund", REFUNDS),
    ("/secapi/pay/refundv2", REFUNDS),
    ("/pay/downloadbill", BILLS),
    ("/pay/downloadfundflow", BILLS),
];

/// What WeChat has below [`OWNED`] and no order does: to say where the money of an abnormal refund goes.
const NOT_OWNED: &str = "/apply-abnormal-refund";

impl PayPath {
    /// With the slash at the beginning.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is a call of v3.
    pub fn is_v3(&self) -> bool {
        is_below(&self.0, "/v3")
    }
}

impl FromStr for PayPath {
    type Err = PayPathError;

    fn from_str(text: &str) -> Result<Self, PayPathError> {
        let path = text.strip_prefix('/').unwrap_or(text);
        if path.len() > MAX_PATH || !path.split('/').all(is_name) {
            return Err(PayPathError::Malformed);
        }
        let path = format!("/{path}");
        // In lower case, as some servers ignore the case.
        let lower = path.to_ascii_lowercase();
        let owned = OWNED.iter().find(|(beginning, _)| is_below(&lower, beginning));
        match owned {
            Some((_, instead)) if !lower.ends_with(NOT_OWNED) => Err(PayPathError::Owned { path, instead }),
            _ => Ok(Self(path)),
        }
    }
}

impl fmt::Display for PayPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A name between slashes. An encoding of what may stand there as it is, or of a slash, would be another way to write
/// another path.
fn is_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if name.is_empty() || name.bytes().all(|byte| byte == b'.') {
        return false;
    }
    let mut bytes = name.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let mut digit = || bytes.next().and_then(|byte| char::from(byte).to_digit(16));
            let (Some(high), Some(low)) = (digit(), digit()) else { return false };
            let encoded = u8::try_from(high * 16 + low).unwrap_or_default();
            if is_plain(encoded) || b"/\\\0".contains(&encoded) {
                return false;
            }
        } else if !is_plain(byte) {
            return false;
        }
    }
    true
}

/// By whole names between slashes.
fn is_below(path: &str, beginning: &str) -> bool {
    path.strip_prefix(beginning).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
