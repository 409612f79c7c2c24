//! The live set of plugins: who is there, and the swap when a file changes.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use tokio::sync::{OwnedMutexGuard, Semaphore, SetOnce};

use super::{
    admission::{LoadError, Loader, Refused},
    cache::Cache,
    compiler::Compiler,
    component::Loaded,
    folder,
    guard::{Guard, Queue},
    instance::Services,
    limits::{COMPILATIONS, Limits},
    live_log::LiveLog,
    receipts::Receipts,
    statistics::Statistics,
};
use crate::{model::is_plugin_name, plugin_limits::LimitChanges};

/// What the platform is made of.
#[derive(Clone)]
pub struct Settings {
    /// Where the .wasm files are.
    pub folder: PathBuf,
    /// Where compiled code is kept.
    pub cache: PathBuf,
    /// Authenticates the compiled code.
    pub cache_key: [u8; 32],
    /// The operator's limits.
    pub limits: Limits,
    /// Whether instructions are counted. That costs about as much as the calls themselves.
    pub counts_fuel: bool,
    /// The weft command, which compiles plugins in a process of its own; in this process without.
    pub compiler: Option<PathBuf>,
}

/// The plugin platform. Clones share it.
#[derive(Clone)]
pub struct Plugins(pub(super) Arc<Inner>);

pub(super) struct Inner {
    set: ArcSwap<BTreeMap<Arc<str>, Arc<Plugin>>>,
    /// Set when the folder has been read once.
    pub(super) first_pass: SetOnce<()>,
    /// Held while the set is replaced, so that no change gets lost.
    writing: Mutex<()>,
    /// Held by name while a file is read or written and what it holds takes effect, so that the set
    /// follows the folder in its order.
    changing: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    /// Compiling takes a core for as long as it takes.
    compiling: Semaphore,
    pub(super) loader: Loader,
    folder: PathBuf,
    /// Whose turn it is.
    pub(super) queue: Queue,
    /// The limits that are set for single plugins, whether they are there or not.
    pub(super) own_limits: ArcSwap<HashMap<String, LimitChanges>>,
}

/// What became of a file that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// It runs, or is refused for what it is.
    Done,
    /// It may pass later as it is.
    TryAgain,
}

/// One file of the folder.
pub struct Plugin {
    /// The file's name without `.wasm`.
    pub name: Arc<str>,
    /// What runs: the last version that passed every check.
    pub loaded: Option<Arc<Loaded>>,
    /// Why the file that lies there now does not run.
    pub error: Option<Refused>,
    /// Counts over all versions since the start.
    pub statistics: Arc<Statistics>,
    /// What became of the last calls.
    pub receipts: Arc<Receipts>,
    /// What it logs.
    pub log: Arc<LiveLog>,
    pub(super) guard: Arc<Guard>,
}

/// Why an upload is not taken.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// The name cannot be a plugin's.
    #[error("a plugin's name has 1 to 64 letters, digits, `_` or `-`")]
    Name,
    /// The file fails a check.
    #[error("{0}")]
    Refused(Box<Refused>),
    /// The folder cannot be written.
    #[error("the plugins folder cannot be written: {0}")]
    Write(#[from] io::Error),
}

impl Plugins {
    /// Makes the engine; the set is empty until a [`Watcher`](super::Watcher) fills it.
    ///
    /// # Errors
    /// When wasmtime cannot run on this machine.
    pub fn new(settings: Settings, services: Services) -> wasmtime::Result<Self> {
        let Settings { folder, cache, cache_key, limits, counts_fuel, compiler } = settings;
        let queue = Queue::new(limits.app_concurrency);
        let compiler = Compiler::new(compiler, &limits, counts_fuel);
        let loader = Loader::new(Cache::new(cache, cache_key), compiler, services, limits, counts_fuel)?;
        Ok(Self(Arc::new(Inner {
            set: ArcSwap::default(),
            first_pass: SetOnce::new(),
            writing: Mutex::new(()),
            changing: Mutex::default(),
            compiling: Semaphore::new(COMPILATIONS),
            loader,
            folder,
            queue,
            own_limits: ArcSwap::default(),
        })))
    }

