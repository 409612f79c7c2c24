//! CPU time, to the nanosecond: that of a process from Linux's `/proc`, and that of this thread from its clock. Where the
//! system has neither, nothing is measured.

use std::{collections::HashMap, fs, path::Path, time::Duration};

/// What each thread of a process had used when this was taken.
pub(crate) struct Snapshot(HashMap<String, Duration>);

/// Reads what the threads of a process have used so far. That of a thread which runs just now is
/// some milliseconds old, so let the process come to rest.
pub(crate) fn process(id: u32) -> Option<Snapshot> {
    let mut threads = HashMap::new();
    for thread in fs::read_dir(format!("/proc/{id}/task")).ok()?.flatten() {
        // A thread that has just ended is not there any more.
        if let Some(used) = used(&thread.path().join("schedstat")) {
            threads.insert(thread.file_name().to_string_lossy().into_owned(), used);
        }
    }
    (!threads.is_empty()).then_some(Snapshot(threads))
}

impl Snapshot {
    /// What was used since `before`. Threads that have ended in between do not count.
    pub(crate) fn since(&self, before: &Self) -> Duration {
        let since =
            |(id, used): (&String, &Duration)| used.saturating_sub(before.0.get(id).copied().unwrap_or_default());
        self.0.iter().map(since).sum()
    }
}

/// What this thread has used so far. Of a thread that runs just now `/proc` tells what was true at the last tick: of calls
/// that take turns, one would be told the time of another.
pub(crate) fn this_thread() -> Option<Duration> {
    #[cfg(unix)]
    let used = Duration::try_from(rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime)).ok();
    #[cfg(not(unix))]
    let used = None;
    used
}

/// The first number of a `schedstat`: nanoseconds on a core.
fn used(file: &Path) -> Option<Duration> {
    let text = fs::read_to_string(file).ok()?;
    text.split_ascii_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}
