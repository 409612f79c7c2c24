//! Long work rests while there is other work.
//!
//! Threads and processes in the background let others go first, and cost them something all the same: cores share
//! caches, and what long work writes drives out what everybody else needs. So all of it works in the same part of each
//! cycle and rests in the remaining part, in which messages are answered as if it were not there.

mod owed;

use std::{
    future,
    pin::pin,
    time::{Duration, Instant},
};

use parking_lot::{Mutex, MutexGuard};
use tokio::runtime::Handle;

use owed::Owed;

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

/// When long work goes on, in this process and in those that it started, and when it rests.
pub(super) struct Pace {
    /// The part of a cycle that long work has while there is other work.
    work: Duration,
    began: Instant,
    seen: Mutex<Seen>,
    owed: Mutex<Owed>,
}

/// What long work does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// It works for so long, and asks again.
    Work(Duration),
    /// It rests for so long.
    Rest(Duration),
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
        Self {
            work: CYCLE * percent.min(100) / 100,
            began: Instant::now(),
            seen: Mutex::default(),
            owed: Mutex::default(),
        }
    }

    /// What long work does now, beside a server that runs on `runtime`.
    pub(super) fn turn(&self, runtime: &Handle) -> Turn {
        self.turn_at(self.began.elapsed(), || busy(runtime))
    }

    /// The same of a thread that has worked beyond [its time](Self::is_beyond).
    pub(super) fn turn_of_debtor(&self, runtime: &Handle) -> Turn {
        self.turn_of_debtor_at(self.began.elapsed(), || busy(runtime))
    }

    /// Counts a step of long work that has just ended. True when it took longer than it should: then its thread is to
    /// make up for it.
    pub(super) fn is_beyond(&self, worked: Duration, had: Duration) -> bool {
        self.is_beyond_at(self.began.elapsed(), worked, had)
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
        let (_, into) = cycle(now);
        let left = CYCLE.saturating_sub(into);
        match self.work.checked_sub(into).filter(|work| !work.is_zero()) {
            Some(work) => Turn::Work(work),
            None if self.rests(now, busy) => Turn::Rest(left),
            None => Turn::Work(left),
        }
    }

    /// As [`turn_of_debtor`](Self::turn_of_debtor), like [`turn_at`](Self::turn_at).
    fn turn_of_debtor_at(&self, now: Duration, busy: impl FnOnce() -> Duration) -> Turn {
        let rests = self.work < CYCLE && self.rests(now, busy);
        let turn = self.turn_at(now, || Duration::ZERO);
        let mut owed = self.owed.lock();
        if !rests {
            owed.forgive();
            return turn;
        }
        let (cycle, into) = cycle(now);
        match turn {
            Turn::Work(_) => match owed.pay(cycle, self.work, now).saturating_sub(into) {
                Duration::ZERO => turn,
                rest => Turn::Rest(rest),
            },
            Turn::Rest(_) => turn,
        }
    }

    fn is_beyond_at(&self, now: Duration, worked: Duration, had: Duration) -> bool {
        let beyond = worked.saturating_sub(had);
        !beyond.is_zero() && self.owed.lock().add(beyond, now)
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

/// The number of the cycle at a time since the pace began, and how far into the cycle that is.
fn cycle(at: Duration) -> (u128, Duration) {
    let (cycle, into) = (at.as_nanos() / CYCLE.as_nanos(), at.as_nanos() % CYCLE.as_nanos());
    (cycle, Duration::from_nanos(u64::try_from(into).unwrap_or_default()))
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

    /// How many milliseconds of ten seconds somebody works, of two threads whose steps take so many, begun whenever they
    /// may, beside a server that is `busy` for so long in each millisecond.
    fn worked(steps: [u64; 2], busy: Duration) -> usize {
        let pace = Pace::new(25);
        // When each may begin its next step, what it had for the one that has just ended, and whether it owes.
        let mut threads = steps.map(|step| (40, Duration::from_millis(step), None, false));
        let mut at_work = vec![false; 10_100];
        for millis in 40..10_000 {
            let now = Duration::from_millis(millis);
            let busy = || busy * u32::try_from(millis).unwrap();
            for (next, step, had, owes) in threads.iter_mut().filter(|(next, ..)| *next == millis) {
                if let Some(had) = had.take() {
                    *owes |= pace.is_beyond_at(now, *step, had);
                }
                let turn = if *owes { pace.turn_of_debtor_at(now, busy) } else { pace.turn_at(now, busy) };
                let takes = match turn {
                    Turn::Rest(time) => time,
                    Turn::Work(time) => {
                        (*had, *owes) = (Some(time), false);
                        at_work[usize::try_from(millis).unwrap()..][..usize::try_from(step.as_millis()).unwrap()]
                            .fill(true);
                        *step
                    }
                };
                *next += u64::try_from(takes.as_millis()).unwrap().max(1);
            }
        }
        at_work.iter().filter(|works| **works).count()
    }

    #[test]
    fn who_cannot_stop_in_time_makes_up_for_it() {
        let busy = Duration::from_micros(100);
        for steps in [[32, 32], [32, 17], [9, 60]] {
            let worked = worked(steps, busy);
            assert!((1900..2800).contains(&worked), "{steps:?}: {worked}");
        }
        let alone = worked([32, 17], Duration::ZERO);
        assert!(alone > 9900, "{alone}");
    }

    #[test]
    fn who_stops_in_time_does_not_pay_for_others() {
        let (pace, busy) = (Pace::new(25), || Duration::from_secs(1));
        let at = Duration::from_millis;
        assert_eq!(pace.turn_at(at(50), busy), Turn::Rest(at(30)), "there are others");
        assert!(pace.is_beyond_at(at(75), at(25), at(10)) && !pace.is_beyond_at(at(75), at(12), at(10)));
        let debtor = |millis| pace.turn_of_debtor_at(at(millis), || Duration::from_secs(2));
        assert_eq!([80, 120, 125].map(debtor), [Turn::Rest(at(10)), Turn::Rest(at(5)), Turn::Work(at(5))]);
        assert_eq!(pace.turn_at(at(80), busy), Turn::Work(at(10)));
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
