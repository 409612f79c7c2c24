//! Calls that compute for long go on in the background: on threads that let others go first.
//!
//! A guest gives its thread back with every tick, but it also takes it again: with as many busy guests as there are cores,
//! every message would wait for one of them. On threads of their own the system shares the cores out, and messages
//! come first. Of one app no more calls compute at a time than there are threads, and each tick another: an app that
//! has many holds up its own.

use std::{
    future::{Future, poll_fn},
    panic::resume_unwind,
    pin::Pin,
    sync::OnceLock,
    task::{Context, Poll, ready},
    thread,
};

use tokio::{
    runtime::{Builder, Handle, Runtime},
    sync::Semaphore,
};
use tokio_util::{sync::PollSemaphore, task::AbortOnDropHandle};
use tracing::Instrument as _;

use super::cpu::CpuMeter;
use crate::plugins::{guard::ByApp, limits::FOREGROUND};

/// How far the threads step back: against one of the others that never rests, each gets a quarter of a core.
#[cfg(target_os = "linux")]
const NICE: i32 = 5;

/// The threads, from the first call on that needs them.
#[derive(Default)]
pub(super) struct Background {
    threads: OnceLock<Option<Runtime>>,
    /// For each app the right to compute on them.
    turns: ByApp<Semaphore>,
}

impl Background {
    /// Polls a call of an app here for as long as `meter` says that it is a short one, and then in the background; a
    /// `heavy` one there from the beginning.
    pub(super) async fn run<T>(
        &self,
        app: &str,
        heavy: bool,
        meter: &CpuMeter,
        call: impl Future<Output = T> + Send + 'static,
    ) -> T
    where
        T: Send + 'static,
    {
        let mut call = Box::pin(call);
        let here = poll_fn(|context| match call.as_mut().poll(context) {
            Poll::Ready(result) => Poll::Ready(Some(result)),
            Poll::Pending if meter.ended() >= FOREGROUND => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        });
        if !heavy && let Some(result) = here.await {
            return result;
        }
        let Some(runtime) = self.threads.get_or_init(start) else { return call.await };
        meter.reads_threads();
        let turns = PollSemaphore::new(self.turns.of(app, || Semaphore::new(threads())));
        let call = Elsewhere { home: Handle::current(), turns, call: Some(call) };
        // It is not stopped as long as this waits for it: what does not end has panicked.
        let ended = AbortOnDropHandle::new(runtime.spawn(call.in_current_span())).await;
        ended.unwrap_or_else(|error| resume_unwind(error.into_panic()))
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(runtime) = self.threads.take().flatten() {
            // Waiting for it is not for async code, and there is nothing to wait for.
            runtime.shutdown_background();
        }
    }
}

fn threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

fn start() -> Option<Runtime> {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(threads()).thread_name("plugin-background").on_thread_start(step_back);
    let error = |error| tracing::warn!(%error, "no threads for long calls of plugins: they will delay others");
    builder.build().map_err(error).ok()
}

/// Lets others have their turn before this thread. Calls still get on with a machine that is busy, as they have a
/// deadline.
fn step_back() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::debug!(%error, "the priority of a thread cannot be lowered");
    }
}

/// A call that is polled by another runtime than that whose timers and connections it uses, whenever it is its turn.
struct Elsewhere<F> {
    home: Handle,
    turns: PollSemaphore,
    call: Option<Pin<Box<F>>>,
}

impl<F: Future> Future for Elsewhere<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Self { home, turns, call } = &mut *self;
        // None would say that it was closed, which it never is.
        let _turn = ready!(turns.poll_acquire(context));
        let _home = home.enter();
        match call {
            Some(call) => call.as_mut().poll(context),
            None => Poll::Pending,
        }
    }
}

impl<F> Drop for Elsewhere<F> {
    fn drop(&mut self) {
        let _home = self.home.enter();
        self.call = None;
    }
}
