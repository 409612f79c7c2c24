//! One guarded call: a fresh instance, its clock, its limits.
//!
//! - `cpu` measures how long it was on a core; `background` is where it goes on when that is long.
//! - `crash` says in words what went wrong.

mod background;
mod cpu;
mod crash;

use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use wasmtime::{Store, UpdateDeadline, component::Instance};

use self::background::Background;
use super::{
    component::{Exports, InPool, Linked},
    error::CallError,
    instance::{Services, State, Subject},
    limits::{PlatformLimits, kib},
    live_log::LogPlace,
    pace::Pace,
    pools::Pools,
    receipts::{HostCall, LineLevel},
    trace::Trace,
    wasi::{Circumstances, Printed},
};
use crate::{
    model::{App, AppPlugin},
    plugin_limits::PluginLimits,
    storage,
};

pub(super) use {cpu::CpuMeter, crash::Unsendable};

/// Something that is done in a fresh instance.
pub(super) trait Visit: Send + Sync + 'static {
    /// What comes of the visit.
    type Answer: Send + 'static;

    /// Does it in `instance`, which lives in `store`.
    fn visit(
        &self,
        store: &mut Store<State>,
        instance: &Instance,
        exports: &Exports,
    ) -> impl Future<Output = wasmtime::Result<Self::Answer>> + Send;
}

/// A call that is to be made.
pub(super) struct Task {
    /// None while the plugin describes itself.
    pub(super) subject: Option<Subject>,
    /// Where the lines go that the call logs.
    pub(super) log_place: Option<LogPlace>,
    pub(super) circumstances: Circumstances,
    /// The host calls of the first time, in a call that is made again.
    pub(super) played: Option<Vec<HostCall>>,
}

impl Task {
    /// A call about `subject` that is made for the first time.
    pub(super) fn new(subject: Option<Subject>, log_place: Option<LogPlace>) -> Self {
        Self { subject, log_place, circumstances: Circumstances::new(), played: None }
    }
}

/// What one call may use, and where it begins.
pub(super) struct Terms<'a> {
    /// The name of the app that the task's subject has too, for use while the instance has the task. None while the
    /// plugin describes itself.
    pub(super) app: Option<&'a str>,
    pub(super) limits: PluginLimits,
    /// How long the call may take, by the wall clock.
    pub(super) timeout: Duration,
    /// Whether the call begins in the background.
    pub(super) heavy: bool,
}

/// A call that has ended.
pub(super) struct Ran<T> {
    pub(super) result: Result<T, CallError>,
    pub(super) used: Used,
    /// What the call was about.
    pub(super) subject: Option<Subject>,
    pub(super) trace: Trace,
    pub(super) circumstances: Circumstances,
}

/// What one call used up.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Used {
    /// How long the call waited for its turn.
    pub(super) queued: Duration,
    /// How long the call ran, by the wall clock; none where it did not run.
    pub(super) took: Option<Duration>,
    /// How long the call was on a core.
    pub(super) cpu: Duration,
    /// The most linear memory that the instance had at a time, in bytes.
    pub(super) memory: u64,
    /// Instructions that the guest executed, where they are counted.
    pub(super) fuel: Option<u64>,
    /// How long the database was at work for the call, as far as that is known.
    pub(super) database_work: Duration,
}

impl Used {
    /// How long cores were at work for the call, here and for the database.
    pub(super) fn work(&self) -> Duration {
        self.cpu + self.database_work
    }

    /// Whether the call ran at all.
    pub(super) fn ran(&self) -> bool {
        self.took.is_some()
    }
}

impl<T> Ran<T> {
    /// A call that did not run because of `error`, after it had waited for `queued`.
    pub(super) fn not(task: Task, error: CallError, queued: Duration) -> Self {
        Self {
            result: Err(error),
            used: Used { queued, ..Used::default() },
            subject: task.subject,
            trace: Trace::new(None),
            circumstances: task.circumstances,
        }
    }
}

/// Where instances run: with a clock that interrupts them, and the operator's limits.
pub(super) struct Sandbox {
    pools: Arc<Pools>,
    services: Arc<Services>,
    limits: PlatformLimits,
    counts_fuel: bool,
    background: Background,
}

impl Sandbox {
    pub(super) fn new(
        pools: Arc<Pools>,
        services: Services,
        limits: PlatformLimits,
        counts_fuel: bool,
        pace: Arc<Pace>,
    ) -> Self {
        Self { pools, services: Arc::new(services), limits, counts_fuel, background: Background::new(pace) }
    }

    pub(super) fn limits(&self) -> &PlatformLimits {
        &self.limits
    }

    pub(super) fn database(&self) -> &storage::Store {
        &self.services.store
    }

    /// What the operator lets `plugin` do for `app` now.
    pub(super) fn granted(&self, app: &str, plugin: &str) -> Option<Arc<AppPlugin>> {
        self.services.accounts.granted(app, plugin)
    }

    /// Waits for the work that goes on when calls have ended; to be called when no call begins any more.
    pub(super) async fn finish(&self) {
        self.services.going_on.finish().await;
    }

