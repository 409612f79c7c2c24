//! Long work rests while there is other work.
//!
//! Threads and processes in the background let others go first, and cost them something all the same: cores share
//! caches, and what long work writes drives out what everybody else needs. So all of it works in the same part of each
//! cycle and rests in the remaining part, in which messages are answered as if it were not there.

use std::{
    future,
    pin::pin,
    time::{Duration, Instant},
};

use parking_lot::{Mutex, MutexGuard};
use tokio::runtime::Handle;

/// Work and rest together. With shorter ones no message would come between two rests that finds the caches as the one
/// before it left them.
const CYCLE: Duration = Duration::from_millis(40);

/// Other work is worth resting for when it takes one part of so many of a core. An unoptimized server takes that for the
/// least of it.
const WORTH: u32 = if cfg!(debug_assertions) { 20 } else { 200 };

/// What a long call costs the server itself: its message comes in, its answer goes out.
const AROUND: Duration = Duration::from_micros(100);

/// What it costs a thread to be woken.
const WAKE: Duration = Duration::from_micros(20);

/// The most that a thread owes: calls behind the one that worked for long have deadlines.
const MOST_DEBT: Duration = Duration::from_millis(200);

/// When long work goes on, in this process and in those that it started, and when it rests.
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

/// How long a thread has worked while it should have rested. A guest cannot be stopped within one step, as where it fills
/// all its memory: that takes longer than the part of a cycle that it has.
#[derive(Debug, Default)]
pub(super) struct Debt(Duration);

impl Debt {
    /// Counts what was worked beyond the time that there was for it.
    pub(super) fn add(&mut self, worked: Duration, had: Duration) {
        self.0 = (self.0 + worked.saturating_sub(had)).min(MOST_DEBT);
    }

    /// What a thread does that was told `turn`: it rests instead of working until it is even, unless there is nobody to
    /// rest for.
    pub(super) fn paid(&mut self, turn: Turn, is_kept: impl FnOnce() -> bool) -> Turn {
        match turn {
            Turn::Work(time) if !self.0.is_zero() && is_kept() => {
                let rests = time.min(self.0);
                self.0 -= rests;
                Turn::Rest(rests)
            }
            Turn::Work(time) => {
                self.0 = Duration::ZERO;
                Turn::Work(time)
            }
            Turn::Rest(time) => Turn::Rest(time),
        }
    }
}

/// What the server did for others.
#[derive(Default)]
struct Seen {
    /// What long work has cost it so far.
    around: Duration,
    /// For how long its threads were busy with anything else, when that was last looked at.
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

    /// What long work does now, beside a server that runs on `runtime`.
    pub(super) fn turn(&self, runtime: &Handle) -> Turn {
        self.turn_at(self.began.elapsed(), || busy(runtime))
    }

    /// Whether there is other work, beside which long work rests at times.
    pub(super) fn is_kept(&self, runtime: &Handle) -> bool {
        self.work < CYCLE && self.rests(self.began.elapsed(), || busy(runtime))
    }

    /// Waits for as long as long work rests.
    pub(super) async fn work_goes_on(&self) {
        while let Turn::Rest(time) = self.turn(&Handle::current()) {
            tokio::time::sleep(time).await;
        }
    }

    /// As [`turn`](Self::turn), so long after the pace began, when the server's threads have been `busy` for so long.
    fn turn_at(&self, now: Duration, busy: impl FnOnce() -> Duration) -> Turn {
        let into = Duration::from_nanos(u64::try_from(now.as_nanos() % CYCLE.as_nanos()).unwrap_or_default());
        let left = CYCLE.saturating_sub(into);
        match self.work.checked_sub(into).filter(|work| !work.is_zero()) {
            Some(work) => Turn::Work(work),
            None if self.rests(now, busy) => Turn::Rest(left),
            None => Turn::Work(left),
        }
    }

    /// Counts a long call that was made.
    pub(super) fn called(&self) {
        self.seen().around += AROUND;
    }

    /// Does what there is to do around long work, as reading what was compiled: that is no other work.
    pub(super) async fn around<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        future::poll_fn(|context| {
            let began = Instant::now();
            let polled = work.as_mut().poll(context);
            self.seen().around += began.elapsed() + WAKE;
            polled
        })
        .await
    }

    fn rests(&self, now: Duration, busy: impl FnOnce() -> Duration) -> bool {
        let mut seen = self.seen();
        let passed = now.saturating_sub(seen.at);
        if passed >= CYCLE {
            let other = busy().saturating_sub(seen.around);
            let rests = other.saturating_sub(seen.other) > passed / WORTH;
            *seen = Seen { around: seen.around, other, at: now, rests };
        }
        seen.rests
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock()
    }
}

