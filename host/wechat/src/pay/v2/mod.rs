//! WeChat Pay v2: XML of one level, signed with a key that both sides know.
//!
//! A [`Call`] is a value. [`Merchant::write`] signs what it sends, [`Merchant::read`] verifies what came back and reads
//! it. Nothing of an answer is believed before its signature was verified over what arrived, with the algorithm that
//! the merchant is set to and not the one that the answer names. A few old calls have answers that WeChat does not sign:
//! see [`Convention::is_signed`].

mod answer;
mod any_call;
mod client;
mod convention;
mod fields;
mod merchant;
mod notification;
mod refund_notification;
mod sign;
mod transaction;

pub mod closeorder;
pub mod downloadbill;
pub mod downloadfundflow;
pub mod gethbinfo;
pub mod micropay;
pub mod orderquery;
pub mod refund;
pub mod refundquery;
pub mod reverse;
pub mod unifiedorder;

pub use answer::{CallError, Refusal};
pub use any_call::{AnyCall, RefusedField};
pub use convention::Convention;
pub use fields::{Fields, FieldsError};
pub use merchant::{Call, Merchant};
pub use notification::{Notification, NotificationError, failure, success};
pub use refund_notification::{RefundNotification, open_refund, seal_refund};
pub use sign::{ApiKey, InvalidApiKey, SignType, UnknownSignType, sign, verify};
