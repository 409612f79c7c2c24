//! How long a call was on a core.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

use crate::plugins::limits::FOREGROUND;

/// Adds up the time that a future spends being polled: the time on a core, where the wall clock
/// would also count waiting for one.
pub(in crate::plugins) struct CpuMeter {
    origin: Instant,
    /// Nanoseconds of the polls that have ended.
    spent: AtomicU64,
    /// When the poll that runs began, by [`now`](Self::now).
    began: AtomicU64,
    /// Whether it is polled by threads that others push aside: their own clocks are read then.
    pushed_aside: AtomicBool,
    /// Whether the poll that runs ends for others to go first, and not to wait for something.
    gives_way: AtomicBool,
    /// Whether it is to go on in the background, however short it was so far.
    leaves: AtomicBool,
}

impl CpuMeter {
    /// Of a future that begins now, which is `origin`.
    pub(super) fn new(origin: Instant) -> Self {
        let [pushed_aside, gives_way, leaves] = [const { AtomicBool::new(false) }; 3];
        Self { origin, spent: AtomicU64::new(0), began: AtomicU64::new(0), pushed_aside, gives_way, leaves }
    }

    /// From now on, and not while it is polled, threads poll it that have to wait for others in the middle of it. Their
    /// clocks cost a system call each time.
    pub(super) fn reads_threads(&self) {
        self.pushed_aside.store(true, Relaxed);
    }

    /// Whether such threads poll it.
    pub(super) fn is_in_background(&self) -> bool {
        self.pushed_aside.load(Relaxed)
    }

    /// The poll that runs ends for others to go first.
    pub(super) fn gives_way(&self) {
        self.gives_way.store(true, Relaxed);
    }

    /// Whether the poll that was the last one ended so; asked once.
    pub(super) fn gave_way(&self) -> bool {
        self.gives_way.swap(false, Relaxed)
    }

    /// It is to go on in the background, as its next step may hold a thread for long. False where it does already.
    pub(in crate::plugins) fn leave_foreground(&self) -> bool {
        !self.is_in_background() && !self.leaves.swap(true, Relaxed)
    }

    /// Whether it is to go on in the background.
    pub(super) fn has_left_foreground(&self) -> bool {
        self.leaves.load(Relaxed) || self.ended() >= FOREGROUND
    }

    /// Nanoseconds by a clock that moves while this thread is on a core.
    fn now(&self) -> u64 {
        #[cfg(unix)]
        if self.pushed_aside.load(Relaxed) {
            let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
            return Duration::try_from(time).map_or(u64::MAX, nanoseconds);
        }
        nanoseconds(self.origin.elapsed())
    }

    /// Asked from within a poll.
    pub(super) fn spent(&self) -> Duration {
        Duration::from_nanos(self.spent.load(Relaxed) + self.now().saturating_sub(self.began.load(Relaxed)))
    }

    /// Of all polls; asked when none runs.
    pub(super) fn ended(&self) -> Duration {
        Duration::from_nanos(self.spent.load(Relaxed))
    }

    pub(super) async fn measure<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|context| {
            let began = self.now();
            self.began.store(began, Relaxed);
            let poll = future.as_mut().poll(context);
            self.spent.fetch_add(self.now().saturating_sub(began), Relaxed);
            poll
        })
        .await
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
