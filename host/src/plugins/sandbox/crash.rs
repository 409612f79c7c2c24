//! Whose fault it was that a call failed, in words.

use std::{
    fmt::{self, Write as _},
    time::Duration,
};

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

/// Functions in a backtrace.
const BACKTRACE_LINES: usize = 32;
/// Bytes of the name of each function in a backtrace: names of generic functions can fill pages.
const BACKTRACE_LINE_BYTES: usize = 256;

/// Bytes of the longest symbol that is demangled.
const SYMBOL_BYTES: usize = 4 << 10;

/// A plugin answered what cannot be sent, and why.
#[derive(Debug, thiserror::Error)]
pub(in crate::plugins) enum Unsendable {
    /// The answer cannot be sent for what it says.
    #[error("{0}")]
    Unfit(String),
    /// The answer is longer than a limit allows.
    #[error("{0}")]
    TooLong(String),
}

impl Unsendable {
    /// An answer of `bytes` bytes where `setting` allows `most`.
    pub(in crate::plugins) fn too_long(bytes: usize, most: usize, setting: &str) -> Self {
        Self::TooLong(format!("it has {bytes} bytes and may have {most} ({setting})"))
    }
}

impl From<&Unsendable> for CallError {
    fn from(unsendable: &Unsendable) -> Self {
        match unsendable {
            Unsendable::Unfit(why) => Self::BadReply(why.clone()),
            Unsendable::TooLong(why) => Self::ReplyTooLong(why.clone()),
        }
    }
}

/// The error of a call that failed: whose fault it was, what the guest printed last, and whether it had been refused
/// memory.
pub(super) fn explain(
    error: &wasmtime::Error,
    limits: &PluginLimits,
    printed: &str,
    refused: Option<MemoryBound>,
) -> CallError {
    if let Some(unsendable) = error.downcast_ref::<Unsendable>() {
        return unsendable.into();
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

/// The setting that the operator could raise where the call came to a limit that wasmtime watches. Its errors have no
/// names, but for the trap.
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
        Some(symbol) => function_name(symbol),
        None => format!("function {}", frame.func_index()),
    });
    names.take(BACKTRACE_LINES).collect::<Vec<_>>().join("\n")
}

/// The name that a function's symbol stands for, without the hash at its end. No more of it is made than is shown: a
/// symbol of a hundred bytes can stand for a name of a megabyte, and nothing interrupts who makes it.
fn function_name(symbol: &str) -> String {
    if symbol.len() > SYMBOL_BYTES {
        return printable_up_to(symbol, BACKTRACE_LINE_BYTES).into_owned();
    }
    let mut name = Beginning(String::new());
    // It fails where there is more.
    let _ = write!(name, "{:#}", rustc_demangle::demangle(symbol));
    printable_up_to(&name.0, BACKTRACE_LINE_BYTES).into_owned()
}

/// The beginning of a text: what does not fit ends the writing.
struct Beginning(String);

impl fmt::Write for Beginning {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = BACKTRACE_LINE_BYTES.saturating_sub(self.0.len());
        let fits = text.get(..text.floor_char_boundary(room)).unwrap_or_default();
        self.0.push_str(fits);
        if fits.len() < text.len() { Err(fmt::Error) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    /// A number as it stands in symbols.
    fn base_62(number: usize) -> String {
        const DIGITS: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
        let Some(mut left) = number.checked_sub(1) else { return "_".to_owned() };
        let mut digits = vec!['_'];
        loop {
            digits.push(char::from(DIGITS[left % 62]));
            left /= 62;
            if left == 0 {
                return digits.iter().rev().collect();
            }
        }
    }

    /// The symbol of a function with `parameters` type parameters, each of which is a pair of the one before.
    fn unfolding(parameters: usize) -> String {
        // What is referred to is counted from behind `_R`.
        let (mut symbol, mut before) = ("INvC1a1f".to_owned(), None);
        for _ in 0..parameters {
            let at = symbol.len();
            let pair = before.map_or_else(|| "TuuE".to_owned(), |at| format!("TB{0}B{0}E", base_62(at)));
            symbol.push_str(&pair);
            before = Some(at);
        }
        format!("_R{symbol}E")
    }

    #[test]
    fn a_function_is_called_as_its_author_called_it() {
        for (symbol, name) in [
            ("_ZN5guest6orders4find17h0123456789abcdefE", "guest::orders::find"),
            ("_RNvC5guest4find", "guest::find"),
            (unfolding(2).as_str(), "a::f::<((), ()), (((), ()), ((), ()))>"),
            ("not\nmangled", "not⏎mangled"),
        ] {
            assert_eq!(function_name(symbol), name);
        }
        assert_eq!(function_name(&"x".repeat(100_000)).len(), BACKTRACE_LINE_BYTES);
    }

    #[test]
    fn a_name_that_unfolds_to_a_megabyte_costs_no_more_than_is_shown_of_it() {
        let symbol = unfolding(30);
        let began = Instant::now();
        for _ in 0..200 {
            assert_eq!(function_name(&symbol).len(), BACKTRACE_LINE_BYTES);
        }
        assert!(began.elapsed() < Duration::from_millis(2500), "{:?}", began.elapsed());
    }
}
