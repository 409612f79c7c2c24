//! The kinds of what a plugin exports.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::component::{Description, Entry};
use crate::plugin_limits::PluginLimits;

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
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::Handler, Self::Rule, Self::Hook, Self::Observer, Self::Page];

    /// The name of the kind.
    pub fn name(self) -> &'static str {
        match self {
            Self::Handler => "handler",
            Self::Rule => "rule",
            Self::Hook => "hook",
            Self::Observer => "observer",
            Self::Page => "page",
        }
    }

    /// The name of the kind in Chinese.
    pub(super) fn in_chinese(self) -> &'static str {
        match self {
            Self::Handler => "处理函数",
            Self::Rule => "规则",
            Self::Hook => "钩子",
            Self::Observer => "旁听者",
            Self::Page => "网页",
        }
    }

    /// The interface of the contract that entries of the kind stand in, and the list of them in a description.
    pub(super) fn interface(self) -> &'static str {
        match self {
            Self::Handler => "handlers",
            Self::Rule => "rules",
            Self::Hook => "hooks",
            Self::Observer => "observers",
            Self::Page => "pages",
        }
    }

    /// The entries of the kind that a plugin has.
    pub fn entries(self, plugin: &Description) -> &[Entry] {
        match self {
            Self::Handler => &plugin.handlers,
            Self::Rule => &plugin.rules,
            Self::Hook => &plugin.hooks,
            Self::Observer => &plugin.observers,
            Self::Page => &plugin.pages,
        }
    }

    /// How long a call of one may take, by the wall clock, and the setting that says so.
    pub(super) fn timeout(self, limits: &PluginLimits) -> (Duration, &'static str) {
        let (millis, setting) = match self {
            Self::Handler => (limits.call_timeout_ms, "plugins.call_timeout_ms"),
            Self::Rule => (limits.rule_timeout_ms, "plugins.rule_timeout_ms"),
            Self::Hook => (limits.hook_timeout_ms, "plugins.hook_timeout_ms"),
            Self::Observer => (limits.observer_timeout_ms, "plugins.observer_timeout_ms"),
            Self::Page => (limits.page_timeout_ms, "plugins.page_timeout_ms"),
        };
        (Duration::from_millis(millis), setting)
    }

    /// Whether calls of one that keeps failing are refused for a while. Not of hooks: an event is told again after
    /// pauses of its own, and a breaker would only use its tries up.
    pub(super) fn has_breaker(self) -> bool {
        self != Self::Hook
    }

    /// Whether the plugin's first one is called where none has the name that is asked for.
    pub(super) fn falls_back(self) -> bool {
        self == Self::Page
    }
}
