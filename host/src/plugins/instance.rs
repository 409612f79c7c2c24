//! One guarded call: a fresh instance, its clock, its limits, and what went wrong in words.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use wasmtime::{Engine, ResourceLimiter, Store, Trap, UpdateDeadline, component::Instance};
use wasmtime_wasi::{I32Exit, ResourceTable, ResourceTableError, WasiCtx, WasiCtxView, WasiView};

use super::{
    component::Loaded,
    epoch::EpochClock,
    error::{CallError, Crash},
    guard::Allowance,
    host::log::{printable, printable_up_to},
    limits::{Limits, RESOURCES, count, kib, mib},
    live_log::LogPlace,
    output::Output,
    receipts::{HostCall, LineLevel},
    trace::{Circumstances, Trace},
};
use crate::{
    model::{App, AppPlugin},
    pay::Pay,
    plugin_limits::PluginLimits,
    storage,
    upstream::{CustomerService, Outbound, Wechat},
    users::Users,
};

/// What a call is about: what its host functions answer from.
#[derive(Clone)]
pub struct Subject {
    /// The app that the call runs for.
    pub app: Arc<App>,
    /// What the plugin may do for this app, when the operator has set anything.
    pub granted: Option<Arc<AppPlugin>>,
    /// The same for every try at the same delivery or event.
    pub delivery_id: Arc<str>,
    /// The decrypted message; empty in calls that handle none.
    pub raw: Arc<str>,
}

/// What host functions answer with.
#[derive(Clone)]
pub struct Services {
    /// The database.
    pub store: storage::Store,
    /// Other servers.
    pub outbound: Outbound,
    /// WeChat's API.
    pub wechat: Wechat,
    /// Who writes.
    pub users: Users,
    /// Orders between here and WeChat Pay.
    pub pay: Pay,
}

impl Services {
    /// What sends customer-service messages.
    pub(super) fn customer_service(&self) -> CustomerService {
        CustomerService::new(self.wechat.clone())
    }
}

/// What an instance carries besides its memory.
pub(super) struct State {
    /// The plugin's name.
    pub(super) plugin: Arc<str>,
    /// None while the plugin describes itself.
    pub(super) subject: Option<Subject>,
    pub(super) services: Arc<Services>,
    /// Where lines go that it logs.
    pub(super) log_place: Option<LogPlace>,
    /// What it asks for and logs.
    pub(super) trace: Trace,
    /// When the host ends the call.
    pub(super) ends: Instant,
    pub(super) limits: PluginLimits,
    pub(super) log: Arc<Allowance>,
    /// The operator has been told of a grant that is missing.
    pub(super) told_of_denial: bool,
    pub(super) lines_logged: u32,
    pub(super) database_calls: u64,
    pub(super) outbound_calls: u64,
    memory: Memory,
    wasi: WasiCtx,
    resources: ResourceTable,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.resources }
    }
}

impl wasmtime_wasi_io::IoView for State {
    fn table(&mut self) -> &mut ResourceTable {
        &mut self.resources
    }
}

/// Counts what an instance holds, over all its memories and tables.
struct Memory {
    bytes: usize,
    most_bytes: usize,
    elements: usize,
    most_elements: usize,
    most_instances: usize,
}

impl ResourceLimiter for Memory {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(grow(&mut self.bytes, current, desired, self.most_bytes))
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(grow(&mut self.elements, current, desired, self.most_elements))
    }

    fn instances(&self) -> usize {
        self.most_instances
    }
}

fn grow(held: &mut usize, current: usize, desired: usize, limit: usize) -> bool {
    let after = held.saturating_sub(current).saturating_add(desired);
    let allowed = after <= limit;
    if allowed {
        *held = after;
    }
    allowed
}

/// What one call may use.
pub(super) struct Terms {
    pub(super) limits: PluginLimits,
    /// Wall clock.
    pub(super) timeout: Duration,
    /// How much the plugin may log.
    pub(super) log: Arc<Allowance>,
}

/// A call that has ended.
pub(super) struct Ran<T> {
    pub(super) result: Result<T, CallError>,
    pub(super) used: Used,
    /// What it was about.
    pub(super) subject: Option<Subject>,
    pub(super) trace: Trace,
    pub(super) circumstances: Circumstances,
}

