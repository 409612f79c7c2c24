//! Commands of the system that some tests need.

use std::{
    collections::HashSet,
    io::Write,
    process::{Command, Stdio},
    sync::{Mutex, PoisonError},
};

/// Whether a command can be run. Where it cannot, one line says so; in CI it has to be there.
#[expect(clippy::explicit_write, reason = "what eprintln! says, the test runner keeps to itself")]
pub(crate) fn is_there(name: &'static str) -> bool {
    static MISSING: Mutex<Option<HashSet<&str>>> = Mutex::new(None);
    let runs = Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if runs.is_ok_and(|status| status.success()) {
        return true;
    }
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{name} must be there in CI");
    let mut missing = MISSING.lock().unwrap_or_else(PoisonError::into_inner);
    if missing.get_or_insert_default().insert(name) {
        writeln!(std::io::stderr(), "skipped: {name} is not installed").unwrap();
    }
    false
}
