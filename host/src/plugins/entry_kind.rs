//! The kinds of what a plugin exports.

use serde::{Deserialize, Serialize};

use super::component::{Description, Entry};

/// What an entry of a plugin is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// Answers a message.
    Handler,
    /// Says whether a message is meant.
    Rule,
    /// Hears of orders.
    Hook,
    /// Hears of messages.
    Observer,
    /// Answers HTTP requests.
    Page,
}

impl EntryKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Handler, Self::Rule, Self::Hook, Self::Observer, Self::Page];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Handler => "handler",
            Self::Rule => "rule",
            Self::Hook => "hook",
            Self::Observer => "observer",
            Self::Page => "page",
        }
    }

    /// All of the kind that a plugin has.
    pub fn entries(self, plugin: &Description) -> &[Entry] {
        match self {
            Self::Handler => &plugin.handlers,
            Self::Rule => &plugin.rules,
            Self::Hook => &plugin.hooks,
            Self::Observer => &plugin.observers,
            Self::Page => &plugin.pages,
        }
    }
}
