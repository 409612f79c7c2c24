//! Who is told of what becomes of an order.

use serde::{Deserialize, Serialize};

use crate::model::words::words;

/// Who is told of an order's events. Each of them is told by itself: what one does not take keeps none from the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventTarget {
    /// The plugin that the app's `order_hook` names.
    Hook,
    /// The server at the app's `order_webhook_url`.
    Webhook,
}

words!(EventTarget { Hook: "hook", Webhook: "webhook" }, UnknownEventTarget);

/// Nobody of this name is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("hook or webhook · hook 或 webhook")]
pub struct UnknownEventTarget;
