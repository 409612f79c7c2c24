//! From the bytes of a file to a plugin that can be called: every file takes the same steps, and leaves a report.
//!
//! - `anatomy` reads the file without running any of it, `world` compares its border with what this host has.
//! - `compiler` compiles it, in a process that can be killed; code that was kept from before is taken from the cache.
//! - The first instance is made and asked what it is; `description` looks at the answer.

mod anatomy;
mod description;
mod error;
mod report;
mod world;

use std::{
    collections::HashSet,
    sync::{Arc, OnceLock},
    time::{Instant, SystemTime},
};

use bytes::Bytes;
use tokio::sync::{Semaphore, SemaphorePermit};
use wasmtime::{
    Store,
    component::{Component, Instance},
};

use super::{
    cache::Cache,
    compiler::Compiler,
    component::{Asks, Description, Exports, Linked, Loaded, digest},
    error::CallError,
    guard::Breakers,
    instance::{Services, State},
    limits::{ADMISSIONS, CODE_PER_BYTE, DESCRIBE_TIMEOUT, PlatformLimits},
    memory::TotalMemory,
    pace::Pace,
    pools::Pools,
    sandbox::{Sandbox, Task, Terms, Visit},
};
use crate::{
    model::{Grants, in_words},
    plugin_limits::PluginLimits,
    printable::printable,
    storage,
};

pub use error::LoadError;
pub use report::{Outcome, Refused, Report, STEPS, Step};
pub use world::INTERFACE_VERSION;

/// What loading needs, the same for every file.
#[derive(Clone)]
pub(super) struct Loader {
    pools: Arc<Pools>,
    cache: Arc<Cache>,
    compiler: Arc<Compiler>,
    sandbox: Arc<Sandbox>,
    memory: Arc<TotalMemory>,
    turns: Arc<Semaphore>,
    pace: Arc<Pace>,
}

impl Loader {
    /// Makes the engines.
    ///
    /// # Errors
    /// When wasmtime cannot run on this machine.
    pub(super) fn new(
        cache: Cache,
        compiler: Compiler,
        services: Services,
        limits: PlatformLimits,
        counts_fuel: bool,
        pace: Arc<Pace>,
    ) -> wasmtime::Result<Self> {
        let pools = Arc::new(Pools::new(&limits, counts_fuel)?);
        let memory = Arc::new(TotalMemory::new(limits.total_memory));
        let sandbox = Sandbox::new(Arc::clone(&pools), services, limits, counts_fuel, Arc::clone(&pace));
        let sandbox = Arc::new(sandbox);
        let (cache, compiler, turns) = (Arc::new(cache), Arc::new(compiler), Arc::new(Semaphore::new(ADMISSIONS)));
        Ok(Self { pools, cache, compiler, sandbox, memory, turns, pace })
    }

    /// Forgets compiled code that is old and not among `digests`.
    pub(super) fn sweep(&self, digests: &HashSet<String>) {
        self.cache.sweep(digests);
    }

    /// What all instances have together.
    pub(super) fn memory(&self) -> &TotalMemory {
        &self.memory
    }

    /// The database.
    pub(super) fn database(&self) -> &storage::Store {
        self.sandbox.database()
    }

    /// Where what is loaded runs.
    pub(super) fn sandbox(&self) -> &Arc<Sandbox> {
        &self.sandbox
    }

    /// Takes a file through every step, within what the calls of the plugin may use. A file that passes can be called.
    ///
    /// # Errors
    /// The first step that it fails.
    pub(super) async fn load(&self, name: &str, bytes: Bytes, limits: &PluginLimits) -> Result<Loaded, Refused> {
        self.pace.around(self.load_now(name, bytes, limits)).await
    }

    async fn load_now(&self, name: &str, bytes: Bytes, limits: &PluginLimits) -> Result<Loaded, Refused> {
        let limit = limits.max_file_mib << 20;
        let (read, turn) = (bytes.clone(), self.turn().await);
        let read = tokio::task::spawn_blocking(move || read_file(&read, limit)).await;
        drop(turn);
        let (mut report, read) = match read {
            Ok(read) => read,
            Err(panic) => return Err(Refused::unread(LoadError::Unreadable(panic.to_string()))),
        };
        let admitted = match read {
            Ok(()) => self.admit(name, bytes, limits, &mut report).await,
            Err(error) => Err(error),
        };
        match admitted {
            Ok(loaded) => Ok(Loaded { report, ..loaded }),
            Err(error) => Err(Refused { error, report: report.ended() }),
        }
    }

