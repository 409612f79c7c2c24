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
        self.turn_at(self.began.elapsed(), process_time)
    }

    /// The same so long after the pace began, when this process has had so much CPU time.
    fn turn_at(&self, now: Duration, process_time: impl FnOnce() -> Duration) -> Turn {
        let into = Duration::from_nanos(u64::try_from(now.as_nanos() % CYCLE.as_nanos()).unwrap_or_default());
        if into < self.work {
            Turn::Work(self.work - into)
        } else if self.rests(now, process_time) {
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

    fn rests(&self, now: Duration, process_time: impl FnOnce() -> Duration) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The milliseconds of a second in which long work rests that itself takes `long` of each ten, beside `other` work.
    fn resting(percent: u32, long: u64, other: u64) -> u64 {
        let (pace, mut rests) = (Pace::new(percent), 0);
        for now in 0..1100 {
            if now % 10 == 0 {
                pace.worked(Duration::from_millis(long));
            }
            let process = Duration::from_millis(now / 10 * (long + other));
            let rest = matches!(pace.turn_at(Duration::from_millis(now), || process), Turn::Rest(_));
            rests += u64::from(now >= 100 && rest);
        }
        rests
    }

    #[test]
    fn long_work_rests_while_there_is_other_work_for_as_much_of_the_time_as_is_set() {
        assert_eq!(resting(25, 5, 5), 750);
        assert_eq!(resting(25, 0, 1), 750);
        assert_eq!(resting(50, 20, 3), 500);
        assert_eq!(resting(100, 5, 5), 0);
    }

    #[test]
    fn long_work_alone_never_rests() {
        assert_eq!(resting(25, 0, 0), 0);
        assert_eq!(resting(25, 10, 0), 0);
        assert_eq!(resting(5, 20, 0), 0);
    }

    #[test]
    fn what_a_long_call_costs_around_it_is_no_other_work() {
        let pace = Pace::new(25);
        let at = |millis| pace.turn_at(Duration::from_millis(millis), || Duration::from_millis(millis / 20));
        assert_eq!(at(30), Turn::Work(Duration::from_millis(10)), "it was not looked for yet");
        assert_eq!(at(70), Turn::Rest(Duration::from_millis(10)));
        for _ in 0..100 {
            pace.called();
        }
        assert_eq!(at(110), Turn::Work(Duration::from_millis(10)));
    }
}
