//! Why a call did not do what it was asked for.

use std::{error::Error as StdError, fmt};

/// Why a call did not do what it was asked for. What fits no other case is `Other`.
///
/// Texts, and the errors that the standard library and `serde_json` give, turn into it with `?`;
/// for those of other crates there is [`Error::other`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The operator has not granted this to the plugin for this app. The text names the grant.
    Denied(String),
    /// The caller's mistake: trying again will not help. The text says what to mend.
    Invalid(String),
    /// There is nothing under that name.
    NotFound(String),
    /// The thing has changed since it was read.
    Conflict(String),
    /// A limit on size, number or rate was reached.
    Limited(String),
    /// The time ran out; whether the other side acted is unknown.
    TimedOut(String),
    /// It does not work now; trying again later may.
    Unavailable(String),
    /// WeChat refused.
    Wechat(WechatError),
    /// Anything else.
    Other(String),
}

/// What WeChat's API answered instead of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WechatError {
    /// For example 40003, invalid openid.
    pub errcode: i64,
    /// WeChat's words for it.
    pub errmsg: String,
}

impl Error {
    /// Anything that can be shown, as an error of its own: `.map_err(Error::other)?`.
    pub fn other(error: impl fmt::Display) -> Self {
        Self::Other(error.to_string())
    }

    /// What WeChat answered, when it was WeChat who said no.
    pub fn errcode(&self) -> Option<i64> {
        match self {
            Self::Wechat(error) => Some(error.errcode),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(text) => write!(f, "denied: {text}"),
            Self::Invalid(text) => write!(f, "invalid: {text}"),
            Self::NotFound(text) => write!(f, "not found: {text}"),
            Self::Conflict(text) => write!(f, "conflict: {text}"),
            Self::Limited(text) => write!(f, "limited: {text}"),
            Self::TimedOut(text) => write!(f, "timed out: {text}"),
            Self::Unavailable(text) => write!(f, "unavailable: {text}"),
            Self::Wechat(error) => error.fmt(f),
            Self::Other(text) => f.write_str(text),
        }
    }
}

impl fmt::Display for WechatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wechat refused with {}: {}", self.errcode, self.errmsg)
    }
}

impl StdError for Error {}

impl StdError for WechatError {}

impl From<WechatError> for Error {
    fn from(error: WechatError) -> Self {
        Self::Wechat(error)
    }
}

impl From<Box<dyn StdError>> for Error {
    /// An [`Error`] that was boxed comes out as it went in.
    fn from(error: Box<dyn StdError>) -> Self {
        error.downcast::<Self>().map_or_else(Self::other, |error| *error)
    }
}

impl From<Box<dyn StdError + Send + Sync>> for Error {
    fn from(error: Box<dyn StdError + Send + Sync>) -> Self {
        Self::from(error as Box<dyn StdError>)
    }
}

// One `impl<E: std::error::Error>` would forbid those of texts, and `Error` to be an error itself.
macro_rules! from {
    ($($error:ty),+ $(,)?) => {
        $(impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self::other(error)
            }
        })+
    };
}

from!(
    String,
    &str,
    serde_json::Error,
    fmt::Error,
    std::io::Error,
    std::num::ParseFloatError,
    std::num::ParseIntError,
    std::num::TryFromIntError,
    std::str::ParseBoolError,
    std::str::Utf8Error,
    std::string::FromUtf8Error,
    std::time::SystemTimeError,
);
