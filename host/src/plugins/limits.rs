//! The numbers that bound all plugins alike, and what the operator has set. What may be set for one plugin stands in
//! `crate::plugin_limits`.

use std::time::Duration;

use super::guard::Pauses;
use crate::{config::PluginsConfig, machine, plugin_limits::PluginLimits};

/// Instances alive at once, over all plugins; the pools are as large together.
pub const INSTANCES: u32 = 512;

/// Pools at most. Each has a copy of the code of every plugin.
pub const POOLS: usize = 4;

/// Linear memory that stays mapped in an unused slot. With it, and with the kernel telling which
/// pages were touched, a fresh instance costs a third of what it costs without.
pub const KEEP_RESIDENT: usize = 256 << 10;

/// Bytes of stack that host functions have beyond what the guest may use.
pub const HOST_STACK: usize = 512 << 10;

/// Bytes of linear memory of an instance that are not counted together with those of others. Small plugins, as most in
/// Rust are, have no more.
pub const UNCOUNTED_MEMORY: usize = 4 << 20;

/// Tables and memories of one component. The pool has as many for every instance, so that no component takes another's.
/// A memory costs 4 GiB of address space in every slot. Rust has two tables and one memory; JavaScript by `QuickJS` three
/// of each, Python two and one.
pub const TABLES: u32 = 4;
/// See [`TABLES`].
pub const MEMORIES: u32 = 4;

/// Instances kept for plugins that have no call running.
pub const RESERVED: u32 = 64;

/// Instances that pages leave to what WeChat and orders ask for.
pub const LEFT_BY_PAGES: u32 = (INSTANCES - LOADING) / 2;

/// Instances kept for plugins that are being loaded.
pub const LOADING: u32 = 16;

/// Plugins that are compiled at once, each by half of the cores.
pub const COMPILATIONS: usize = 2;

/// Plugins that are read, linked or asked what they are at once, beside those that are compiled.
pub const ADMISSIONS: usize = 2;

/// What a component may have of each, so that reading it stays cheap. Interpreters of Python and JavaScript, the largest
/// components that are known, have a tenth of it.
pub const FUNCTIONS: u32 = 200_000;
/// See [`FUNCTIONS`]. Core types and those of components.
pub const TYPES: u32 = 200_000;
/// See [`FUNCTIONS`]. Modules and components, itself counted.
pub const PARTS: u32 = 1000;
/// See [`FUNCTIONS`]. How deep modules and components may lie in each other.
pub const NESTING: u32 = 20;
/// See [`FUNCTIONS`]. Imports and exports of the component itself.
pub const BORDER_NAMES: u32 = 1000;
/// Bytes of compiled code for each byte that the plugin's file may have. Interpreters, the largest components that are
/// known, become about three times as large. It is held in memory whole, and copied for each of the [`POOLS`].
pub const CODE_PER_BYTE: u64 = 8;
/// Bytes of code of one function: the time for compiling grows faster than they do.
pub const FUNCTION_BYTES: u32 = 2 << 20;

/// Resources (streams, pollables) that one call may hold at a time.
pub const RESOURCES: usize = 256;

/// Bytes of one request for randomness.
pub const RANDOM_BYTES: u64 = 64 << 10;

/// How many things that one call asks of the host are kept for its receipt, and bytes of their arguments and answers
/// together.
pub const RECORDED_CALLS: usize = 512;
/// See [`RECORDED_CALLS`].
pub const RECORDED_BYTES: usize = 256 << 10;

/// Bytes of a page's body, and of that of a request to it, that a receipt keeps; a longer one is left out.
pub const RECORDED_BODY: usize = 32 << 10;

/// Receipts that are written at a time while their calls are answered, of all apps together: each holds what was asked
/// and answered.
pub const DRAFTS: usize = 64;
/// See [`DRAFTS`]. Those of one app.
pub const DRAFTS_OF_ONE_APP: usize = 8;

/// Lines of each plugin's log that are kept in memory, and their bytes together.
pub const RECENT_LINES: usize = 500;
/// See [`RECENT_LINES`].
pub const RECENT_BYTES: usize = 256 << 10;

/// Bytes of each text, and entries of each list, in what a plugin says of itself.
pub const DESCRIPTION_BYTES: usize = 1 << 10;
/// See [`DESCRIPTION_BYTES`].
pub const DESCRIPTION_ENTRIES: usize = 100;

/// How often running guests look at the clock and let other tasks run. Measured with four busy
/// loops on two cores: at 5 ms one call in a hundred waits 150 ms, at 1 ms it waits 5 ms.
pub const TICK: Duration = Duration::from_millis(1);

