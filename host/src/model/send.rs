//! A message that goes to one user or to many, and what becomes of it for each.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::TemplateMessage;
use super::words::words;

/// A message with who gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageSend {
    /// UUIDs of version 7: newer ones are greater.
    pub id: String,
    /// The app's name.
    pub app: String,
    /// The job that sends it; none for a message to one user, which is sent at once.
    pub job: Option<String>,
    /// What is sent.
    pub message: TemplateMessage,
    /// Who gets it.
    pub to: Recipients,
    /// By which the operator knows a request that comes again.
    pub client_msg_id: Option<String>,
    /// The name of the token that sent it.
    pub created_by: String,
    /// Seconds since 1970.
    pub created_at: u64,
}

/// Who gets a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Recipients {
    /// So many users by name.
    Openids(u64),
    /// Whoever has the tag when it is sent.
    TagId(u32),
}

/// What became of a message for one user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SendOutcome {
    /// It waits for its turn.
    Queued,
    /// WeChat is asked to send it just now.
    Sending,
    /// WeChat has taken it.
    Sent,
    /// WeChat says that it reached the user.
    Delivered,
    /// WeChat did not take it, or did not bring it to the user.
    Failed,
    /// The user does not want messages of the account.
    Blocked,
    /// Nobody knows: there was no answer. It is not sent again.
    Unknown,
}

/// A user who gets a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// The user.
    pub openid: String,
    /// What became of it.
    pub outcome: SendOutcome,
    /// WeChat's code, when it said no.
    pub errcode: Option<i64>,
    /// Why there is no better outcome, in words for the operator.
    pub reason: Option<String>,
    /// WeChat's id of the message.
    pub msgid: Option<String>,
    /// When WeChat was asked; seconds since 1970.
    pub tried_at: Option<u64>,
    /// When the outcome was known; seconds since 1970.
    pub settled_at: Option<u64>,
}

words!(
    SendOutcome {
        Queued: "queued",
        Sending: "sending",
        Sent: "sent",
        Delivered: "delivered",
        Failed: "failed",
        Blocked: "blocked",
        Unknown: "unknown",
    },
    UnknownSendOutcome
);

/// A text that is no [`SendOutcome`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "queued, sending, sent, delivered, failed, blocked or unknown · 可选 queued、sending、sent、delivered、failed、blocked、unknown"
)]
pub struct UnknownSendOutcome;
