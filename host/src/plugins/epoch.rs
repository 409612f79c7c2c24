//! The clock that running guests look at: it moves the engines' epochs while there are any.

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
/// matters. Ends with the engines.
pub(super) struct EpochClock {
    shared: Arc<Shared>,
    thread: Thread,
}

struct Shared {
    /// Calls in progress, by engine.
    running: Box<[Count]>,
    stopped: AtomicBool,
}

/// In a cache line of its own (two, as they are fetched in pairs): cores count at the same time.
#[derive(Default)]
#[repr(align(128))]
struct Count(AtomicUsize);

/// A call in progress: the clock ticks at least for as long.
pub(super) struct Running<'a>(&'a AtomicUsize);

impl EpochClock {
    pub(super) fn start(engines: &[Engine]) -> wasmtime::Result<Self> {
        let running = engines.iter().map(|_| Count::default()).collect();
        let shared = Arc::new(Shared { running, stopped: AtomicBool::new(false) });
        let (engines, state) = (engines.iter().map(Engine::weak).collect::<Box<[_]>>(), Arc::clone(&shared));
        let thread = thread::Builder::new().name("plugin-clock".to_owned()).spawn(move || tick(&engines, &state))?;
        Ok(Self { shared, thread: thread.thread().clone() })
    }

    /// To be held while a guest runs on the engine of that number; none where `most` run on it.
    pub(super) fn running(&self, engine: usize, most: usize) -> Option<Running<'_>> {
        let Count(running) = self.shared.running.get(engine)?;
        if running.fetch_add(1, SeqCst) >= most {
            running.fetch_sub(1, SeqCst);
            return None;
        }
        if self.shared.stopped.load(SeqCst) {
            self.thread.unpark();
        }
        Some(Running(running))
    }
}

impl Drop for EpochClock {
    fn drop(&mut self) {
        self.thread.unpark();
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

impl Shared {
    fn is_idle(&self) -> bool {
        self.running.iter().all(|Count(running)| running.load(SeqCst) == 0)
    }
}

/// Moves all epochs; false when the engines are gone.
fn advance(engines: &[EngineWeak]) -> bool {
    engines.iter().all(|engine| engine.upgrade().map(|engine| engine.increment_epoch()).is_some())
}

fn tick(engines: &[EngineWeak], state: &Shared) {
    let mut idle = 0;
    while advance(engines) {
        idle = if state.is_idle() { idle + 1 } else { 0 };
        if idle < TICKS_WITHOUT_CALLS {
            thread::sleep(TICK);
            continue;
        }
        // A call that begins now either sees that the clock has stopped, or is seen here.
        state.stopped.store(true, SeqCst);
        if state.is_idle() {
            thread::park();
        }
        state.stopped.store(false, SeqCst);
        idle = 0;
    }
}