    /// The steps behind those that only look.
    async fn admit(
        &self,
        name: &str,
        bytes: Bytes,
        limits: &PluginLimits,
        report: &mut Report,
    ) -> Result<Loaded, LoadError> {
        let digest = report.digest.clone();
        let most = (limits.max_file_mib << 20).saturating_mul(CODE_PER_BYTE);
        let (code, fresh) = self.code(&digest, bytes, most, report).await?;
        let is_fresh = fresh.is_some();
        let _turn = self.turn().await;
        if is_fresh {
            // Who compiles much has much to load.
            self.pace.work_goes_on().await;
        }
        let (this, plugin, began) = (self.clone(), Arc::from(name), Instant::now());
        let linked = tokio::task::spawn_blocking(move || this.link(plugin, code)).await;
        let linked = linked.unwrap_or_else(|panic| Err(LoadError::BeyondLimits(panic.to_string())));
        let linked = Arc::new(report.record("link", began.elapsed(), linked)?);
        if is_fresh {
            self.pace.work_goes_on().await;
            // Before anything of it runs: where that takes too long, it is tried again, and not compiled again.
            self.keep(&digest, &linked).await;
        }
        drop(fresh);
        let mut loaded = Loaded {
            name: Arc::clone(&linked.plugin),
            digest,
            description: nothing_said(),
            loaded_at: SystemTime::now(),
            report: report.clone(),
            linked,
            breakers: Breakers::default(),
        };
        loaded.description = self.probe(&loaded, limits, is_fresh, report).await?;
        let asks = Grants::from(&loaded.description);
        report.step("grants", || grantable(&asks))?;
        report.remark(asked(&asks));
        Ok(loaded)
    }

    /// The code of a file: what was compiled before, at once. What is not there waits for the compiler, and then has its
    /// turn until the code is kept, so that another file with the same bytes finds it. It may have `most` bytes.
    async fn code(
        &self,
        digest: &str,
        bytes: Bytes,
        most: u64,
        report: &mut Report,
    ) -> Result<(Code, Option<SemaphorePermit<'_>>), LoadError> {
        let (mut began, mut turn) = (Instant::now(), None);
        let mut kept = self.kept(digest).await;
        if kept.is_none() {
            turn = self.compiler.turn().await;
            // Another file with the same bytes may have been compiled meanwhile.
            began = Instant::now();
            kept = self.kept(digest).await;
        }
        if let Some(components) = kept {
            report.record("compile", began.elapsed(), Ok(()))?;
            report.remark("compiled before".to_owned());
            return Ok((Code::Kept(components), None));
        }
        let compiled = self.compiler.compile(self.pools.engine(), bytes, most).await;
        let (code, memory) = report.record("compile", began.elapsed(), compiled)?;
        report.compile_memory = memory;
        if let Some(memory) = memory {
            report.remark(format!("at most {} MiB of memory", memory >> 20));
        }
        Ok((Code::Made(code), turn))
    }

