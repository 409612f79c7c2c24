//! Watches the plugins folder and has every change loaded.
//!
//! Truth is what lies in the folder; events only say when to look. A file is read once two looks
//! [`SETTLE`] apart see the same size, time and inode, so that a copy in progress is not taken for
//! a version. On Linux an event also means that the writer has closed the file.
//!
//! Links are followed wherever they lead: operators set them on purpose, and what they lead to is
//! checked like any file. No event tells that a link's target changed, so where there are links the
//! folder is looked at every [`POLL`].

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use notify::{
    EventKind, RecommendedWatcher, RecursiveMode, Watcher as _,
    event::{AccessKind, AccessMode, ModifyKind},
};
use tokio::{sync::mpsc, task::JoinHandle};

use super::{
    folder::{self, FolderId, Listing, Signature},
    registry::Plugins,
    versions::Taken,
};
use crate::model::is_plugin_name;

/// How long a file must look the same before it is read.
const SETTLE: Duration = Duration::from_millis(120);

/// How long events are gathered before the folder is looked at.
const GATHER: Duration = Duration::from_millis(10);

/// How often the folder is looked at without an event: for file systems that send none, and for
/// events that the system dropped.
const RESCAN: Duration = Duration::from_secs(5);

/// The same where events do not tell of everything: behind links, and where nothing is watched.
const POLL: Duration = Duration::from_millis(400);

/// How long a plugin runs on whose file is gone: who replaces a file may remove it first.
const GRACE: Duration = Duration::from_secs(2);

/// Keeps a [`Plugins`] the same as its folder.
pub struct Watcher {
    plugins: Plugins,
    /// Says that it is time to look.
    wake: mpsc::Sender<()>,
    events: mpsc::Receiver<()>,
    notify: Option<RecommendedWatcher>,
    watched: Option<FolderId>,
    /// What was last read of each file. A load that may succeed later takes its file out again.
    taken: Arc<Mutex<HashMap<String, Signature>>>,
    /// What is still being looked at, since when.
    settling: HashMap<String, (Signature, Instant)>,
    /// Plugins whose files are gone, since when.
    missing: HashMap<String, Instant>,
    /// Whether the last look saw links.
    linked: bool,
    /// Names that cannot be plugins, so that each is logged once.
    misnamed: HashSet<PathBuf>,
}

