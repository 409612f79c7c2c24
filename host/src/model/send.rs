//! A message that goes to one user or to many, and what becomes of it for each.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::TemplateMessage;

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

impl SendOutcome {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Queued, Self::Sending, Self::Sent, Self::Delivered, Self::Failed, Self::Blocked, Self::Unknown];

    /// The text in JSON and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Blocked => "blocked",
            Self::Unknown => "unknown",
        }
    }
}

/// A text that is no [`SendOutcome`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("queued, sending, sent, delivered, failed, blocked or unknown")]
pub struct UnknownSendOutcome;

impl FromStr for SendOutcome {
    type Err = UnknownSendOutcome;

    fn from_str(text: &str) -> Result<Self, UnknownSendOutcome> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == text).ok_or(UnknownSendOutcome)
    }
}
