//! When the compiler's process works, and when it rests.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::process::Child;

use crate::plugins::pace::{Pace, Turn};

/// What may be compiled at once without a rest: an author's plugin is there at once.
const CREDIT: Duration = Duration::from_millis(500);

/// Of the time that passes, one part of so many becomes credit again.
const EARNED: u32 = 8;

/// How long work goes on before anybody looks.
const LOOK: Duration = Duration::from_millis(10);

/// How long may be compiled before the pace has to be kept.
pub(super) struct Credit(Mutex<(Duration, Instant)>);

impl Default for Credit {
    fn default() -> Self {
        Self(Mutex::new((CREDIT, Instant::now())))
    }
}

impl Credit {
    /// Whether there is so much, which is then taken.
    fn takes(&self, work: Duration) -> bool {
        let mut credit = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (left, at) = *credit;
        let earned = (left + at.elapsed() / EARNED).min(CREDIT);
        let rest = earned.checked_sub(work);
        *credit = (rest.unwrap_or(earned), Instant::now());
        rest.is_some()
    }
}

/// Has the process rest whenever long work rests, until it has worked for `time`.
pub(super) async fn work(process: &Process, time: Duration, pace: &Pace, credit: &Credit) {
    let mut left = time;
    while !left.is_zero() {
        let work = LOOK.min(left);
        match pace.turn() {
            Turn::Rest(rest) if !credit.takes(work) && process.pauses() => {
                tokio::time::sleep(rest).await;
                process.goes_on();
            }
            Turn::Work(more) => {
                let work = work.min(more);
                tokio::time::sleep(work).await;
                left = left.saturating_sub(work);
            }
            Turn::Rest(_) => {
                tokio::time::sleep(work).await;
                left -= work;
            }
        }
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
