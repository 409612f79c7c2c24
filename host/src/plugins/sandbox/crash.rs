//! Whose fault it was that a call failed, in words.

use std::time::Duration;

use wasmtime::Trap;
use wasmtime_wasi::{I32Exit, ResourceTableError};

use crate::{
    plugin_limits::PluginLimits,
    plugins::{
        error::{CallError, Crash},
        host::log::{printable, printable_up_to},
        limits::RESOURCES,
        memory::MemoryBound,
    },
};

/// Functions in a backtrace, and bytes of the name of each: names of generic functions can fill pages.
const BACKTRACE_LINES: usize = 32;
/// See [`BACKTRACE_LINES`].
const BACKTRACE_LINE_BYTES: usize = 256;

/// A plugin answered what cannot be sent, and why.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(in crate::plugins) struct Unsendable(pub(in crate::plugins) String);

impl Unsendable {
    /// It is longer than a limit allows.
    pub(in crate::plugins) fn too_long(bytes: usize, most: usize, setting: &str) -> Self {
        Self(format!("it has {bytes} bytes and may have {most} ({setting})"))
    }
}

/// Whose fault it was, what the guest said last, and whether it had been refused memory.
pub(super) fn explain(
    error: &wasmtime::Error,
    limits: &PluginLimits,
    printed: &str,
    refused: Option<MemoryBound>,
) -> CallError {
    if let Some(Unsendable(why)) = error.downcast_ref() {
        return CallError::BadReply(why.clone());
    }
    let trap: Option<&Trap> = error.downcast_ref();
    let backtrace = error.downcast_ref().map(backtrace).unwrap_or_default();
    if let Some(Trap::Interrupt) = trap {
        return CallError::CpuExhausted { after: Duration::from_millis(limits.cpu_ms), backtrace };
    }
    let cause = if let Some(I32Exit(status)) = error.downcast_ref() {
        format!("the plugin called exit({status})")
    } else if let Some(ResourceTableError::Full) = error.downcast_ref() {
        format!("it holds {RESOURCES} streams and pollables, and a call may hold no more")
    } else if let Some(trap) = trap {
        trap.to_string()
    } else {
        format!("{:#}", error.root_cause())
    };
    let cause = match limit(trap, &cause) {
        Some(setting) => format!("{cause} ({setting})"),
        None => cause,
    };
    let panicked = trap == Some(&Trap::UnreachableCodeReached);
    let [cause, printed] = [cause.as_str(), printed].map(|text| printable(text).into_owned());
    CallError::Crashed(Crash { cause, panicked, printed, backtrace, refused })
}

/// What the operator could raise, where it was a limit that wasmtime watches. Its errors have no names, but for the trap.
fn limit(trap: Option<&Trap>, cause: &str) -> Option<&'static str> {
    if trap == Some(&Trap::StackOverflow) {
        return Some("plugins.stack_kib");
    }
    let limits = [
        ("fuel allocated for hostcalls", "plugins.host_call_kib"),
        ("instance count too high", "plugins.core_instances"),
        ("exceeds table limits", "plugins.table_elements"),
    ];
    limits.into_iter().find_map(|(said, setting)| cause.contains(said).then_some(setting))
}

/// The guest's functions by the names that their authors gave them, innermost first.
fn backtrace(trace: &wasmtime::WasmBacktrace) -> String {
    let names = trace.frames().iter().map(|frame| match frame.func_name() {
        // Without the hash at its end.
        Some(name) => format!("{:#}", rustc_demangle::demangle(name)),
        None => format!("function {}", frame.func_index()),
    });
    let lines = names.take(BACKTRACE_LINES).map(|name| printable_up_to(&name, BACKTRACE_LINE_BYTES).into_owned());
    lines.collect::<Vec<_>>().join("\n")
}
