//! `[plugins]`: what a plugin may use up.

use std::path::PathBuf;

use serde::Deserialize;

use super::key::{Expects, Key};

/// Limits of plugins and their calls.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PluginsConfig {
    /// Wall clock of one call of a message handler, host calls included, in milliseconds.
    pub call_timeout_ms: u64,
    /// The same for a message rule.
    pub rule_timeout_ms: u64,
    /// The same for an order-updated hook.
    pub hook_timeout_ms: u64,
    /// CPU time of one call, in milliseconds.
    pub cpu_ms: u64,
    /// Memory of one instance, in MiB.
    pub memory_mib: u32,
    /// Instances of one plugin at once.
    pub max_concurrency: u32,
    /// Largest .wasm file, in MiB.
    pub max_file_mib: u32,
    /// Wall clock of compiling one file, in milliseconds.
    pub compile_timeout_ms: u64,
    /// Memory of the process that compiles a file, in MiB.
    pub compile_memory_mib: u32,
    /// The weft command, which compiles plugins in a process of its own. No key: the command sets it to itself. Without
    /// it, in programs that have the server built in, plugins are compiled in the process and nothing bounds that.
    #[serde(skip)]
    pub compiler: Option<PathBuf>,
    /// A canary is not taken back by itself before it had so many calls.
    pub canary_min_calls: u32,
    /// It is taken back when so many more of a hundred of its calls fail than of the version that runs.
    pub canary_error_rise: u32,
}

pub(super) const KEYS: &[Key] = &[
    Key::new("plugins.call_timeout_ms", Expects::Number(10, 60_000)),
    Key::new("plugins.rule_timeout_ms", Expects::Number(10, 60_000)),
    Key::new("plugins.hook_timeout_ms", Expects::Number(10, 600_000)),
    Key::new("plugins.cpu_ms", Expects::Number(1, 60_000)),
    // A Rust plugin does not start with less than about 1.1 MiB; no memory of 32-bit wasm is larger than 4 GiB.
    Key::new("plugins.memory_mib", Expects::Number(2, 4096)),
    Key::new("plugins.max_concurrency", Expects::Number(1, 256)),
    Key::new("plugins.max_file_mib", Expects::Number(1, 512)),
    Key::new("plugins.compile_timeout_ms", Expects::Number(100, 600_000)),
    Key::new("plugins.compile_memory_mib", Expects::Number(32, 65_536)),
    Key::new("plugins.canary_min_calls", Expects::Number(1, 5000)),
    Key::new("plugins.canary_error_rise", Expects::Number(1, 99)),
];

impl Default for PluginsConfig {
    fn default() -> Self {
        Self {
            call_timeout_ms: 14_000,
            rule_timeout_ms: 1000,
            hook_timeout_ms: 30_000,
            cpu_ms: 1000,
            memory_mib: 64,
            max_concurrency: 64,
            max_file_mib: 32,
            compile_timeout_ms: 30_000,
            compile_memory_mib: 1024,
            compiler: None,
            canary_min_calls: 10,
            canary_error_rise: 5,
        }
    }
}
