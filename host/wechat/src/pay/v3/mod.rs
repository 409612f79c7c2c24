//! WeChat Pay v3: JSON, signed with RSA in both directions, notifications encrypted with AES-256-GCM.
//!
//! A [`Call`] is a value. [`Merchant::write`] signs what it sends; [`PlatformKeys::verify`] proves what comes back, and
//! [`Merchant::read`] reads nothing before. Which of WeChat's keys counts is told by `Wechatpay-Serial`, so that
//! certificates and the WeChat Pay public key may be in use together.

mod answer;
mod any_call;
mod call;
mod client;
mod headers;
mod key;
mod notification;
mod platform_keys;
mod resource;
mod sensitive;

pub mod bills;
pub mod certificates;
pub mod refunds;
pub mod transactions;

pub use answer::{CallError, Refusal};
pub use any_call::{AnyCall, is_proven};
pub use call::{Call, Merchant, Method, Request, canonical_message, encode_path};
pub use headers::SignatureHeaders;
pub use key::{Certificate, InvalidKey, PrivateKey, PublicKey, SensitiveError};
pub use notification::{Event, Notification, NotificationError};
pub use platform_keys::{PlatformKeys, SignatureError, WINDOW};
pub use resource::{Apiv3Key, InvalidApiv3Key, Resource, ResourceError};
pub use sensitive::{MARK, seal_marked, without_marked};
