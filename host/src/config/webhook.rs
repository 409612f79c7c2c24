//! `[webhook]`: what WeChat delivers.

use serde::Deserialize;

use super::key::{Expects, Key};

/// How deliveries are judged and answered.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookConfig {
    /// How far a delivery's timestamp may be from our clock, in seconds.
    pub message_time_offset: u64,
    /// Whether a repeated nonce with another message is refused.
    pub reject_replays: bool,
    /// How long WeChat waits for an answer at most, in milliseconds: it gives up after 5 seconds.
    pub reply_deadline_ms: u64,
    /// When the message log is written.
    pub log_durability: LogDurability,
    /// After how many days entries of the message log are deleted; 0 keeps them.
    pub log_retention_days: u64,
}

/// When what is logged of a message is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogDurability {
    /// Some milliseconds later: no answer waits, and a crash may lose the last entries.
    #[default]
    Behind,
    /// Before the answer leaves.
    Commit,
}

pub(super) const KEYS: &[Key] = &[
    Key::new("webhook.message_time_offset", Expects::Number(1, 86_400)),
    Key::new("webhook.reject_replays", Expects::Flag),
    Key::new("webhook.reply_deadline_ms", Expects::Number(100, 4900)),
    Key::new("webhook.log_durability", Expects::Word(&["behind", "commit"])),
    Key::new("webhook.log_retention_days", Expects::Number(0, 36_500)),
];

impl Default for WebhookConfig {
    fn default() -> Self {
        Self {
            message_time_offset: 180,
            reject_replays: true,
            reply_deadline_ms: 4500,
            log_durability: LogDurability::Behind,
            log_retention_days: 180,
        }
    }
}
