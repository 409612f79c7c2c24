//! What goes wrong: a call to the host, or a plugin's own function.

use std::{error::Error as StdError, fmt, ops::Deref};

/// Why a call did not do what it was asked for. What fits no other case is `Other`.
///
/// Texts, and the errors that the standard library and `serde_json` give, turn into it with `?`, and so do boxed ones and a
/// [`Failure`]; others do with `.map_err(Error::other)?`. In functions that return [`Result<T>`](crate::Result) `?` takes
/// nearly every error: it makes a [`Failure`] of it.
///
/// A function of a plugin may fail with whatever turns into it: itself, a [`Failure`], a text, or a type of the author's
/// own with `impl From<Mine> for Error`.
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

/// Why a function of the plugin failed. With `?` every type that implements [`std::error::Error`] turns into it, and so do
/// texts, `Box<dyn Error>`, and errors of crates such as `anyhow`.
///
/// ```
/// use weft_plugin::{prelude::*, testing};
///
/// #[message_handler]
/// fn half(message: Message) -> Result<String> {
///     let text = message.text().ok_or("please send a number")?;
///     let number: u32 = text.trim().parse()?;
///     let before = kv::get("last")?;
///     log::info!("{} came before", if before.is_some() { "another" } else { "none" });
///     Ok((number / 2).to_string())
/// }
///
/// let failed = half(testing::text("o1", "four")).unwrap_err();
/// assert_eq!(failed.to_string(), "invalid digit found in string");
/// ```
///
/// An [`Error`] in it stays what it is, and `*failure` is that error. Any other error becomes [`Error::Other`], with the
/// texts of what caused it. So that every error turns into it, it is none itself, as `anyhow::Error` is none.
///
/// ```
/// use weft_plugin::{prelude::*, testing::TestHost};
///
/// fn last() -> Result<Option<String>> {
///     Ok(kv::get_text("last")?)
/// }
///
/// TestHost::new();
/// assert!(matches!(*last().unwrap_err(), Error::Denied(_)));
/// ```
///
/// An error of the author's own needs nothing for it:
///
/// ```
/// use weft_plugin::prelude::*;
///
/// /// Why there is no price.
/// #[derive(Debug)]
/// struct SoldOut;
///
/// impl std::fmt::Display for SoldOut {
///     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
///         f.write_str("sold out")
///     }
/// }
///
/// impl std::error::Error for SoldOut {}
///
/// fn price(tea: &str) -> Result<u32, SoldOut> {
///     if tea == "龙井" { Ok(990) } else { Err(SoldOut) }
/// }
///
/// #[message_handler]
/// fn answer(message: Message) -> Result<String> {
///     Ok(format!("{} 分", price(message.text().unwrap_or_default())?))
/// }
///
/// assert_eq!(answer(weft_plugin::testing::text("o1", "毛峰")).unwrap_err().to_string(), "sold out");
/// ```
///
/// Not so `Box<dyn Error + Send + Sync>`: Rust lets only one of the two boxes be taken. `.map_err(Error::from)?` is its way.
///
/// ```
/// use weft_plugin::prelude::*;
///
/// type Boxed = Box<dyn std::error::Error + Send + Sync>;
///
/// fn price(tea: &str) -> Result<u32, Boxed> {
///     if tea == "龙井" { Ok(990) } else { Err("sold out".into()) }
/// }
///
/// #[message_handler]
/// fn answer_price(message: Message) -> Result<String> {
///     let price = price(message.text().unwrap_or_default()).map_err(Error::from)?;
///     Ok(format!("{price} 分"))
/// }
///
/// assert_eq!(answer_price(weft_plugin::testing::text("o1", "毛峰")).unwrap_err().to_string(), "sold out");
/// ```
///
/// Without it, the compiler says so:
///
/// ```compile_fail,E0277
/// # use weft_plugin::prelude::*;
/// # type Boxed = Box<dyn std::error::Error + Send + Sync>;
/// fn half(price: Result<u32, Boxed>) -> Result<u32> {
///     Ok(price? / 2)
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure(pub Error);

/// What `?` turns into a [`Failure`], which tells of it.
#[diagnostic::on_unimplemented(
    message = "`?` does not turn `{Self}` into `weft_plugin::Failure`",
    label = "write `.map_err(Error::from)?` for a `Box<dyn Error + Send + Sync>`, \
             and `.map_err(Error::other)?` for what can be shown"
)]
pub trait IntoFailure {
    /// As the host reads it.
    fn into_failure(self) -> Failure;
}

// Else the compiler tells of `Into`, and nobody of what to do.
#[diagnostic::do_not_recommend]
impl<E: Into<Box<dyn StdError>>> IntoFailure for E {
    fn into_failure(self) -> Failure {
        Failure(Error::from(self.into()))
    }
}

impl Deref for Failure {
    type Target = Error;

    fn deref(&self) -> &Error {
        &self.0
    }
}

impl<E: IntoFailure> From<E> for Failure {
    fn from(error: E) -> Self {
        error.into_failure()
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        failure.0
    }
}

/// What a function of a plugin may fail with: [`Error`] tells of it.
#[diagnostic::on_unimplemented(
    message = "a function of a plugin cannot fail with `{Self}`",
    label = "`{Self}` does not turn into `weft_plugin::Error`",
    note = "let it return `weft_plugin::Result<T>`: `?` turns every error into its `Failure`, \
            but for `Box<dyn Error + Send + Sync>`, which takes `.map_err(Error::from)?`",
    note = "or say what becomes of this one: `impl From<{Self}> for weft_plugin::Error`"
)]
pub trait IntoError {
    /// As the host reads it.
    fn into_error(self) -> Error;
}

// Else the compiler tells of `From`, and nobody of what to do.
#[diagnostic::do_not_recommend]
impl<E: Into<Error>> IntoError for E {
    fn into_error(self) -> Error {
        self.into()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
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
        let error = match error.downcast::<Self>() {
            Ok(error) => return *error,
            Err(error) => error,
        };
        match error.downcast::<WechatError>() {
            Ok(error) => Self::Wechat(*error),
            Err(error) => Self::Other(with_causes(&*error)),
        }
    }
}

/// An error's text, and those of what caused it where it does not tell them itself.
fn with_causes(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
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
