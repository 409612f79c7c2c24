//! What an instance carries besides its memory.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use wasmtime::ResourceLimiter;
use wasmtime_wasi::{ResourceTable, WasiCtxView, WasiView};

use super::{
    component::Linked,
    host::{DatabaseTurns, GoingOn},
    limits::{RESOURCES, UNCOUNTED_MEMORY, kib},
    live_log::LogPlace,
    memory::{Memory, MemoryBound},
    sandbox::{CpuMeter, Task},
    trace::Trace,
    wasi::Wasi,
};
use crate::{
    accounts::Accounts,
    clock::Clock,
    failure_lines::FailureLines,
    message_log::MessageLog,
    model::{App, AppPlugin},
    pay::Pay,
    plugin_limits::PluginLimits,
    storage,
    upstream::{CustomerService, Outbound, Wechat},
    users::Users,
};

/// What a call is about, from which host functions answer.
#[derive(Clone)]
pub struct Subject {
    /// The app that the call runs for.
    pub app: Arc<App>,
    /// What the plugin may do for this app, when the operator has set anything. A call that waited, and one whose account
    /// was found long before, begins with what is set then.
    pub granted: Option<Arc<AppPlugin>>,
    /// Names the delivery or event: the same for every try at it.
    pub delivery_id: Arc<str>,
    /// The decrypted message; empty in calls that handle none.
    pub raw: Arc<str>,
}

/// The parts of the server that host functions use.
#[derive(Clone)]
pub struct Services {
    /// The database.
    pub store: storage::Store,
    /// The turns of apps to ask the database.
    pub database_turns: DatabaseTurns,
    /// All apps, with what plugins may do for them.
    pub accounts: Accounts,
    /// Sends requests to other servers.
    pub outbound: Outbound,
    /// WeChat's API.
    pub wechat: Wechat,
    /// The users of the apps.
    pub users: Users,
    /// Orders between here and WeChat Pay.
    pub pay: Pay,
    /// Where messages to users are logged.
    pub message_log: MessageLog,
    /// The time.
    pub clock: Clock,
    /// Logs what fails for apps, each failure a few times.
    pub failures: FailureLines,
    /// Work that goes on when the calls that began it have ended.
    pub going_on: GoingOn,
}

impl Services {
    /// Sends customer-service messages.
    pub(super) fn customer_service(&self) -> CustomerService {
        CustomerService::new(self.wechat.clone())
    }
}

/// What an instance carries besides its memory.
pub(super) struct State {
    /// The component that this is an instance of.
    pub(super) linked: Arc<Linked>,
    /// The index of the pool that the instance is in.
    pub(super) pool: usize,
    /// None while the plugin describes itself.
    pub(super) subject: Option<Subject>,
    pub(super) services: Arc<Services>,
    /// Where the lines go that the call logs.
    pub(super) log_place: Option<LogPlace>,
    /// What the call asks the host for and logs.
    pub(super) trace: Trace,
    /// How long the call was on a core.
    meter: Arc<CpuMeter>,
    /// When the host ends the call.
    pub(super) ends: Instant,
    pub(super) limits: PluginLimits,
    /// Lines that the call has logged, including those that were dropped.
    pub(super) lines_logged: u32,
    pub(super) database_calls: u64,
    /// How long the database was at work for the call, as far as that is known.
    pub(super) database_work: Duration,
    pub(super) outbound_calls: u64,
    memory: Memory,
    pub(super) wasi: Wasi,
    resources: ResourceTable,
}

impl State {
    /// The state of an instance of `linked` in the pool with the index `pool`, for a call that `meter` measures and the
    /// host ends at `ends`.
    pub(super) fn new(
        linked: Arc<Linked>,
        pool: usize,
        services: Arc<Services>,
        task: Task,
        limits: PluginLimits,
        meter: Arc<CpuMeter>,
        ends: Instant,
    ) -> Self {
        let Task { subject, log_place, circumstances, played } = task;
        let trace = Trace::new(played);
        let wasi = Wasi::new(circumstances, trace.skipped().clone(), kib(limits.output_kib));
        let mut resources = ResourceTable::new();
        resources.set_max_capacity(RESOURCES);
        Self {
            linked,
            pool,
            subject,
            services,
            log_place,
            trace,
            meter,
            ends,
            limits,
            lines_logged: 0,
            database_calls: 0,
            database_work: Duration::ZERO,
            outbound_calls: 0,
            memory: Memory::new(&limits),
            wasi,
            resources,
        }
    }

    /// The plugin's name.
    pub(super) fn plugin(&self) -> &Arc<str> {
        &self.linked.plugin
    }

    /// Watches the memory of the instance for wasmtime.
    pub(super) fn limiter(&mut self) -> &mut dyn ResourceLimiter {
        self
    }

    /// The most linear memory that the instance had at a time, in bytes: memories never shrink.
    pub(super) fn memory(&self) -> u64 {
        self.memory.bytes() as u64
    }

    /// The bound beyond which the instance asked for memory in vain, the last time.
    pub(super) fn memory_refused(&self) -> Option<MemoryBound> {
        self.memory.refused()
    }
}

impl ResourceLimiter for State {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let app = self.subject.as_ref().map(|subject| subject.app.name.as_str());
        let grows = self.memory.grow(current, desired, app, &self.linked.memory);
        // A guest can write all of it by one instruction, which nothing interrupts. It looks at the clock before: at one
        // that has moved.
        if grows && self.memory.bytes() > UNCOUNTED_MEMORY && self.meter.leave_foreground() {
            self.linked.in_pools[self.pool].pre.engine().increment_epoch();
        }
        Ok(grows)
    }

    /// Takes back what the memory did not get. For memories with pages of one byte, which the engines do not have,
    /// wasmtime would also call it where it has asked nothing.
    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.memory.undo_growth();
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.memory.grow_tables(current, desired))
    }

    fn instances(&self) -> usize {
        self.memory.most_instances()
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: self.wasi.context(), table: &mut self.resources }
    }
}

impl wasmtime_wasi_io::IoView for State {
    fn table(&mut self) -> &mut ResourceTable {
        &mut self.resources
    }
}
