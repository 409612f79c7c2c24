//! What a panic says: the host shows the operator what a plugin printed last before it died.

use std::panic::{self, PanicHookInfo};

/// Prints a panic as one line with its place. The standard library prints three, the last of which
/// tells of a variable that no plugin has.
pub(crate) fn install() {
    panic::set_hook(Box::new(|panic| eprintln!("{}", line(panic))));
}

fn line(panic: &PanicHookInfo<'_>) -> String {
    let text = panic.payload_as_str().unwrap_or("a panic without a text");
    match panic.location() {
        Some(place) => format!("panicked at {}:{}: {text}", place.file(), place.line()),
        None => format!("panicked: {text}"),
    }
}