/// A call that is to be made.
pub(super) struct Task {
    /// None while the plugin describes itself.
    pub(super) subject: Option<Subject>,
    /// Where lines go that it logs.
    pub(super) log_place: Option<LogPlace>,
    pub(super) circumstances: Circumstances,
    /// What it asked the host for the other time, when it is made again.
    pub(super) played: Option<Vec<HostCall>>,
}

impl Task {
    /// A call that is made for the first time, about this.
    pub(super) fn new(subject: Option<Subject>, log_place: Option<LogPlace>) -> Self {
        Self { subject, log_place, circumstances: Circumstances::new(), played: None }
    }
}

/// What a call used up.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Used {
    /// How long it waited for its turn.
    pub(super) queued: Duration,
    /// How long it ran, by the wall clock.
    pub(super) took: Duration,
    /// How long it held a thread.
    pub(super) cpu: Duration,
    /// The most linear memory that it had at a time, in bytes.
    pub(super) memory: u64,
    /// Lines that it logged.
    pub(super) lines: u32,
    /// Instructions, where they are counted.
    pub(super) fuel: Option<u64>,
}

impl<T> Ran<T> {
    /// It waited so long for its turn, in vain.
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
    clock: EpochClock,
    services: Arc<Services>,
    limits: Limits,
    counts_fuel: bool,
}

impl Sandbox {
    pub(super) fn new(
        engine: &Engine,
        services: Services,
        limits: Limits,
        counts_fuel: bool,
    ) -> wasmtime::Result<Self> {
        Ok(Self { clock: EpochClock::start(engine)?, services: Arc::new(services), limits, counts_fuel })
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(super) fn database(&self) -> &storage::Store {
        &self.services.store
    }

    /// Runs `call` in a fresh instance of `loaded`, within `terms`. It fails when the guest traps, exits, or exceeds a
    /// limit; never because of another call.
    pub(super) async fn run<T>(
        &self,
        loaded: &Loaded,
        task: Task,
        terms: Terms,
        call: impl AsyncFnOnce(&mut Store<State>, &Instance) -> wasmtime::Result<T>,
    ) -> Ran<T> {
        let Terms { limits, timeout, log } = terms;
        let _running = self.clock.running();
        let began = Instant::now();
        let output = Output::new(kib(limits.output_kib));
        let meter = Arc::new(CpuMeter::default());
        let circumstances = task.circumstances;
        let mut store = self.store(loaded, task, Terms { limits, timeout, log }, &output, &meter);
        let attempt = meter.measure(async {
            let instance = loaded.pre.instantiate_async(&mut store).await?;
            call(&mut store, &instance).await
        });
        let result = match tokio::time::timeout(timeout, attempt).await {
            Ok(result) => result.map_err(|error| explain(&error, &limits, &output.take())),
            Err(_) => Err(CallError::TimedOut { after: timeout, waited: Duration::ZERO, setting: None }),
        };
        // What a guest that crashed printed is in the error.
        log_output(store.data_mut(), &output.take());
        // Where it is not counted, asking would make an error, with a backtrace where those are wanted.
        let left = if self.counts_fuel { store.get_fuel().ok() } else { None };
        let fuel = left.map(|left| u64::MAX - left);
        let state = store.into_data();
        let used = Used {
            queued: Duration::ZERO,
            took: began.elapsed(),
            cpu: meter.ended(),
            // Memories never shrink: what they hold at the end is the most they held.
            memory: state.memory.bytes as u64,
            lines: state.lines_logged,
            fuel,
        };
        Ran { result, used, subject: state.subject, trace: state.trace, circumstances }
    }

    fn store(
        &self,
        loaded: &Loaded,
        task: Task,
        Terms { limits, timeout, log }: Terms,
        output: &Output,
        meter: &Arc<CpuMeter>,
    ) -> Store<State> {
        let mut resources = ResourceTable::new();
        resources.set_max_capacity(RESOURCES);
        let state = State {
            plugin: Arc::clone(&loaded.name),
            subject: task.subject,
            log_place: task.log_place,
            trace: Trace::new(task.played),
            services: Arc::clone(&self.services),
            ends: Instant::now() + timeout,
            limits,
            log,
            told_of_denial: false,
            lines_logged: 0,
            database_calls: 0,
            outbound_calls: 0,
            memory: Memory {
                bytes: 0,
                most_bytes: mib(limits.memory_mib),
                elements: 0,
                most_elements: count(limits.table_elements),
                most_instances: count(limits.core_instances),
            },
            wasi: task.circumstances.wasi().stdout(output.clone()).stderr(output.clone()).build(),
            resources,
        };
        let mut store = Store::new(loaded.pre.engine(), state);
        store.limiter(|state| &mut state.memory);
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
                UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now()))
            })
        });
        store
    }
}

