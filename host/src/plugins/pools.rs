//! Where instances live: some pools, each with an engine of its own.
//!
//! A fresh instance gets the memory of one that has ended, and a core has that in its caches when it was the last to use
//! it. With one pool for all, cores hand each other their memory with every call; with a pool for each thread that makes
//! calls they do not. Where there are more threads than [`POOLS`], some share one.

use std::{
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
};

use wasmtime::{
    Engine,
    component::{Component, Linker},
};

use super::{
    cache,
    component::{Exports, InPool},
    engine,
    epoch::{EpochClock, Running},
    instance::State,
    limits::{INSTANCES, POOLS, PlatformLimits},
};

/// All pools.
pub(super) struct Pools {
    engines: Box<[Engine]>,
    linkers: Box<[Linker<State>]>,
    clock: EpochClock,
    /// Instances of each.
    room: usize,
}

/// A place in a pool, while it is taken.
pub(super) struct Place<'a> {
    /// Which pool.
    pub(super) pool: usize,
    _running: Option<Running<'a>>,
}

impl Pools {
    /// Makes the engines.
    ///
    /// # Errors
    /// When wasmtime cannot run on this machine.
    pub(super) fn new(limits: &PlatformLimits, counts_fuel: bool) -> wasmtime::Result<Self> {
        let pools = thread::available_parallelism().map_or(1, usize::from).min(POOLS);
        let room = (INSTANCES as usize).div_ceil(pools);
        let engines = engine::engines(limits, counts_fuel, pools, u32::try_from(room).unwrap_or(INSTANCES))?;
        let linkers = engines.iter().map(engine::linker).collect::<wasmtime::Result<_>>()?;
        Ok(Self { linkers, clock: EpochClock::start(&engines)?, engines, room })
    }

    /// One of the engines, as all have the same settings.
    pub(super) fn engine(&self) -> &Engine {
        &self.engines[0]
    }

    /// Loads compiled code for every pool.
    ///
    /// # Errors
    /// When it was compiled for other settings, or needs more than an instance may have.
    pub(super) fn load(&self, code: &[u8]) -> wasmtime::Result<Box<[Component]>> {
        self.engines.iter().map(|engine| cache::load(engine, code)).collect()
    }

    /// Connects what a component imports with the host, and finds what it exports, in every pool.
    ///
    /// # Errors
    /// When it does not fit.
    pub(super) fn link(&self, components: &[Component]) -> wasmtime::Result<Box<[InPool]>> {
        let linked = self.linkers.iter().zip(components).map(|(linker, component)| {
            let pre = linker.instantiate_pre(component)?;
            Ok(InPool { exports: Exports::of(&pre)?, pre })
        });
        linked.collect()
    }

    /// Takes a place in this thread's pool, or in another where that is full. Where all are, it is wasmtime that refuses
    /// the instance: turns and the places that are kept for loading do not let it come to that.
    pub(super) fn enter(&self) -> Place<'_> {
        let (home, pools) = (home(), self.engines.len());
        let mut order = (0..pools).map(|next| (home + next) % pools);
        let taken = order.find_map(|pool| Some((pool, self.clock.running(pool, self.room)?)));
        let (pool, running) = taken.map_or_else(
            || (home % pools, self.clock.running(home % pools, usize::MAX)),
            |(pool, running)| (pool, Some(running)),
        );
        Place { pool, _running: running }
    }
}

/// The number of this thread among those that make calls.
fn home() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static HOME: usize = THREADS.fetch_add(1, Relaxed));
    HOME.with(|home| *home)
}
