//! The live set of plugins: who is there, and the swap when a file changes.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{OwnedSemaphorePermit, SetOnce};

use super::{
    admission::{LoadError, Loader, Refused},
    cache::Cache,
    compiler::Compiler,
    component::{Loaded, digest_of},
    folder,
    guard::{BreakerStatistics, Guard, Queue},
    instance::Services,
    limits::{DRAFTS, DRAFTS_OF_ONE_APP, PlatformLimits},
    live_log::LiveLog,
    pace::Pace,
    receipts::Receipts,
    statistics::Statistics,
    versions::{Canary, Versions},
};
use crate::{
    model::{CanaryRule, PluginState},
    plugin_limits::LimitChanges,
    shares::{Room, Shares},
};

/// What the platform is made of.
#[derive(Clone)]
pub struct Settings {
    /// Where the .wasm files are.
    pub folder: PathBuf,
    /// Where compiled code is kept.
    pub cache: PathBuf,
    /// Authenticates the compiled code.
    pub cache_key: [u8; 32],
    /// Where the last good versions are kept.
    pub versions: PathBuf,
    /// Whether what changes here is decided for all processes of the database; who only looks decides nothing.
    pub decides: bool,
    /// When canaries are taken back.
    pub canary: CanaryRule,
    /// The operator's limits.
    pub limits: PlatformLimits,
    /// Whether instructions are counted. That costs about as much as the calls themselves.
    pub counts_fuel: bool,
    /// The weft command, which compiles plugins in a process of its own; without it they are compiled in this one.
    pub compiler: Option<PathBuf>,
}

/// The plugin platform. Clones share it.
#[derive(Clone)]
pub struct Plugins(pub(super) Arc<Inner>);

/// Of how many plugins that were taken out what became of their calls is kept.
const PAST: usize = 16;

/// What is left of a plugin that was taken out.
struct Past {
    name: Arc<str>,
    statistics: Arc<Statistics>,
    receipts: Arc<Receipts>,
}

/// The plugins that are there, by name.
type Set = BTreeMap<Arc<str>, Arc<Plugin>>;

pub(super) struct Inner {
    set: ArcSwap<Set>,
    /// Of the last plugins that were taken out: who looks for why one failed may have taken it out first.
    past: Mutex<VecDeque<Past>>,
    /// Set when the folder has been read once.
    pub(super) first_pass: SetOnce<()>,
    /// The names of the plugins that are switched off, whether they are there or not. Held while the set is replaced,
    /// so that no change gets lost and what comes is switched off like what was there.
    disabled: Mutex<HashSet<String>>,
    /// Held by name while a file is read or written and what it holds takes effect, so that the set
    /// follows the folder in its order.
    changing: Shares,
    pub(super) loader: Loader,
    folder: PathBuf,
    versions: Versions,
    /// Whose turn it is.
    pub(super) queue: Queue,
    /// Places for receipts that are written when their calls have been answered, by app.
    pub(super) drafts: Room,
    /// The limits that are set for single plugins, whether they are there or not.
    pub(super) own_limits: ArcSwap<HashMap<String, LimitChanges>>,
    /// The revision of what is set for single plugins. Held while that is replaced.
    pub(super) settings_revision: Mutex<u64>,
    /// Plugins whose files are to be read again although they are as before.
    reread: Mutex<BTreeSet<String>>,
}

/// One file of the folder.
#[derive(Clone)]
pub struct Plugin {
    /// The file's name without `.wasm`.
    pub name: Arc<str>,
    /// What runs: the last version that passed every check.
    pub loaded: Option<Arc<Loaded>>,
    /// A version that some users get instead.
    pub canary: Option<Arc<Canary>>,
    /// Why the file that lies there now does not run.
    pub error: Option<Refused>,
    /// Whether the operator has switched it off: nothing of it is called.
    pub is_disabled: bool,
    /// Counts over all versions since the start.
    pub statistics: Arc<Statistics>,
    /// What became of the last calls.
    pub receipts: Arc<Receipts>,
    /// What it logs.
    pub log: Arc<LiveLog>,
    pub(super) guard: Arc<Guard>,
}

