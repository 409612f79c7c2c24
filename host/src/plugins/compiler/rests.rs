//! When the compiler's process works, and when it rests.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::{process::Child, runtime::Handle};

use crate::plugins::pace::{Pace, Turn};

/// What may be compiled at once without a rest: an author's plugin is there at once.
const CREDIT: Duration = Duration::from_millis(250);

/// Of the time in which nothing is compiled, one part of so many becomes credit again.
const EARNED: u32 = 8;

/// Where so much time has passed since somebody looked, nothing was compiled.
const UNSEEN: Duration = Duration::from_millis(100);

/// How long work goes on before anybody looks.
const LOOK: Duration = Duration::from_millis(10);

/// How long may be compiled before the pace has to be kept, and when that was looked at.
pub(super) struct Credit(Mutex<(Duration, Instant)>);

impl Default for Credit {
    fn default() -> Self {
        Self(Mutex::new((CREDIT, Instant::now())))
    }
}

impl Credit {
    /// Whether there is so much at `now`, which is then taken.
    fn takes(&self, work: Duration, now: Instant) -> bool {
        let mut credit = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (left, at) = *credit;
        let idle = now.saturating_duration_since(at);
        let earned = if idle < UNSEEN { Duration::ZERO } else { idle / EARNED };
        let has = (left + earned).min(CREDIT);
        let left = has.checked_sub(work);
        *credit = (left.unwrap_or(has), now);
        left.is_some()
    }
}

/// Has the process rest whenever long work rests, until it has worked for `time`.
pub(super) async fn work(process: &Process, time: Duration, pace: &Pace, credit: &Credit) {
    let (runtime, mut left) = (Handle::current(), time);
    while !left.is_zero() {
        let mut work = LOOK.min(left);
        match pace.turn(&runtime) {
            Turn::Rest(rest) if !credit.takes(work, Instant::now()) && process.pauses() => {
                tokio::time::sleep(rest).await;
                process.goes_on();
                continue;
            }
            Turn::Rest(_) => {}
            Turn::Work(more) => work = work.min(more),
        }
        tokio::time::sleep(work).await;
        left -= work;
    }
}

/// A process that can be held.
pub(super) struct Process(#[cfg(unix)] Option<rustix::process::Pid>);

#[cfg(unix)]
impl Process {
    pub(super) fn of(child: &Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self(id.and_then(rustix::process::Pid::from_raw))
    }

    /// Holds it; false where that cannot be.
    fn pauses(&self) -> bool {
        self.is_told(rustix::process::Signal::STOP)
    }

    fn goes_on(&self) {
        self.is_told(rustix::process::Signal::CONT);
    }

    fn is_told(&self, signal: rustix::process::Signal) -> bool {
        self.0.is_some_and(|id| rustix::process::kill_process(id, signal).is_ok())
    }
}

#[cfg(not(unix))]
impl Process {
    pub(super) fn of(_: &Child) -> Self {
        Self()
    }

    fn pauses(&self) -> bool {
        false
    }

    fn goes_on(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_compiled_at_once_and_many_keep_the_pace() {
        let (credit, began) = (Credit::default(), Instant::now());
        let taken = |from: Duration, looks: u32| {
            (0..looks).filter(|look| credit.takes(LOOK, began + from + LOOK * *look)).count()
        };
        assert_eq!(taken(Duration::ZERO, 100), 25, "most of the first, and nothing is earned meanwhile");
        assert_eq!(taken(Duration::from_millis(1_800), 100), 10, "an eighth of the time without work");
        assert_eq!(taken(Duration::from_secs(10), 20), 20, "long after, all of the next");
    }
}
