//! How long a call was on a core.

use std::{
    cell::Cell,
    future::{Future, poll_fn},
    pin::pin,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

use crate::plugins::limits::FOREGROUND;

/// A poll that took less by the wall clock is believed: to ask for its time on a core costs a system call.
const BELIEVED: Duration = Duration::from_micros(500);

/// For how long the last reading of a thread's clock is used again. A poll may be counted too long by as much, and
/// never too short.
const FRESH: Duration = Duration::from_micros(250);

/// Adds up the time that a future spends being polled: the time on a core, where the wall clock
/// would also count waiting for one.
pub(in crate::plugins) struct CpuMeter {
    origin: Instant,
    /// Nanoseconds that the polls have taken that have ended.
    spent: AtomicU64,
    /// When the running poll began, in nanoseconds: by the thread's clock in the background, and by the wall clock
    /// since `origin` elsewhere.
    began: AtomicU64,
    /// Whether threads that others push aside poll the future: their clocks are read at every poll.
    pushed_aside: AtomicBool,
    /// Whether the running poll ends for others to go first, and not to wait for something.
    gives_way: AtomicBool,
    /// Whether the future is to go on in the background, however short it was so far.
    leaves: AtomicBool,
}

impl CpuMeter {
    /// Measures a future that begins at `origin`, which is now.
    pub(super) fn new(origin: Instant) -> Self {
        let [pushed_aside, gives_way, leaves] = [const { AtomicBool::new(false) }; 3];
        Self { origin, spent: AtomicU64::new(0), began: AtomicU64::new(0), pushed_aside, gives_way, leaves }
    }

    /// Has the clock of the polling thread read at every poll, a system call each time: from now on threads poll the
    /// future that others push aside. To be called between polls.
    pub(super) fn move_to_background(&self) {
        self.pushed_aside.store(true, Relaxed);
    }

    /// Whether threads that others push aside poll the future.
    pub(super) fn is_in_background(&self) -> bool {
        self.pushed_aside.load(Relaxed)
    }

    /// Marks the running poll as one that ends for others to go first, and not to wait for something.
    pub(super) fn mark_yield(&self) {
        self.gives_way.store(true, Relaxed);
    }

    /// Whether the last poll was [marked](Self::mark_yield) as one that lets others go first; takes the mark away.
    pub(super) fn take_yield(&self) -> bool {
        self.gives_way.swap(false, Relaxed)
    }

    /// Has the future go on in the background, as its next step may hold a thread for long. False where that was asked
    /// for already.
    pub(in crate::plugins) fn leave_foreground(&self) -> bool {
        !self.is_in_background() && !self.leaves.swap(true, Relaxed)
    }

    /// Whether the future is to go on in the background.
    pub(super) fn has_left_foreground(&self) -> bool {
        self.leaves.load(Relaxed) || self.ended() >= FOREGROUND
    }

    /// Nanoseconds that the polling thread was on a core, or since `origin` where the system does not tell.
    fn on_cores(&self) -> u64 {
        nanoseconds(time_on_cores().unwrap_or_else(|| self.origin.elapsed()))
    }

    /// Notes when a poll begins.
    fn begin(&self) {
        let began = if self.is_in_background() {
            self.on_cores()
        } else {
            let now = Instant::now();
            ask(now);
            nanoseconds(now.saturating_duration_since(self.origin))
        };
        self.began.store(began, Relaxed);
    }

    /// Nanoseconds that the running poll has taken so far.
    fn of_poll(&self) -> u64 {
        let began = self.began.load(Relaxed);
        if self.is_in_background() {
            return self.on_cores().saturating_sub(began);
        }
        let by_wall_clock = nanoseconds(self.origin.elapsed()).saturating_sub(began);
        if by_wall_clock < nanoseconds(BELIEVED) {
            return by_wall_clock;
        }
        // Others may have had the core meanwhile.
        since_asked().map_or(by_wall_clock, |on_core| by_wall_clock.min(nanoseconds(on_core)))
    }

    /// How long all polls have taken, with the one that runs; to be asked from within it.
    pub(super) fn spent(&self) -> Duration {
        Duration::from_nanos(self.spent.load(Relaxed) + self.of_poll())
    }

    /// How long all polls have taken; to be asked when none runs.
    pub(super) fn ended(&self) -> Duration {
        Duration::from_nanos(self.spent.load(Relaxed))
    }

    pub(super) async fn measure<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|context| {
            self.begin();
            let poll = future.as_mut().poll(context);
            self.spent.fetch_add(self.of_poll(), Relaxed);
            poll
        })
        .await
    }
}

/// A reading of a thread's time on cores, and when it was made.
#[derive(Clone, Copy)]
struct Asked {
    at: Instant,
    on_cores: Duration,
}

thread_local!(static ASKED: Cell<Option<Asked>> = const { Cell::new(None) });

/// Asks this thread for its time on cores, unless it was asked just now: to ask before every call would cost each of them
/// two in a hundred.
fn ask(now: Instant) {
    let is_fresh = |asked: Asked| now.saturating_duration_since(asked.at) < FRESH;
    ASKED.with(|last| {
        if !last.get().is_some_and(is_fresh) {
            last.set(time_on_cores().map(|on_cores| Asked { at: now, on_cores }));
        }
    });
}

/// How long this thread was on a core since it was asked.
fn since_asked() -> Option<Duration> {
    let asked = ASKED.with(Cell::get)?;
    time_on_cores()?.checked_sub(asked.on_cores)
}

/// How long this thread was on a core, where the system tells.
pub(super) fn time_on_cores() -> Option<Duration> {
    #[cfg(unix)]
    let time = Duration::try_from(rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime)).ok();
    #[cfg(not(unix))]
    let time = None;
    time
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// The meter of a future that does `work` in its only poll.
    async fn measured(work: impl Fn()) -> CpuMeter {
        let meter = CpuMeter::new(Instant::now());
        meter.measure(async { work() }).await;
        meter
    }

    /// Keeps a core busy for `time`.
    fn computes_for(time: Duration) {
        let began = time_on_cores();
        while time_on_cores().zip(began).is_some_and(|(now, began)| now.saturating_sub(began) < time) {}
    }

    #[tokio::test]
    async fn while_others_have_the_core_a_call_takes_no_time() {
        // The same thread made calls before.
        measured(|| computes_for(4 * FOREGROUND)).await;
        let pushed_aside = measured(|| std::thread::sleep(4 * FOREGROUND)).await;
        assert!(pushed_aside.ended() < FOREGROUND / 2, "{:?}", pushed_aside.ended());
        assert!(!pushed_aside.has_left_foreground());
        let in_background = CpuMeter::new(Instant::now());
        in_background.move_to_background();
        in_background.measure(async { std::thread::sleep(4 * FOREGROUND) }).await;
        assert!(in_background.ended() < FOREGROUND / 2, "{:?}", in_background.ended());
    }

    #[tokio::test]
    async fn what_computes_for_long_leaves_the_foreground() {
        let long = measured(|| computes_for(2 * FOREGROUND)).await;
        assert!(long.ended() >= FOREGROUND && long.has_left_foreground(), "{:?}", long.ended());
        let in_background = CpuMeter::new(Instant::now());
        in_background.move_to_background();
        in_background.measure(async { computes_for(FOREGROUND) }).await;
        assert!(in_background.ended() >= FOREGROUND, "{:?}", in_background.ended());
    }
}