impl Plugin {
    /// What becomes of its calls.
    pub fn state(&self) -> PluginState {
        match (self.is_disabled, &self.loaded) {
            (true, _) => PluginState::Disabled,
            (false, Some(_)) => PluginState::Ready,
            (false, None) => PluginState::Failed,
        }
    }

    /// What runs, and the canary.
    pub fn versions(&self) -> impl Iterator<Item = &Arc<Loaded>> {
        self.loaded.iter().chain(self.canary.as_ref().map(|canary| &canary.loaded))
    }

    /// What the breakers did that have opened since the process started. One counts as open where it is open for the
    /// version that runs, or for its canary.
    pub fn breakers(&self) -> Vec<BreakerStatistics> {
        let open: Vec<_> = self.versions().flat_map(|loaded| loaded.breaking()).collect();
        self.guard.openings.until_now(|app, kind, entry| {
            open.iter().any(|breaking| breaking.app == app && breaking.kind == kind && breaking.entry == entry)
        })
    }
}

impl Plugins {
    /// Makes the engine; the set is empty until a [`Watcher`](super::Watcher) fills it.
    ///
    /// # Errors
    /// When wasmtime cannot run on this machine.
    pub fn new(settings: Settings, services: Services) -> wasmtime::Result<Self> {
        let Settings { folder, cache, cache_key, versions, decides, canary, limits, counts_fuel, compiler } = settings;
        let versions = Versions::new(services.store.clone(), decides, canary, versions, &folder);
        let queue = Queue::new();
        let pace = Arc::new(Pace::new(limits.background_percent));
        let compiler = Compiler::new(compiler, &limits, counts_fuel, Arc::clone(&pace));
        let loader = Loader::new(Cache::new(cache, cache_key), compiler, services, limits, counts_fuel, pace)?;
        Ok(Self(Arc::new(Inner {
            set: ArcSwap::default(),
            past: Mutex::default(),
            first_pass: SetOnce::new(),
            disabled: Mutex::default(),
            changing: Shares::new(1),
            loader,
            folder,
            versions,
            queue,
            drafts: Room::new(DRAFTS, DRAFTS_OF_ONE_APP),
            own_limits: ArcSwap::default(),
            settings_revision: Mutex::default(),
            reread: Mutex::default(),
        })))
    }

    /// The folder of the .wasm files.
    pub fn folder(&self) -> &Path {
        &self.0.folder
    }

