//! The clock that running guests look at: it moves an engine's epoch while there are any.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    thread::{self, Thread},
};

use wasmtime::{Engine, EngineWeak};

use super::limits::TICK;

/// How many ticks without a call the clock goes on: a thousand wake-ups a second would cost an
/// idle machine two percent of a core, and waking the clock for every call costs the call.
const TICKS_WITHOUT_CALLS: u32 = 200;

/// Ticks on a thread of its own, because guests keep the runtime's threads busy just when it
/// matters. Ends with the engine.
pub(super) struct EpochClock {
    shared: Arc<Shared>,
    thread: Thread,
}

#[derive(Default)]
struct Shared {
    running: AtomicUsize,
    stopped: AtomicBool,
}

/// A call in progress: the clock ticks at least for as long.
pub(super) struct Running<'a>(&'a Shared);

impl EpochClock {
    pub(super) fn start(engine: &Engine) -> wasmtime::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (engine, state) = (engine.weak(), Arc::clone(&shared));
        let thread = thread::Builder::new().name("plugin-clock".to_owned()).spawn(move || tick(&engine, &state))?;
        Ok(Self { shared, thread: thread.thread().clone() })
    }

    /// To be held while a guest runs.
    pub(super) fn running(&self) -> Running<'_> {
        self.shared.running.fetch_add(1, SeqCst);
        if self.shared.stopped.load(SeqCst) {
            self.thread.unpark();
        }
        Running(&self.shared)
    }
}

impl Drop for EpochClock {
    fn drop(&mut self) {
        self.thread.unpark();
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, SeqCst);
    }
}

fn tick(engine: &EngineWeak, state: &Shared) {
    let mut idle = 0;
    while let Some(engine) = engine.upgrade() {
        engine.increment_epoch();
        drop(engine);
        idle = if state.running.load(SeqCst) == 0 { idle + 1 } else { 0 };
        if idle < TICKS_WITHOUT_CALLS {
            thread::sleep(TICK);
            continue;
        }
        // A call that begins now either sees that the clock has stopped, or is seen here.
        state.stopped.store(true, SeqCst);
        if state.running.load(SeqCst) == 0 {
            thread::park();
        }
        state.stopped.store(false, SeqCst);
        idle = 0;
    }
}