/// CPU time after which a call goes on in the background, where messages do not wait for it.
pub const FOREGROUND: Duration = Duration::from_millis(4);

/// Time for `manifest.describe` when a file is loaded.
pub const DESCRIBE_TIMEOUT: Duration = Duration::from_secs(2);

/// Time that is left of a call when it stops waiting for an answer from outside, so that it can still say something.
pub const OUTBOUND_MARGIN: Duration = Duration::from_millis(50);

/// Headers of an HTTP request or answer, here and elsewhere, and bytes of their names and values together.
pub const HTTP_HEADERS: usize = 64;
/// See [`HTTP_HEADERS`].
pub const HTTP_HEADER_BYTES: usize = 16 << 10;

/// Bytes of the URL of an HTTP request, here and elsewhere.
pub const HTTP_URL_BYTES: usize = 8 << 10;

/// Bytes of memory of all instances together where nothing is set and the machine has plenty.
const TOTAL_MEMORY: u64 = 4 << 30;

/// Bytes of memory of the process that compiles a file where nothing is set and the machine has plenty.
const COMPILE_MEMORY: u64 = 1 << 30;

/// Bytes of memory that all instances together, and a process that compiles, have even on a machine with little: a call
/// of a plugin can begin, and a small plugin be compiled.
const LEAST_MEMORY: u64 = 128 << 20;

/// What the operator has set for the plugin platform of this process.
#[derive(Debug, Clone)]
pub struct PlatformLimits {
    /// What holds for a plugin where nothing else is set for it.
    pub defaults: PluginLimits,
    /// How far that may be raised for one plugin; nowhere below the defaults. The engine is made for these: memory,
    /// tables and core instances cannot grow beyond them.
    pub ceilings: PluginLimits,
    /// Bytes of stack that a guest may use. The pool has stacks of one size and the engine one limit for what runs on
    /// them, so it is the same for all plugins.
    pub stack: usize,
    /// Calls of one app at once, over all plugins, where the app has no number of its own.
    pub app_concurrency: usize,
    /// Bytes of linear memory of all instances together, without the first [`UNCOUNTED_MEMORY`] of each.
    pub total_memory: usize,
    /// How much of the time long calls and compilation have while there is other work.
    pub background_percent: u32,
    /// How long calls of what keeps failing are refused.
    pub(super) pauses: Pauses,
    /// Wall clock of compiling a file, without what the compiler rests.
    pub compile_timeout: Duration,
    /// Bytes of memory of the process that compiles a file.
    pub compile_memory: u64,
}

impl From<&PluginsConfig> for PlatformLimits {
    fn from(config: &PluginsConfig) -> Self {
        Self {
            defaults: config.limits,
            ceilings: config.ceilings.0.max(&config.limits),
            stack: kib(config.stack_kib.into()),
            app_concurrency: usize::try_from(config.max_app_concurrency).unwrap_or(usize::MAX),
            total_memory: count(memory(config.total_memory_mib, 2, TOTAL_MEMORY)),
            background_percent: config.background_percent,
            pauses: Pauses {
                first: Duration::from_millis(config.breaker_pause_ms),
                longest: Duration::from_millis(config.breaker_max_pause_ms),
            },
            compile_timeout: Duration::from_millis(config.compile_timeout_ms),
            compile_memory: memory(config.compile_memory_mib, 4, COMPILE_MEMORY),
        }
    }
}

/// Bytes of memory, by a setting in MiB; without one, one of `parts` parts of what there is for this process, and
/// `most` at most.
fn memory(setting: Option<u32>, parts: u64, most: u64) -> u64 {
    setting.map_or_else(
        || machine::memory().map_or(most, |there_is| most.min((there_is / parts).max(LEAST_MEMORY))),
        |mib| u64::from(mib) << 20,
    )
}

/// Whether an HTTP request or answer has no more headers than [`HTTP_HEADERS`], with [`HTTP_HEADER_BYTES`] at most.
pub fn headers_fit(headers: &[(String, String)]) -> bool {
    headers.len() <= HTTP_HEADERS && header_bytes(headers) <= HTTP_HEADER_BYTES
}

/// Bytes of the names and values of headers.
pub fn header_bytes(headers: &[(String, String)]) -> usize {
    headers.iter().map(|(name, value)| name.len() + value.len()).sum()
}

/// A limit as a number of things.
pub(super) fn count(limit: u64) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

/// A limit in KiB as bytes.
pub(super) fn kib(limit: u64) -> usize {
    count(limit.saturating_mul(1 << 10))
}

/// A limit in MiB as bytes.
pub(super) fn mib(limit: u64) -> usize {
    count(limit.saturating_mul(1 << 20))
}
