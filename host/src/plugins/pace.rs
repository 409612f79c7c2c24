//! Long work rests while there is other work.
//!
//! Threads and processes in the background let others go first, and cost them something all the same: cores share
//! caches, and what long work writes drives out what everybody else needs. So all of it works in the same part of each
//! cycle and rests in the remaining part, in which messages are answered as if it were not there.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Work and rest together. With shorter ones no message would come between two rests that finds the caches as the one
/// before it left them.
const CYCLE: Duration = Duration::from_millis(40);

/// Other work is worth resting for when it takes one part of so many of a core.
const WORTH: u32 = 50;

/// CPU time of a long call that is not measured as its own: its message comes in, its answer goes out.
const AROUND: Duration = Duration::from_micros(100);

/// When long work of this process and of those that it started goes on, and when it rests.
pub(super) struct Pace {
    /// The part of a cycle that long work has while there is other work.
    work: Duration,
    began: Instant,
    seen: Mutex<Seen>,
}

/// What long work does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// It works for so long, and asks again.
    Work(Duration),
    /// It rests for so long.
    Rest(Duration),
}

/// What this process has done, by its CPU time.
#[derive(Default)]
struct Seen {
    /// All long work so far.
    long: Duration,
    /// All other work, when it was last looked for.
    other: Duration,
    /// When that was, since the pace began.
    at: Duration,
    /// Whether there was enough of it to rest for.
    rests: bool,
}

impl Pace {
    /// Long work has so many percent of the time while there is other work.
    pub(super) fn new(percent: u32) -> Self {
        Self { work: CYCLE * percent.min(100) / 100, began: Instant::now(), seen: Mutex::default() }
    }

    /// What long work does now.
    pub(super) fn turn(&self) -> Turn {
        let now = self.began.elapsed();
        let into = Duration::from_nanos(u64::try_from(now.as_nanos() % CYCLE.as_nanos()).unwrap_or_default());
        if into < self.work {
            Turn::Work(self.work - into)
        } else if self.rests(now) {
            Turn::Rest(CYCLE - into)
        } else {
            Turn::Work(CYCLE - into)
        }
    }

    /// Counts long work that this process did itself, by its CPU time.
    pub(super) fn worked(&self, cpu: Duration) {
        self.seen().long += cpu;
    }

    /// Counts a long call that this process has made.
    pub(super) fn called(&self) {
        self.worked(AROUND);
    }

    fn rests(&self, now: Duration) -> bool {
        let mut seen = self.seen();
        let passed = now.saturating_sub(seen.at);
        if passed >= CYCLE {
            let other = process_time().saturating_sub(seen.long);
            let rests = other.saturating_sub(seen.other) > passed / WORTH;
            *seen = Seen { long: seen.long, other, at: now, rests };
        }
        seen.rests
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The CPU time of this process, over all its threads.
#[cfg(unix)]
fn process_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// Not known elsewhere: long work never rests.
#[cfg(not(unix))]
fn process_time() -> Duration {
    Duration::ZERO
}