/// For how long the threads of a runtime have had something to do, all together.
fn busy(runtime: &Handle) -> Duration {
    let metrics = runtime.metrics();
    (0..metrics.num_workers()).map(|worker| metrics.worker_total_busy_duration(worker)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What other work is worth resting for, in microseconds of each ten milliseconds.
    const LEAST: u64 = 10_000 / WORTH as u64;

    /// For how many milliseconds of a second long work rests beside a server that is busy for so many microseconds of
    /// each ten milliseconds.
    fn resting(percent: u32, busy: u64) -> usize {
        let pace = Pace::new(percent);
        let rests = |millis: &u64| {
            let busy = Duration::from_micros(millis / 10 * busy);
            matches!(pace.turn_at(Duration::from_millis(*millis), || busy), Turn::Rest(_))
        };
        // Until it has been looked for, there is no other work.
        assert_eq!((0..40).filter(rests).count(), 0);
        (200..1200).filter(rests).count()
    }

    #[test]
    fn long_work_rests_beside_other_work_for_as_much_of_the_time_as_is_set() {
        assert_eq!(resting(25, 5_000), 750);
        assert_eq!(resting(25, 2 * LEAST), 750);
        assert_eq!(resting(50, 2 * LEAST), 500);
        assert_eq!(resting(100, 5_000), 0);
    }

    #[test]
    fn who_cannot_stop_in_time_makes_up_for_it() {
        let pace = Pace::new(25);
        // How many milliseconds of ten seconds are worked in steps of 32, begun whenever a thread may.
        let worked = |busy: Duration| {
            let (mut debt, mut now, mut worked) = (Debt::default(), Duration::from_millis(40), Duration::ZERO);
            while now < Duration::from_secs(10) {
                let turn = pace.turn_at(now, || busy * u32::try_from(now.as_millis()).unwrap());
                match debt.paid(turn, || !busy.is_zero()) {
                    Turn::Rest(time) => now += time,
                    Turn::Work(time) => {
                        let step = Duration::from_millis(32);
                        debt.add(step, time);
                        (now, worked) = (now + step, worked + step);
                    }
                }
            }
            worked.as_millis()
        };
        let beside_others = worked(Duration::from_micros(100));
        assert!((2300..2700).contains(&beside_others), "{beside_others}");
    }

    #[test]
    fn who_works_alone_owes_nothing() {
        let mut debt = Debt::default();
        debt.add(Duration::from_secs(1), Duration::from_millis(10));
        assert_eq!(debt.0, MOST_DEBT);
        let work = Turn::Work(Duration::from_millis(10));
        assert_eq!(debt.paid(work, || true), Turn::Rest(Duration::from_millis(10)));
        assert_eq!(debt.paid(work, || false), work);
        assert_eq!(debt.paid(work, || true), work, "it is forgiven");
    }

    #[test]
    fn long_work_alone_never_rests() {
        assert_eq!(resting(25, 0), 0);
        assert_eq!(resting(5, LEAST / 5), 0, "no server does nothing at all");
    }

    #[test]
    fn what_long_calls_cost_the_server_is_no_other_work() {
        let pace = Pace::new(25);
        let at = |millis| pace.turn_at(Duration::from_millis(millis), || Duration::from_millis(millis / 10));
        assert_eq!(at(30), Turn::Work(Duration::from_millis(10)), "nobody has looked yet");
        assert_eq!(at(70), Turn::Rest(Duration::from_millis(10)));
        for _ in 0..100 {
            pace.called();
        }
        assert_eq!(at(110), Turn::Work(Duration::from_millis(10)));
    }

    #[tokio::test]
    async fn what_is_done_around_long_work_is_no_other_work() {
        let pace = Pace::new(25);
        let work = async {
            tokio::task::yield_now().await;
            let began = Instant::now();
            while began.elapsed() < Duration::from_millis(100) {}
        };
        pace.around(work).await;
        let around = pace.seen().around;
        assert!(around >= Duration::from_millis(100) + 2 * WAKE, "{around:?}");
    }
}