    /// The folder of the .wasm files.
    pub fn folder(&self) -> &Path {
        &self.0.folder
    }

    /// What the operator has set.
    pub fn limits(&self) -> &Limits {
        self.0.loader.sandbox().limits()
    }

    /// The largest file that is accepted, in bytes.
    pub fn max_file_bytes(&self) -> u64 {
        self.limits().file
    }

    /// All plugins, by name.
    pub fn list(&self) -> Vec<Arc<Plugin>> {
        self.0.set.load().values().map(Arc::clone).collect()
    }

    /// The plugin of that name, whether it runs or not.
    pub fn find(&self, name: &str) -> Option<Arc<Plugin>> {
        self.0.set.load().get(name).map(Arc::clone)
    }

    /// Whether the folder has been read once.
    pub fn is_ready(&self) -> bool {
        self.0.first_pass.initialized()
    }

    pub(super) fn set_ready(&self) {
        // A second pass changes nothing.
        drop(self.0.first_pass.set(()));
    }

    /// Takes a file's bytes through every step of admission without letting it in.
    ///
    /// # Errors
    /// The first step that it fails.
    pub async fn check(&self, name: &str, bytes: Bytes) -> Result<Loaded, Refused> {
        self.0.loader.load(name, bytes).await
    }

    /// As [`check`](Self::check), for a file anywhere.
    ///
    /// # Errors
    /// The first step that it fails.
    pub async fn check_file(&self, name: &str, file: &Path) -> Result<Loaded, Refused> {
        match self.read(file.to_owned()).await {
            Ok(bytes) => self.check(name, bytes).await,
            Err(error) => Err(Refused::unread(error)),
        }
    }

    async fn read(&self, file: PathBuf) -> Result<Bytes, LoadError> {
        let limit = self.limits().file;
        let read = tokio::task::spawn_blocking(move || folder::read(&file, limit)).await;
        read.unwrap_or_else(|panic| Err(LoadError::Unreadable(panic.to_string()))).map(Bytes::from)
    }

    /// Loads what lies in a plugin's file now, and swaps it in if it is good.
    pub(super) async fn take_file(&self, name: &str) -> Taken {
        let _changing = self.changing(name).await;
        let Ok(_turn) = self.0.compiling.acquire().await else { return Taken::TryAgain };
        match self.read(self.file(name)).await {
            Ok(bytes) => self.load(name, bytes).await,
            Err(error) => self.refuse(name, Refused::unread(error)),
        }
    }

    /// Checks a file and swaps it in; a version that fails leaves the running one in place.
    async fn load(&self, name: &str, bytes: Bytes) -> Taken {
        let running = self.find(name).and_then(|plugin| plugin.loaded.clone());
        if running.is_some_and(|running| running.digest == super::component::digest(&bytes)) {
            // The file that runs: nothing to do but forget what failed in between.
            self.replace(name, |plugin| Plugin { error: None, ..plugin });
            return Taken::Done;
        }
        let began = Instant::now();
        match self.check(name, bytes).await {
            Ok(loaded) => {
                let version = loaded.description.version.clone();
                let digest = loaded.digest.get(..12).unwrap_or_default().to_owned();
                let (took_ms, steps) = (began.elapsed().as_millis(), &loaded.report);
                tracing::info!(plugin = name, version, digest, took_ms, %steps, "plugin loaded");
                self.replace(name, |plugin| Plugin { loaded: Some(Arc::new(loaded)), error: None, ..plugin });
                Taken::Done
            }
            Err(refused) => self.refuse(name, refused),
        }
    }

    /// Shows why a file does not run, beside the version that does.
    fn refuse(&self, name: &str, refused: Refused) -> Taken {
        let before = self.find(name);
        let again = if refused.error.may_pass() { Taken::TryAgain } else { Taken::Done };
        let known = before.as_ref().and_then(|plugin| plugin.error.as_ref());
        if known.is_none_or(|known| known.error != refused.error) {
            let kept = before.is_some_and(|plugin| plugin.loaded.is_some());
            tracing::error!(
                plugin = name,
                code = refused.error.code(),
                error = %refused,
                steps = %refused.report,
                "{name}.wasm is refused{}",
                if kept { "; the last good version keeps running" } else { "" }
            );
            self.replace(name, |plugin| Plugin { error: Some(refused), ..plugin });
        }
        again
    }