    /// Makes a call in a fresh instance of `linked`, within `terms`. It fails when the guest traps, exits, or exceeds a
    /// limit; never because of another call.
    pub(super) async fn run<V: Visit>(
        &self,
        linked: &Arc<Linked>,
        task: Task,
        terms: Terms<'_>,
        visit: Arc<V>,
    ) -> Ran<V::Answer> {
        let Terms { app, limits, timeout, heavy } = terms;
        let (began, place) = (Instant::now(), self.pools.enter());
        let meter = Arc::new(CpuMeter::new(began));
        let (services, ends) = (Arc::clone(&self.services), began + timeout);
        let state = State::new(Arc::clone(linked), place.pool, services, task, limits, Arc::clone(&meter), ends);
        let mut store = Store::new(linked.in_pools[place.pool].pre.engine(), state);
        self.bind(&mut store, &limits, &meter);
        let call = Call { visit, began, timeout, counts_fuel: self.counts_fuel };
        // Boxed before anything holds it, as it is copied wherever it is passed on.
        let call = Box::pin(call.make(store, Arc::clone(&meter)));
        self.background.run(app, heavy, &meter, call).await
    }

    /// Does `work` for an app in the background, where messages do not wait for it. It takes its time and is no
    /// guest's; nobody waits for it but a process that stops.
    pub(super) fn in_background(self: &Arc<Self>, app: Arc<App>, work: impl FnOnce() + Send + 'static) {
        let sandbox = Arc::clone(self);
        self.services.going_on.take_on(async move {
            let meter = Arc::new(CpuMeter::new(Instant::now()));
            sandbox.background.run(Some(&app.name), true, &meter, Box::pin(async move { work() })).await;
        });
    }

    /// Sets the limits of a store that wasmtime watches.
    fn bind(&self, store: &mut Store<State>, limits: &PluginLimits, meter: &Arc<CpuMeter>) {
        store.limiter(State::limiter);
        store.set_hostcall_fuel(kib(limits.host_call_kib));
        if self.counts_fuel {
            // Counted, and never used up: fails only where it is not counted.
            drop(store.set_fuel(u64::MAX));
        }
        store.set_epoch_deadline(1);
        let (meter, cpu) = (Arc::clone(meter), Duration::from_millis(limits.cpu_ms));
        store.epoch_deadline_callback(move |_| {
            Ok(if meter.spent() >= cpu {
                UpdateDeadline::Interrupt
            } else {
                UpdateDeadline::YieldCustom(1, background::give_way(&meter))
            })
        });
    }
}

/// A call that is made. It needs nothing of whoever waits for it, and little has to be copied when it moves to another
/// thread.
struct Call<V> {
    visit: Arc<V>,
    began: Instant,
    timeout: Duration,
    counts_fuel: bool,
}

impl<V: Visit> Call<V> {
    /// Makes an instance in `store` and visits it, within its time; to its end, with all that there is to clear away.
    async fn make(self, mut store: Store<State>, meter: Arc<CpuMeter>) -> Ran<V::Answer> {
        let linked = Arc::clone(&store.data().linked);
        let InPool { pre, exports } = &linked.in_pools[store.data().pool];
        let ended = {
            let visiting = pin!(async {
                let instance = pre.instantiate_async(&mut store).await?;
                self.visit.visit(&mut store, &instance, exports).await
            });
            tokio::time::timeout_at((self.began + self.timeout).into(), meter.measure(visiting)).await
        };
        let state = store.data_mut();
        let printed = state.wasi.take_printed();
        let result = match ended {
            Ok(result) => {
                result.map_err(|error| crash::explain(&error, &state.limits, &printed.end(), state.memory_refused()))
            }
            Err(_) => Err(CallError::TimedOut { after: self.timeout, waited: Duration::ZERO, setting: None }),
        };
        // The end of what a guest printed that crashed is in the error.
        if !matches!(result, Err(CallError::Crashed(_))) || printed.has_more_than_end() {
            log_printed(state, &printed);
        }
        // Where it is not counted, asking would make an error, with a backtrace where those are wanted.
        let left = if self.counts_fuel { store.get_fuel().ok() } else { None };
        let state = store.into_data();
        let used = Used {
            queued: Duration::ZERO,
            took: Some(self.began.elapsed()),
            cpu: meter.ended(),
            memory: state.memory(),
            fuel: left.map(|left| u64::MAX - left),
            database_work: state.database_work,
        };
        Ran { result, used, subject: state.subject, trace: state.trace, circumstances: state.wasi.circumstances() }
    }
}

/// Logs what a call printed, line by line, as if it had logged it.
fn log_printed(state: &mut State, printed: &Printed) {
    let text = printed.beginning();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        if !state.take_line() {
            return;
        }
        state.log_line(LineLevel::Info, line);
    }
    if printed.is_cut() {
        let most = state.limits.output_kib;
        let cut = format!("more than {most} KiB were printed in one call (plugins.output_kib): the rest is dropped");
        state.log_line(LineLevel::Warn, &cut);
    }
}
