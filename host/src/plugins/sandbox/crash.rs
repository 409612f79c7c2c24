//! Whose fault it was that a call failed, in words.

use std::time::Duration;

use wasmtime::Trap;
use wasmtime_wasi::{I32Exit, ResourceTableError};

use crate::{
    plugin_limits::PluginLimits,
    plugins::{
        error::{CallError, Crash},
        limits::RESOURCES,
        memory::MemoryBound,
    },
    printable::{printable, printable_up_to},
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
    if let Some(Trap::Interrupt) = error.downcast_ref() {
        return CallError::CpuExhausted { after: Duration::from_millis(limits.cpu_ms) };
    }
    if let Some(Unsendable(why)) = error.downcast_ref() {
        return CallError::BadReply(why.clone());
    }
    let cause = if let Some(I32Exit(status)) = error.downcast_ref() {
        format!("the plugin called exit({status})")
    } else if let Some(ResourceTableError::Full) = error.downcast_ref() {
        format!("it holds {RESOURCES} streams and pollables, and a call may hold no more")
    } else if let Some(trap) = error.downcast_ref::<Trap>() {
        trap.to_string()
    } else {
        format!("{:#}", error.root_cause())
    };
    let backtrace = error.downcast_ref().map(backtrace).unwrap_or_default();
    let [cause, printed] = [cause.as_str(), printed.trim()].map(|text| printable(text).into_owned());
    CallError::Crashed(Crash { cause, printed, backtrace, refused })
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
