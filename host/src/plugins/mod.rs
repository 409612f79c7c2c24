//! The plugin platform: files in a folder become sandboxed code that answers messages.
//!
//! - `watcher` sees that a file changed, `versions` knows whether it counts, `admission` checks it, `compiler`
//!   compiles it in a process of its own, `registry` swaps it in; `cache` keeps compiled code, until `unused_code` finds
//!   that nothing needs it.
//! - `calls` finds who is meant; `guard` says whose turn it is, what a call may use and what keeps failing;
//!   `sandbox` runs one call in a fresh `instance` from one of the `pools`, within [`limits`], while `epoch` ticks; `memory`
//!   counts what one instance has, and all together;
//!   `host` answers what it asks, and `wasi` its standard library. `convert` and `convert_orders` stand between our types and the WIT's.
//! - `own_settings` reads what the operator has set for single plugins.
//! - `statistics` counts what becomes of calls, by [`EntryKind`] and entry; `trace` follows one call, and `receipts`
//!   keeps what became of the last ones; `live_log` has the last lines that a plugin logged, and those that come.
//! - `named` tells whether what apps name in plugins is there.
//! - [`build`] runs cargo for a plugin's source.

mod admission;
mod app_log;
mod bindings;
pub mod build;
mod cache;
mod calls;
mod compiler;
mod component;
mod convert;
mod convert_orders;
mod engine;
mod entry_kind;
mod epoch;
mod error;
mod expiry;
mod folder;
mod guard;
mod host;
mod instance;
pub mod limits;
mod live_log;
mod memory;
mod named;
mod own_settings;
mod pace;
mod pools;
mod receipts;
mod registry;
mod sandbox;
mod statistics;
mod trace;
mod unused_code;
mod versions;
mod wasi;
mod watcher;

pub use admission::{INTERFACE_VERSION, LoadError, Outcome, Refused, Report, STEPS, Step};
pub use app_log::{AppLine, AppReader};
pub use calls::{Observation, OrderChange, Page, PageRequest, PageUser, RefundChange, ReplayError, Tried};
pub use compiler::{Bounds, compile_plugin};
pub use component::{Asks, Description, Entry, Loaded, digest};
pub use entry_kind::EntryKind;
pub use error::{CallError, Crash};
pub use folder::plugin_name;
pub use guard::{BreakerStatistics, Breaking, Crowd};
pub use host::{DatabaseTurns, Function, GoingOn};
pub use instance::{Services, Subject};
pub use limits::PlatformLimits;
pub use live_log::{LiveLog, LoggedLine, Missed, Reader};
pub use memory::MemoryBound;
pub use receipts::{HostCall, Line, LineLevel, Receipt, ReceiptApp, ReceiptUse, Receipts};
pub use registry::{Plugin, Plugins, Settings};
pub use statistics::{EntryStatistics, HostCallStatistics, Statistics, mean_us};
pub use versions::{Canary, ChangeError, Decided, DecidedCanary, History, kept_file};
pub use watcher::Watcher;
