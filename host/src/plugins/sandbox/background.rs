//! Calls that compute for long go on in the background: on threads that let others go first.
//!
//! A guest gives its thread back with every tick, but it also takes it again: with as many busy guests as there are cores,
//! every message would wait for one of them. On threads of their own the system shares the cores out, and messages
//! come first. Of one app a thread has one call in its queue, each tick another: an app that has many holds up its own.

use std::{
    cell::Cell,
    future::{Future, poll_fn},
    io, mem,
    panic::resume_unwind,
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    thread,
    time::Duration,
};

use tokio::{
    runtime::{Builder, Handle},
    sync::OwnedSemaphorePermit,
};
use tokio_util::{
    sync::{CancellationToken, DropGuard, PollSemaphore},
    task::AbortOnDropHandle,
};
use tracing::Instrument as _;

use super::cpu::{CpuMeter, time_on_cores};
use crate::{
    plugins::pace::{Pace, Turn},
    shares::Shares,
};

/// The nice value of the threads: a quarter of a core beside one busy thread of normal priority.
#[cfg(target_os = "linux")]
const NICE: i32 = 5;

/// The threads for long calls, from the first call on that needs them; none where the system has none to give.
pub(super) struct Background {
    threads: OnceLock<Box<[Thread]>>,
    pace: Arc<Pace>,
}

/// A thread for long calls, with a queue of its own: a call that has had a tick goes to its end.
struct Thread {
    queue: Handle,
    /// Calls that were given to the thread and have not ended.
    calls: AtomicUsize,
    /// The turns to stand in the queue: one for each app at a time.
    turns: Shares,
    /// Ends the thread when this is dropped.
    _ends: DropGuard,
}

thread_local! {
    /// Whether this thread for long calls worked beyond its time, and owes it to others.
    static OWES: Cell<bool> = const { Cell::new(false) };
}

/// A call that was given to a thread, until it has ended.
struct Given<'a>(&'a AtomicUsize);

impl Background {
    /// Threads that work and rest at `pace`; they start with the first call.
    pub(super) fn new(pace: Arc<Pace>) -> Self {
        Self { threads: OnceLock::new(), pace }
    }

    /// Polls a call of an app here for as long as `meter` says that it is a short one, and then in the background; a
    /// `heavy` one there from the beginning. Plugins that describe themselves, without an app, have the turns of one.
    pub(super) async fn run<T>(
        &self,
        app: Option<&str>,
        heavy: bool,
        meter: &Arc<CpuMeter>,
        mut call: Pin<Box<impl Future<Output = T> + Send + 'static>>,
    ) -> T
    where
        T: Send + 'static,
    {
        let here = poll_fn(|context| match call.as_mut().poll(context) {
            Poll::Ready(result) => Poll::Ready(Some(result)),
            Poll::Pending if meter.has_left_foreground() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        });
        if !heavy && let Some(result) = here.await {
            return result;
        }
        let threads = self.threads.get_or_init(start);
        let Some(thread) = threads.iter().min_by_key(|thread| thread.calls.load(Relaxed)) else { return call.await };
        let _given = Given::to(thread);
        meter.move_to_background();
        let turns = PollSemaphore::new(thread.turns.of(app.unwrap_or_default()));
        let (home, meter) = (Handle::current(), Arc::clone(meter));
        let pace = Arc::clone(&self.pace);
        let call = Elsewhere { home, turns, turn: None, pace, meter, call: Some(call) };
        // It is not stopped as long as this waits for it: what does not end has panicked.
        let ended = AbortOnDropHandle::new(thread.queue.spawn(call.in_current_span())).await;
        self.pace.called();
        ended.unwrap_or_else(|error| resume_unwind(error.into_panic()))
    }
}

impl<'a> Given<'a> {
    fn to(thread: &'a Thread) -> Self {
        thread.calls.fetch_add(1, Relaxed);
        Self(&thread.calls)
    }
}

impl Drop for Given<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

fn start() -> Box<[Thread]> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let started: io::Result<_> = (0..threads).map(|_| Thread::start()).collect();
    started.unwrap_or_else(|error| {
        tracing::warn!(%error, "no threads for long calls of plugins: they will delay others");
        Box::default()
    })
}

impl Thread {
    fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().build()?;
        let (queue, ends) = (runtime.handle().clone(), CancellationToken::new());
        let ended = ends.clone();
        thread::Builder::new().name("plugin-background".to_owned()).spawn(move || {
            step_back();
            runtime.block_on(ended.cancelled());
        })?;
        Ok(Self { queue, calls: AtomicUsize::new(0), turns: Shares::new(1), _ends: ends.drop_guard() })
    }
}

/// Lets others have their turn before this thread. Calls still get on with a machine that is busy, as they have a
/// deadline.
fn step_back() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::debug!(%error, "the priority of a thread cannot be lowered");
    }
}

/// What a guest waits for after a tick, so that others go first. In the foreground those are all that is ready and what
/// comes from outside. In the background it goes to the end of the queue once, as it would otherwise wait until the
/// queue is empty.
pub(super) fn give_way(meter: &Arc<CpuMeter>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    if !meter.is_in_background() {
        return Box::pin(tokio::task::yield_now());
    }
    let (mut gave_way, meter) = (false, Arc::clone(meter));
    Box::pin(poll_fn(move |context| {
        if mem::replace(&mut gave_way, true) {
            return Poll::Ready(());
        }
        meter.mark_yield();
        context.waker().wake_by_ref();
        Poll::Pending
    }))
}

/// A call that is polled by another runtime than that whose timers and connections it uses, whenever it is its turn.
struct Elsewhere<F> {
    home: Handle,
    turns: PollSemaphore,
    /// Its place in the queue, which it keeps for one tick, and not while it waits for something.
    turn: Option<OwnedSemaphorePermit>,
    pace: Arc<Pace>,
    meter: Arc<CpuMeter>,
    call: Option<Pin<Box<F>>>,
}

impl<F: Future> Future for Elsewhere<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Self { home, turns, turn, pace, meter, call } = &mut *self;
        if turn.is_none() {
            // None would say that the turns were closed, which they never are.
            *turn = ready!(turns.poll_acquire(context));
        }
        let Some(call) = call else { return Poll::Pending };
        let had = rest(pace, home);
        let before = time_on_cores();
        let _home = home.enter();
        let poll = call.as_mut().poll(context);
        if let Some(worked) = time_on_cores().zip(before).map(|(after, before)| after.saturating_sub(before)) {
            OWES.set(OWES.get() | pace.is_beyond(worked, had));
        }
        *turn = None;
        if poll.is_pending()
            && meter.take_yield()
            // Behind those of the app that wait; where nobody does, it keeps its place.
            && let Poll::Ready(next) = turns.poll_acquire(context)
        {
            *turn = next;
        }
        poll
    }
}

/// Rests until calls work again: the thread is for these, which all rest together. Gives how long they may work.
fn rest(pace: &Pace, home: &Handle) -> Duration {
    loop {
        let turn = if OWES.get() { pace.turn_of_debtor(home) } else { pace.turn(home) };
        match turn {
            Turn::Rest(time) => thread::sleep(time),
            Turn::Work(time) => {
                OWES.set(false);
                return time;
            }
        }
    }
}

impl<F> Drop for Elsewhere<F> {
    fn drop(&mut self) {
        let _home = self.home.enter();
        self.call = None;
    }
}