/// Adds up the time that a future spends being polled: the time on a core, where the wall clock
/// would also count waiting for one.
struct CpuMeter {
    origin: Instant,
    /// Nanoseconds of the polls that have ended.
    spent: AtomicU64,
    /// When the poll that runs began, in nanoseconds since `origin`.
    began: AtomicU64,
}

impl Default for CpuMeter {
    fn default() -> Self {
        Self { origin: Instant::now(), spent: AtomicU64::new(0), began: AtomicU64::new(0) }
    }
}

impl CpuMeter {
    fn now(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Asked from within a poll.
    fn spent(&self) -> Duration {
        Duration::from_nanos(self.spent.load(Relaxed) + self.now().saturating_sub(self.began.load(Relaxed)))
    }

    /// Of all polls; asked when none runs.
    fn ended(&self) -> Duration {
        Duration::from_nanos(self.spent.load(Relaxed))
    }

    async fn measure<F: Future>(&self, future: F) -> F::Output {
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

/// Functions in a backtrace, and bytes of the name of each: names of generic functions can fill pages.
const BACKTRACE_LINES: usize = 32;
/// See [`BACKTRACE_LINES`].
const BACKTRACE_LINE_BYTES: usize = 256;

/// A plugin answered what cannot be sent, and why.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unsendable(pub(super) String);

impl Unsendable {
    /// It is longer than a limit allows.
    pub(super) fn too_long(bytes: usize, most: usize, setting: &str) -> Self {
        Self(format!("it has {bytes} bytes and may have {most} ({setting})"))
    }
}

/// Whose fault it was and what the guest said last.
fn explain(error: &wasmtime::Error, limits: &PluginLimits, printed: &str) -> CallError {
    if let Some(Trap::Interrupt) = error.downcast_ref() {
        return CallError::CpuExhausted { after: Duration::from_millis(limits.cpu_ms) };
    }
    if let Some(Unsendable(why)) = error.downcast_ref() {
        return CallError::BadReply(why.clone());
    }
    let cause = if let Some(I32Exit(status)) = error.downcast_ref() {
        format!("the plugin called exit({status})")
    } else if let Some(ResourceTableError::Full) = error.downcast_ref() {
        format!("it holds {RESOURCES} streams and pollables, and a call may hold no more")
    } else if let Some(trap) = error.downcast_ref::<Trap>() {
        trap.to_string()
    } else {
        format!("{:#}", error.root_cause())
    };
    let backtrace = error.downcast_ref().map(backtrace).unwrap_or_default();
    let [cause, printed] = [cause.as_str(), printed.trim()].map(|text| printable(text).into_owned());
    CallError::Crashed(Crash { cause, printed, backtrace })
}

/// The guest's functions by the names that their authors gave them, innermost first.
fn backtrace(trace: &wasmtime::WasmBacktrace) -> String {
    let names = trace.frames().iter().map(|frame| match frame.func_name() {
        // Without the hash at its end.
        Some(name) => format!("{:#}", rustc_demangle::demangle(name)),
        None => format!("function {}", frame.func_index()),
    });
    let lines = names.take(BACKTRACE_LINES).map(|name| printable_up_to(&name, BACKTRACE_LINE_BYTES).into_owned());
    lines.collect::<Vec<_>>().join("\n")
}

/// What a call printed goes to the log line by line, as if it had been logged.
fn log_output(state: &mut State, printed: &str) {
    for line in printed.lines().filter(|line| !line.trim().is_empty()).take(count(state.limits.log_lines)) {
        state.log_line(LineLevel::Info, line);
    }
}