    /// Forgets compiled code that nothing has needed for long.
    pub(super) async fn sweep_cache(&self) {
        let plugins = self.list();
        let digests = plugins.iter().filter_map(|plugin| plugin.loaded.as_ref()).map(|loaded| loaded.digest.clone());
        let (loader, digests) = (self.0.loader.clone(), digests.collect());
        drop(tokio::task::spawn_blocking(move || loader.sweep(&digests)).await);
    }

    async fn changing(&self, name: &str) -> OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.0.changing.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(locks.entry(name.to_owned()).or_default())
        };
        lock.lock_owned().await
    }

    /// Checks an uploaded file, places it in the folder in one step and swaps it in.
    ///
    /// # Errors
    /// When the name or the file is refused, or the folder cannot be written: then nothing changes.
    pub async fn upload(&self, name: &str, bytes: Bytes) -> Result<Arc<Plugin>, UploadError> {
        if !is_plugin_name(name) {
            return Err(UploadError::Name);
        }
        let _changing = self.changing(name).await;
        let loaded =
            self.check(name, bytes.clone()).await.map_err(|refused| UploadError::Refused(Box::new(refused)))?;
        let (folder, file) = (self.0.folder.clone(), self.file(name));
        tokio::task::spawn_blocking(move || folder::place(&folder, &file, &bytes))
            .await
            .unwrap_or_else(|panic| Err(io::Error::other(panic)))?;
        tracing::info!(plugin = name, version = loaded.description.version, "plugin uploaded");
        Ok(self.replace(name, |plugin| Plugin { loaded: Some(Arc::new(loaded)), error: None, ..plugin }))
    }

    /// Removes a plugin's file and takes it out.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub async fn delete(&self, name: &str) -> io::Result<()> {
        let _changing = self.changing(name).await;
        match tokio::fs::remove_file(self.file(name)).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => self.remove(name),
        }
        Ok(())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.folder.join(format!("{name}.wasm"))
    }

    /// Takes a plugin out whose file is no longer there.
    pub(super) async fn remove_if_gone(&self, name: &str) {
        let _changing = self.changing(name).await;
        if tokio::fs::try_exists(self.file(name)).await.is_ok_and(|exists| !exists) {
            self.remove(name);
        }
    }

    /// Takes a plugin out. Calls in flight finish.
    fn remove(&self, name: &str) {
        let _writing = self.0.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut set = BTreeMap::clone(&self.0.set.load());
        if set.remove(name).is_some() {
            tracing::info!(plugin = name, "plugin removed");
            self.0.set.store(Arc::new(set));
        }
    }

    fn replace(&self, name: &str, change: impl FnOnce(Plugin) -> Plugin) -> Arc<Plugin> {
        let _writing = self.0.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut set = BTreeMap::clone(&self.0.set.load());
        let before = set.get(name).map_or_else(
            || Plugin {
                name: name.into(),
                loaded: None,
                error: None,
                statistics: Arc::default(),
                receipts: Arc::default(),
                log: Arc::default(),
                guard: Arc::new(Guard::new(self.guard_limits(name))),
            },
            |plugin| Plugin {
                name: Arc::clone(&plugin.name),
                loaded: plugin.loaded.clone(),
                error: plugin.error.clone(),
                statistics: Arc::clone(&plugin.statistics),
                receipts: Arc::clone(&plugin.receipts),
                log: Arc::clone(&plugin.log),
                guard: Arc::clone(&plugin.guard),
            },
        );
        let after = Arc::new(change(before));
        set.insert(Arc::clone(&after.name), Arc::clone(&after));
        self.0.set.store(Arc::new(set));
        // They may have been set since its guard was made.
        after.guard.set_limits(self.guard_limits(name));
        after
    }
}