impl Watcher {
    /// Begins to watch, creating the folder when there is none.
    ///
    /// # Errors
    /// When the folder can be neither read nor created.
    pub fn new(plugins: Plugins) -> io::Result<Self> {
        fs::create_dir_all(plugins.folder())?;
        // One waiting event is as good as many: all they say is to look.
        let (wake, events) = mpsc::channel(1);
        let sender = wake.clone();
        let notify = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Where the watch itself fails, anything may have happened.
            if event.map_or(true, |event| is_change(event.kind)) {
                let _ = sender.try_send(());
            }
        })
        .inspect_err(|error| {
            tracing::warn!(%error, "the system reports no file changes: the plugins folder is looked at every {POLL:?}");
        })
        .ok();
        let mut watcher = Self {
            plugins,
            wake,
            events,
            notify,
            watched: None,
            taken: Arc::default(),
            settling: HashMap::new(),
            missing: HashMap::new(),
            linked: false,
            misnamed: HashSet::new(),
        };
        watcher.watch(folder::id(watcher.plugins.folder()));
        Ok(watcher)
    }

    /// Loads what lies in the folder now.
    pub async fn load_all(&mut self) {
        self.plugins.ask_decisions().await;
        self.look(Duration::ZERO).await;
        for loading in self.look(Duration::ZERO).await {
            // A panic is a bug, reported where it happens.
            drop(loading.await);
        }
        self.plugins.restore().await;
        self.plugins.set_ready();
        self.plugins.sweep_cache().await;
    }

    /// Follows the folder for as long as it is polled.
    pub async fn run(mut self) {
        loop {
            let wait = if !self.settling.is_empty() || !self.missing.is_empty() {
                SETTLE
            } else if self.linked || self.watched.is_none() {
                POLL
            } else {
                RESCAN
            };
            if tokio::time::timeout(wait, self.events.recv()).await.is_ok() {
                tokio::time::sleep(GATHER).await;
            }
            self.look(SETTLE).await;
        }
    }

    /// Watches the folder, which is `now`; again when another folder has taken its place.
    fn watch(&mut self, now: Option<FolderId>) {
        let Some(notify) = &mut self.notify else { return };
        let folder = self.plugins.folder();
        if now == self.watched {
            return;
        }
        if self.watched.is_some() {
            let _ = notify.unwatch(folder);
        }
        self.watched = now.filter(|_| {
            notify
                .watch(folder, RecursiveMode::NonRecursive)
                .inspect_err(|error| tracing::warn!(%error, "the plugins folder cannot be watched: it is looked at every {POLL:?}"))
                .is_ok()
        });
    }

    /// Looks once, and begins to load what has changed: a file that takes long keeps no other waiting.
    async fn look(&mut self, settle: Duration) -> Vec<JoinHandle<()>> {
        let mut loading = Vec::new();
        let folder = self.plugins.folder().to_owned();
        let listing = tokio::task::spawn_blocking(move || folder::list(&folder)).await;
        let Listing { id, files, linked } = match listing {
            Ok(Ok(listing)) => listing,
            Ok(Err(error)) => {
                // A folder that is gone says nothing of its files; another may come in its place.
                if self.watched.is_some() {
                    tracing::warn!(%error, "the plugins folder cannot be read: the plugins run on");
                }
                self.watch(None);
                return loading;
            }
            Err(_) => return loading,
        };
        self.watch(id);
        self.linked = linked;
        let mut present = BTreeSet::new();
        for (path, signature) in files {
            let Some(name) = plugin_name(&path) else {
                if self.misnamed.insert(path.clone()) {
                    tracing::warn!(file = %path.display(), "ignored: a plugin's name has 1 to 64 letters, digits, `_` or `-`");
                }
                continue;
            };
            present.insert(name.clone());
            let Some(signature) = signature else { continue };
            if self.taken().get(&name) == Some(&signature) {
                self.settling.remove(&name);
            } else if self.is_settled(&name, signature, settle) {
                self.taken().insert(name.clone(), signature);
                loading.push(self.take(name));
            }
        }
        self.taken().retain(|name, _| present.contains(name));
        self.settling.retain(|name, _| present.contains(name));
        self.let_go(&present).await;
        loading
    }

    /// Begins to load a file.
    fn take(&self, name: String) -> JoinHandle<()> {
        let (plugins, taken, wake) = (self.plugins.clone(), Arc::clone(&self.taken), self.wake.clone());
        tokio::spawn(async move {
            let outcome = plugins.take_file(&name).await;
            if outcome != Taken::Done {
                taken.lock().unwrap_or_else(PoisonError::into_inner).remove(&name);
            }
            if outcome == Taken::Changing {
                let _ = wake.try_send(());
            }
        })
    }

    /// Takes out the plugins whose files have been gone for [`GRACE`].
    async fn let_go(&mut self, present: &BTreeSet<String>) {
        let plugins = &self.plugins;
        self.missing.retain(|name, _| !present.contains(name) && plugins.find(name).is_some());
        for plugin in self.plugins.list() {
            if present.contains(&*plugin.name) || !self.plugins.expects_file(&plugin) {
                continue;
            }
            let since = *self.missing.entry(plugin.name.to_string()).or_insert_with(Instant::now);
            if since.elapsed() < GRACE && plugin.loaded.is_some() {
                self.plugins.show_missing(&plugin.name).await;
            } else {
                self.plugins.remove_if_gone(&plugin.name).await;
            }
        }
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<String, Signature>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_settled(&mut self, name: &str, signature: Signature, settle: Duration) -> bool {
        match self.settling.get(name) {
            Some((before, since)) if *before == signature => {
                let settled = since.elapsed() >= settle;
                if settled {
                    self.settling.remove(name);
                }
                settled
            }
            _ => {
                self.settling.insert(name.to_owned(), (signature, Instant::now()));
                false
            }
        }
    }
}

/// Reading a file makes events too: only those count that can mean another content. On Linux a
/// writer's end is an event of its own, so that its writes need not count.
fn is_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write))
        | EventKind::Modify(ModifyKind::Name(_))
        | EventKind::Remove(_)
        | EventKind::Any
        | EventKind::Other => true,
        EventKind::Create(_) | EventKind::Modify(_) => !cfg!(target_os = "linux"),
        EventKind::Access(_) => false,
    }
}

/// The name that a file gives its plugin; hidden files and odd names give none.
fn plugin_name(path: &Path) -> Option<String> {
    path.file_stem()?.to_str().filter(|stem| is_plugin_name(stem)).map(str::to_owned)
}