    /// Waits for a turn to do in this process what takes a core. Nobody who has one waits for the compiler.
    async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // Nobody closes it.
        self.turns.acquire().await.ok()
    }

    /// Connects what the component imports with the host, and finds what it exports.
    fn link(&self, plugin: Arc<str>, code: Code) -> Result<Linked, LoadError> {
        let text = |error: wasmtime::Error| printable(&format!("{error:#}")).into_owned();
        let components = match code {
            Code::Kept(components) => components,
            Code::Made(code) => self.pools.load(&code).map_err(|error| LoadError::BeyondLimits(text(error)))?,
        };
        let in_pools = self.pools.link(&components).map_err(|error| LoadError::Mismatch(text(error)))?;
        Ok(Linked { plugin, in_pools, memory: Arc::clone(&self.memory) })
    }

    /// What was compiled before, in every pool.
    async fn kept(&self, digest: &str) -> Option<Box<[Component]>> {
        let _turn = self.turn().await;
        let (this, digest) = (self.clone(), digest.to_owned());
        let find = move || {
            let code = this.cache.find(this.pools.engine(), &digest)?;
            let loaded = this.pools.load(&code);
            loaded.inspect_err(|error| tracing::debug!(%error, digest, "the kept code does not fit this host")).ok()
        };
        tokio::task::spawn_blocking(find).await.ok().flatten()
    }

    async fn keep(&self, digest: &str, linked: &Arc<Linked>) {
        let (this, digest, linked) = (self.clone(), digest.to_owned(), Arc::clone(linked));
        let kept = tokio::task::spawn_blocking(move || {
            this.cache.keep(this.pools.engine(), &digest, linked.anywhere().pre.component());
        });
        // What cannot be kept is compiled again at the next start; `keep` has logged why.
        drop(kept.await);
    }

    /// Makes an instance and asks it what it is, in the same sandbox that messages get; a `heavy` one in the background.
    async fn probe(
        &self,
        loaded: &Loaded,
        limits: &PluginLimits,
        heavy: bool,
        report: &mut Report,
    ) -> Result<Description, LoadError> {
        let terms = Terms { app: None, limits: *limits, timeout: DESCRIBE_TIMEOUT, heavy };
        let (began, started) = (Instant::now(), Arc::new(OnceLock::new()));
        let probe = Arc::new(Probe { started: Arc::clone(&started) });
        let answer = self.sandbox.run(&loaded.linked, Task::new(None, None), terms, probe).await.result;
        let took = began.elapsed();
        let busy = matches!(answer, Err(CallError::TimedOut { .. }));
        let Some(started) = started.get().map(|at: &Instant| at.duration_since(began)) else {
            let reason = answer.err().map(|error| error.to_string()).unwrap_or_default();
            return report.record("instantiate", took, Err(LoadError::Instantiate { reason, busy }));
        };
        let said = match answer {
            Ok(Err(Differs(how))) => {
                let mismatch = LoadError::Mismatch(printable(&how).into_owned());
                return report.record("instantiate", started, Err(mismatch));
            }
            Ok(Ok(said)) => Ok(said),
            Err(error) => Err(LoadError::Describe { reason: error.to_string(), busy }),
        };
        report.record("instantiate", started, Ok(()))?;
        let exports = &loaded.linked.anywhere().exports;
        let described = said.and_then(|said| description::check(&said, exports).map(|()| said));
        let described = report.record("describe", took.saturating_sub(started), described)?;
        if let Some(remark) = description::remark(&described) {
            report.remark(remark);
        }
        Ok(described)
    }
}

/// Looks at the first instance, and asks it what it is.
struct Probe {
    /// When there was an instance.
    started: Arc<OnceLock<Instant>>,
}

/// Where the types of what it exports are not those that the host calls.
struct Differs(String);

impl Visit for Probe {
    type Answer = Result<Description, Differs>;

    async fn visit(
        &self,
        store: &mut Store<State>,
        instance: &Instance,
        exports: &Exports,
    ) -> wasmtime::Result<Self::Answer> {
        self.started.get_or_init(Instant::now);
        if let Err(differs) = exports.check_types(store, instance) {
            return Ok(Err(Differs(differs)));
        }
        exports.manifest.load(&mut *store, instance)?.call_describe(store).await.map(Ok)
    }
}

/// Compiled code.
enum Code {
    /// From before, in every pool.
    Kept(Box<[Component]>),
    /// Just now.
    Made(Vec<u8>),
}

/// The steps that only look.
fn read_file(bytes: &[u8], limit: u64) -> (Report, Result<(), LoadError>) {
    let actual = bytes.len() as u64;
    let mut report = Report::new(actual, digest(bytes));
    let read = (|| {
        report.step("size", || if actual > limit { Err(LoadError::TooLarge { actual, limit }) } else { Ok(()) })?;
        report.step("header", || anatomy::check_header(bytes))?;
        let anatomy = report.step("parse", || anatomy::read(bytes))?;
        report.imports.clone_from(&anatomy.imports);
        report.exports.clone_from(&anatomy.exports);
        let version = report.step("world", || world::check(&anatomy))?;
        report.version = Some(version.to_string());
        report.step("imports", || world::check_imports(&anatomy))
    })();
    (report, read)
}

/// Whether there is anybody who could grant what a plugin asks for.
fn grantable(asks: &Grants) -> Result<(), LoadError> {
    let wrong = asks.check();
    if wrong.is_empty() {
        return Ok(());
    }
    Err(LoadError::Ungrantable(in_words(&wrong)))
}

/// What a plugin asks for. What of it is granted is up to each app, and changes.
fn asked(asks: &Grants) -> String {
    let each = asks.each();
    if each.is_empty() {
        return "asks for nothing".to_owned();
    }
    printable(&format!("asks for {}", each.join(", "))).into_owned()
}

fn nothing_said() -> Description {
    Description {
        name: String::new(),
        version: String::new(),
        description: String::new(),
        handlers: Vec::new(),
        rules: Vec::new(),
        hooks: Vec::new(),
        observers: Vec::new(),
        pages: Vec::new(),
        asks: Asks { http_hosts: Vec::new(), wechat_apis: Vec::new(), kv: false, users: false, orders: Vec::new() },
        config_schema: None,
        sdk: String::new(),
        options: Vec::new(),
    }
}
