//! Every number that bounds a plugin.

use std::time::Duration;

use crate::config::PluginsConfig;

/// Instances alive at once, over all plugins; the pool is as large.
pub const INSTANCES: u32 = 512;

/// Linear memory that stays mapped in an unused slot. With it, and with the kernel telling which
/// pages were touched, a fresh instance costs a third of what it costs without.
pub const KEEP_RESIDENT: usize = 256 << 10;

/// Bytes of a WebAssembly stack.
pub const WASM_STACK: usize = 512 << 10;

/// Bytes of the stack that a call runs on, host functions included.
pub const CALL_STACK: usize = 1 << 20;

/// Elements of one table.
pub const TABLE_ELEMENTS: usize = 20_000;

/// Tables, memories and core instances of one component. The pool has as many for every instance,
/// so that no component takes another's.
pub const TABLES: u32 = 4;
/// See [`TABLES`].
pub const MEMORIES: u32 = 2;
/// See [`TABLES`].
pub const CORE_INSTANCES: u32 = 8;

/// Instances kept for plugins that have no call running.
pub const RESERVED: u32 = 64;

/// Instances kept for plugins that are being loaded.
pub const LOADING: u32 = 16;

/// Plugins that are compiled at once.
pub const COMPILATIONS: usize = 2;

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
/// Bytes of code of one function: the time for compiling grows faster than they do.
pub const FUNCTION_BYTES: u32 = 2 << 20;

/// Resources (streams, pollables) that one call may hold at a time.
pub const RESOURCES: usize = 256;

/// Bytes that a guest may hand to the host at a time: in one host call, or as one answer.
pub const BYTES_FROM_GUEST: usize = 2 << 20;

/// Bytes of one request for randomness.
pub const RANDOM_BYTES: u64 = 64 << 10;

/// Lines that one call may log, and the bytes of each.
pub const LOG_LINES: u32 = 64;
/// See [`LOG_LINES`].
pub const LOG_LINE_BYTES: usize = 4 << 10;

/// Bytes of each text, and entries of each list, in what a plugin says of itself.
pub const DESCRIPTION_BYTES: usize = 1 << 10;
/// See [`DESCRIPTION_BYTES`].
pub const DESCRIPTION_ENTRIES: usize = 100;

/// Bytes kept of what one call prints to standard output and standard error together. The rest
/// is dropped and never fails the call.
pub const OUTPUT_BYTES: usize = 16 << 10;

/// How often running guests look at the clock and let other tasks run. Measured with four busy
/// loops on two cores: at 5 ms one call in a hundred waits 150 ms, at 1 ms it waits 5 ms.
pub const TICK: Duration = Duration::from_millis(1);

/// Time for `manifest.describe` when a file is loaded.
pub const DESCRIBE_TIMEOUT: Duration = Duration::from_secs(2);

/// Bytes of one value in the key-value store, keys, and bytes in all, per plugin and app.
pub const KV_VALUE_BYTES: u64 = 256 << 10;
/// See [`KV_VALUE_BYTES`].
pub const KV_KEYS: u64 = 100_000;
/// See [`KV_VALUE_BYTES`].
pub const KV_TOTAL_BYTES: u64 = 64 << 20;

/// How often one call may use the database, for the key-value store, users and orders: each write takes its lock, which all
/// share.
pub const DATABASE_CALLS: u32 = 256;

/// How often one call may ask something outside: other servers, WeChat and WeChat Pay.
pub const OUTBOUND_CALLS: u32 = 16;

/// Time that is left of a call when it stops waiting for an answer from outside, so that it can still say something.
pub const OUTBOUND_MARGIN: Duration = Duration::from_millis(50);

/// How long an HTTP request may take when the guest does not say.
pub const HTTP_TIMEOUT: Duration = Duration::from_secs(3);

/// Bytes of the body of an HTTP request or a call of WeChat's API, and of an HTTP answer's.
pub const OUTBOUND_BODY_BYTES: usize = 1 << 20;

/// How long a call of WeChat's API, or of WeChat Pay, may take.
pub const WECHAT_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of an answer of WeChat's API.
pub const WECHAT_ANSWER_BYTES: usize = 4 << 20;

/// Headers of an HTTP request or answer, and bytes of their names and values together.
pub const HTTP_HEADERS: usize = 64;
/// See [`HTTP_HEADERS`].
pub const HTTP_HEADER_BYTES: usize = 16 << 10;

/// Bytes of the URL of an HTTP request.
pub const HTTP_URL_BYTES: usize = 8 << 10;

/// What the operator may set.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Wall clock of a call of a handler or an observer, host calls included.
    pub call_timeout: Duration,
    /// The same for a rule.
    pub rule_timeout: Duration,
    /// The same for an order hook.
    pub hook_timeout: Duration,
    /// CPU time of a call.
    pub cpu: Duration,
    /// Bytes of linear memory of an instance.
    pub memory: usize,
    /// Calls of one plugin at once.
    pub concurrency: usize,
    /// Bytes of a plugin file.
    pub file: u64,
    /// Wall clock of compiling a file.
    pub compile_timeout: Duration,
    /// Bytes of memory of the process that compiles a file.
    pub compile_memory: u64,
}

impl From<&PluginsConfig> for Limits {
    fn from(config: &PluginsConfig) -> Self {
        Self {
            call_timeout: Duration::from_millis(config.call_timeout_ms),
            rule_timeout: Duration::from_millis(config.rule_timeout_ms),
            hook_timeout: Duration::from_millis(config.hook_timeout_ms),
            cpu: Duration::from_millis(config.cpu_ms),
            memory: usize::try_from(config.memory_mib).unwrap_or(usize::MAX) << 20,
            concurrency: usize::try_from(config.max_concurrency).unwrap_or(usize::MAX),
            file: u64::from(config.max_file_mib) << 20,
            compile_timeout: Duration::from_millis(config.compile_timeout_ms),
            compile_memory: u64::from(config.compile_memory_mib) << 20,
        }
    }
}
