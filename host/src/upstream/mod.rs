//! The servers that we call: WeChat's API, and the operators' own.
//!
//! [`Wechat`] calls WeChat's API for an app: it checks what the app may do, has an [access token](AccessTokens), tries
//! again where that makes sense, and says what went wrong otherwise. [`Forward`] hands a message to a server of the
//! operator's. Neither follows redirects nor takes a proxy from the environment, and no error of theirs holds a URL,
//! a token or a secret.

mod access_tokens;
mod error;
mod http;
mod pauses;
mod retry;
mod wechat;

pub use self::access_tokens::AccessTokens;
pub use self::error::{CallError, TokenError, TransportError};
pub use self::wechat::Wechat;