    /// The .wasm files of the folder that are no plugins' for their names. Blocks.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn misnamed_files(&self) -> io::Result<Vec<PathBuf>> {
        folder::misnamed(&self.0.folder)
    }

    /// What the operator has set.
    pub fn limits(&self) -> &PlatformLimits {
        self.0.loader.sandbox().limits()
    }

    /// The largest file of a plugin that is accepted, in bytes.
    pub fn max_file_bytes(&self, name: &str) -> u64 {
        self.limits_of_all_apps(name).max_file_mib << 20
    }

    /// All plugins, by name.
    pub fn list(&self) -> Vec<Arc<Plugin>> {
        self.0.set.load().values().map(Arc::clone).collect()
    }

    /// The plugin of that name, whether it runs or not.
    pub fn find(&self, name: &str) -> Option<Arc<Plugin>> {
        self.0.set.load().get(name).map(Arc::clone)
    }

    /// What became of the last calls of the plugin of that name, also when it was taken out.
    pub fn receipts(&self, name: &str) -> Option<Arc<Receipts>> {
        let past =
            || self.0.past.lock().iter().find(|plugin| *plugin.name == *name).map(|past| Arc::clone(&past.receipts));
        self.find(name).map(|plugin| Arc::clone(&plugin.receipts)).or_else(past)
    }

    /// Whether the plugin of that name is switched off; None when there is none.
    pub(super) fn is_disabled(&self, name: &str) -> Option<bool> {
        self.0.set.load().get(name).map(|plugin| plugin.is_disabled)
    }

    /// Whether the folder has been read once.
    pub fn is_ready(&self) -> bool {
        self.0.first_pass.initialized()
    }

    pub(super) fn set_ready(&self) {
        // A second pass changes nothing.
        drop(self.0.first_pass.set(()));
    }

    /// Takes a file's bytes through every step of admission without letting it in. It may use what the plugin's calls
    /// may.
    ///
    /// # Errors
    /// The first step that it fails.
    pub async fn check(&self, name: &str, bytes: Bytes) -> Result<Loaded, Refused> {
        self.0.loader.load(name, bytes, &self.limits_of_all_apps(name)).await
    }

    /// As [`check`](Self::check), for a file anywhere.
    ///
    /// # Errors
    /// The first step that it fails.
    pub async fn check_file(&self, name: &str, file: &Path) -> Result<Loaded, Refused> {
        match self.read(name, file.to_owned()).await {
            Ok(Some(bytes)) => self.check(name, bytes).await,
            Ok(None) => {
                let reason = tokio::fs::metadata(file).await.err().map(|error| error.to_string());
                let reason = reason.unwrap_or_else(|| "it is being written".to_owned());
                Err(Refused::unread(LoadError::Unreadable(reason)))
            }
            Err(error) => Err(Refused::unread(error)),
        }
    }

    /// As [`check`](Self::check); the version that runs needs none.
    pub(super) async fn checked(&self, name: &str, bytes: Bytes) -> Result<Arc<Loaded>, Refused> {
        let running = self.find(name).and_then(|plugin| plugin.loaded.clone());
        if let Some(running) = running
            && running.digest == digest_of(&bytes).await
        {
            return Ok(running);
        }
        self.check(name, bytes).await.map(Arc::new)
    }

    /// The bytes of a plugin's file; None while somebody writes, replaces or removes it.
    pub(super) async fn read(&self, name: &str, file: PathBuf) -> Result<Option<Bytes>, LoadError> {
        let limit = self.max_file_bytes(name);
        let read = tokio::task::spawn_blocking(move || folder::read(&file, limit)).await;
        let read = read.unwrap_or_else(|panic| Err(LoadError::Unreadable(panic.to_string())))?;
        Ok(read.map(Bytes::from))
    }

    /// Has the files of these plugins read again, although they are as before.
    pub(super) fn read_again(&self, names: impl IntoIterator<Item = String>) {
        self.reread().extend(names);
    }

    /// Takes out one of those whose files are to be read again.
    pub(super) fn next_to_read_again(&self) -> Option<String> {
        self.reread().pop_first()
    }

    /// Whether there are any.
    pub(super) fn is_to_read_again(&self) -> bool {
        !self.reread().is_empty()
    }

    fn reread(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.reread.lock()
    }

    /// Has a plugin called again for an app for which it kept failing, and its canary too: something else is set for it
    /// there.
    pub async fn begins_anew(&self, plugin: &str, app: &str) {
        let Some(plugin) = self.find(plugin) else { return };
        if let Some(canary) = &plugin.canary {
            self.give_canary_again(&plugin.name, canary, app).await;
        }
        for loaded in plugin.versions() {
            loaded.breakers.forget(app);
        }
    }

    /// Has every plugin called for an app that was just made: what failed under its name was another's.
    pub async fn begin_anew_for(&self, app: &str) {
        for plugin in self.list() {
            self.begins_anew(&plugin.name, app).await;
        }
    }

    /// Waits for what plugins asked outside, what has to be written down here, and receipts; to be called when no handler
    /// runs.
    pub async fn finish(&self) {
        self.0.loader.sandbox().finish().await;
    }

    /// Which version runs, and how it comes here.
    pub(super) fn versions(&self) -> &Versions {
        &self.0.versions
    }

    /// Waits until nobody else changes the plugin.
    pub(super) async fn changing(&self, name: &str) -> Option<OwnedSemaphorePermit> {
        // Nobody closes it.
        self.0.changing.of(name).acquire_owned().await.ok()
    }

    /// None while something else changes the plugin: the next look comes soon.
    pub(super) fn unless_changing(&self, name: &str) -> Option<OwnedSemaphorePermit> {
        self.0.changing.of(name).try_acquire_owned().ok()
    }

    /// Where a plugin's file is.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.0.folder.join(format!("{name}.wasm"))
    }

    /// Puts a changed set, with the names of the plugins that are switched off, in the place of the one that is there.
    /// Nobody else changes it meanwhile.
    fn edit<T>(&self, change: impl FnOnce(&mut Set, &mut HashSet<String>) -> T) -> T {
        let mut disabled = self.0.disabled.lock();
        let mut set = Set::clone(&self.0.set.load());
        let outcome = change(&mut set, &mut disabled);
        self.0.set.store(Arc::new(set));
        outcome
    }

    /// Takes a plugin out. Calls in flight finish. What became of its calls stays, and is its own again when it comes back.
    pub(super) fn remove(&self, name: &str) {
        let Some(plugin) = self.edit(|set, _| set.remove(name)) else { return };
        // Of a file that never ran there is nothing to tell.
        if !plugin.receipts.is_empty() {
            let Plugin { name, statistics, receipts, .. } = Plugin::clone(&plugin);
            let mut past = self.0.past.lock();
            past.push_back(Past { name, statistics, receipts });
            if past.len() > PAST {
                past.pop_front();
            }
        }
        tracing::info!(plugin = name, "plugin removed");
    }

    /// A plugin of which nothing runs yet, with what is left of it from before.
    fn empty(&self, name: &str) -> Plugin {
        let mut past = self.0.past.lock();
        let known = past.iter().position(|plugin| *plugin.name == *name).and_then(|at| past.remove(at));
        let (statistics, receipts) = known.map(|past| (past.statistics, past.receipts)).unwrap_or_default();
        Plugin {
            name: name.into(),
            loaded: None,
            canary: None,
            error: None,
            is_disabled: false,
            statistics,
            receipts,
            log: Arc::default(),
            guard: Arc::new(Guard::new(self.guard_limits(name))),
        }
    }

    /// Puts what `change` makes of a plugin in its place.
    pub(super) fn replace(&self, name: &str, change: impl FnOnce(Plugin) -> Plugin) -> Arc<Plugin> {
        let after = self.edit(|set, disabled| {
            let before = set.get(name).map_or_else(|| self.empty(name), |plugin| Plugin::clone(plugin));
            let after = Arc::new(Plugin { is_disabled: disabled.contains(name), ..change(before) });
            set.insert(Arc::clone(&after.name), Arc::clone(&after));
            after
        });
        // They may have been set since its guard was made.
        after.guard.set_limits(self.guard_limits(name));
        after
    }

    /// As [`replace`](Self::replace), where the plugin is there.
    pub(super) fn change(&self, name: &str, change: impl FnOnce(Plugin) -> Plugin) {
        self.edit(|set, _| {
            if let Some(plugin) = set.get_mut(name) {
                *plugin = Arc::new(change(Plugin::clone(plugin)));
            }
        });
    }

    /// The names of the plugins that are switched off, whether they are there or not.
    pub(super) fn disabled(&self) -> HashSet<String> {
        self.0.disabled.lock().clone()
    }

    /// Switches the plugins with these names off, and all others on. Calls in flight finish.
    pub(super) fn disable(&self, names: HashSet<String>) {
        self.edit(|set, disabled| {
            for plugin in set.values_mut() {
                let is_disabled = names.contains(&*plugin.name);
                if plugin.is_disabled != is_disabled {
                    tracing::info!(
                        plugin = &*plugin.name,
                        "plugin switched {}",
                        if is_disabled { "off" } else { "on" }
                    );
                    *plugin = Arc::new(Plugin { is_disabled, ..Plugin::clone(plugin) });
                }
            }
            *disabled = names;
        });
    }
}
