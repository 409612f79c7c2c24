//! The numbers that merchants give to orders and refunds.

use std::fmt;
use std::str::FromStr;

/// The merchant's number of an order: 6 to 32 letters, digits, `_`, `-`, `|`, `*` or `@`, unique within the merchant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutTradeNo(String);

/// The merchant's number of a refund: 1 to 64 of the same characters, unique within the merchant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutRefundNo(String);

/// The text is no number of an order or a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{shortest} to {longest} letters, digits or any of `_-|*@` · {shortest} 到 {longest} 个字母、数字或 `_-|*@`")]
pub struct InvalidNumber {
    shortest: usize,
    longest: usize,
}

fn check(text: &str, shortest: usize, longest: usize) -> Result<(), InvalidNumber> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-|*@".contains(&byte);
    let is_right = (shortest..=longest).contains(&text.len()) && text.bytes().all(is_allowed);
    if is_right { Ok(()) } else { Err(InvalidNumber { shortest, longest }) }
}

impl FromStr for OutTradeNo {
    type Err = InvalidNumber;

    fn from_str(text: &str) -> Result<Self, InvalidNumber> {
        check(text, 6, 32).map(|()| Self(text.to_owned()))
    }
}

impl FromStr for OutRefundNo {
    type Err = InvalidNumber;

    fn from_str(text: &str) -> Result<Self, InvalidNumber> {
        check(text, 1, 64).map(|()| Self(text.to_owned()))
    }
}

impl OutTradeNo {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl OutRefundNo {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OutTradeNo {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Display for OutRefundNo {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
