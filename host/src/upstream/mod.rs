//! The servers that we call: WeChat's API, and the operators' own.
//!
//! [`Wechat`] calls WeChat's API for an app: it checks what the app may do, has an access token, tries
//! again where that makes sense, and says what went wrong otherwise. [`Forward`] hands a message to a server of the
//! operator's, [`Webhooks`] tells one of an event, [`Outbound`] sends the requests of plugins. [`Gateway`] calls WeChat
//! Pay for a merchant, and believes nothing that is not proven. None follows redirects nor takes a proxy from the
//! environment, and no error of theirs holds a URL, a token or a secret.

mod answer;
mod calls;
mod counts;
mod credentials;
mod customer_service;
mod error;
mod files;
mod forward;
mod http;
mod lookups;
mod on_the_way;
mod outbound;
mod outside;
mod pauses;
mod pay;
mod public_address;
mod retry;
#[cfg(test)]
mod silent_names;
mod webhook;
mod wechat;

pub use self::answer::AnswerStream;
pub use self::calls::Passed;
pub use self::customer_service::{CustomerService, SendError};
pub use self::error::{CallError, TokenError, TransportError};
pub use self::forward::{Forward, ForwardError};
pub(crate) use self::outbound::OF_THE_CONNECTION;
pub use self::outbound::{Outbound, OutboundAnswer, OutboundError, OutboundRequest};
pub use self::pay::{BillFile, BillKind, Fetched, Gateway, NoKey, PayAnswer, PayError};
pub use self::public_address::{NotPublic, is_public};
pub use self::webhook::{WebhookError, WebhookMessage, Webhooks};
pub use self::wechat::Wechat;
