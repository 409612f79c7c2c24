//! `[plugins]`: what a plugin may use up.

use std::{path::PathBuf, sync::LazyLock};

use serde::Deserialize;

use super::key::{Expects, Key};
use crate::plugin_limits::{LIMITS, Limit, LimitChanges, MOST_APP_CONCURRENCY, PluginLimits};

/// Limits of plugins and their calls.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct PluginsConfig {
    /// What holds for a plugin where nothing else is set for it.
    #[serde(flatten)]
    pub limits: PluginLimits,
    /// How far the limits of one plugin may be raised.
    pub ceilings: PluginCeilings,
    /// Stack of a call, in KiB.
    pub stack_kib: u32,
    /// Calls of one app at once, over all plugins, where the app has no number of its own.
    pub max_app_concurrency: u32,
    /// Memory of all instances together, in MiB, without a small part of each; one app has at most half of it. Without
    /// it, half of what there is, and 4096 at most.
    pub total_memory_mib: Option<u32>,
    /// How much of the time calls that compute for long, and compilation, have while the server has other work, in
    /// percent. With 100 they never rest.
    pub background_percent: u32,
    /// How long calls are refused when a plugin keeps failing, at first, in milliseconds.
    pub breaker_pause_ms: u64,
    /// The same at most, after more failures.
    pub breaker_max_pause_ms: u64,
    /// Wall clock of compiling one file without what the compiler rests while the server has other work, in milliseconds.
    pub compile_timeout_ms: u64,
    /// Memory of the process that compiles a file, in MiB. Without it, a quarter of what there is, and 1024 at most: two
    /// files are compiled at a time.
    pub compile_memory_mib: Option<u32>,
    /// The weft command, which compiles plugins in a process of its own. No key: the command sets it to itself. Without
    /// it, in programs that have the server built in, plugins are compiled in the process and nothing bounds that.
    #[serde(skip)]
    pub compiler: Option<PathBuf>,
    /// A canary is not taken back by itself before it had so many calls.
    pub canary_min_calls: u32,
    /// It is taken back when so many more of a hundred of its calls fail than of the version that runs, whichever app is
    /// left out where several call the plugin.
    pub canary_error_rise: u32,
}

/// `[plugins.ceilings]`: a value for every limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(from = "LimitChanges")]
pub struct PluginCeilings(pub PluginLimits);

impl From<LimitChanges> for PluginCeilings {
    fn from(changes: LimitChanges) -> Self {
        Self(PluginLimits::CEILINGS.with(&changes))
    }
}

const OWN_KEYS: [Key; 10] = [
    Key::new("plugins.stack_kib", Expects::Number(64, 8192)),
    Key::new("plugins.max_app_concurrency", Expects::Number(1, MOST_APP_CONCURRENCY as i64)),
    Key::new("plugins.total_memory_mib", Expects::Number(16, 1_048_576)),
    Key::new("plugins.background_percent", Expects::Number(5, 100)),
    Key::new("plugins.breaker_pause_ms", Expects::Number(10, 600_000)),
    Key::new("plugins.breaker_max_pause_ms", Expects::Number(10, 3_600_000)),
    Key::new("plugins.compile_timeout_ms", Expects::Number(100, 600_000)),
    Key::new("plugins.compile_memory_mib", Expects::Number(32, 65_536)),
    Key::new("plugins.canary_min_calls", Expects::Number(1, 5000)),
    Key::new("plugins.canary_error_rise", Expects::Number(1, 99)),
];

/// All keys of the section: each limit, what else there is, and each limit's ceiling.
pub(super) static KEYS: LazyLock<Vec<Key>> = LazyLock::new(|| {
    let expects = |limit: &Limit| {
        let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        Expects::Number(number(limit.least), number(limit.most))
    };
    let defaults = LIMITS.iter().map(|limit| Key::new(limit.key, expects(limit)));
    let ceilings = LIMITS.iter().map(|limit| Key::new(limit.ceiling_key, expects(limit)));
    defaults.chain(OWN_KEYS).chain(ceilings).collect()
});

impl Default for PluginsConfig {
    fn default() -> Self {
        Self {
            limits: PluginLimits::default(),
            ceilings: PluginCeilings(PluginLimits::CEILINGS),
            stack_kib: 512,
            max_app_concurrency: 128,
            total_memory_mib: None,
            background_percent: 25,
            breaker_pause_ms: 1000,
            breaker_max_pause_ms: 60_000,
            compile_timeout_ms: 30_000,
            compile_memory_mib: None,
            compiler: None,
            canary_min_calls: 10,
            canary_error_rise: 5,
        }
    }
}
