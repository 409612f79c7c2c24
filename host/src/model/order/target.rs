//! Who is told of what becomes of an order.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Who is told of an order's events. Each of them is told by itself: what one does not take keeps none from the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventTarget {
    /// The plugin that the app's `order_hook` names.
    Hook,
    /// The server at the app's `order_webhook_url`.
    Webhook,
}

impl EventTarget {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Hook, Self::Webhook];

    /// The text in JSON and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hook => "hook",
            Self::Webhook => "webhook",
        }
    }
}

impl fmt::Display for EventTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Nobody of this name is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("hook or webhook")]
pub struct UnknownEventTarget;

impl FromStr for EventTarget {
    type Err = UnknownEventTarget;

    fn from_str(text: &str) -> Result<Self, UnknownEventTarget> {
        Self::ALL.into_iter().find(|target| target.as_str() == text).ok_or(UnknownEventTarget)
    }
}
