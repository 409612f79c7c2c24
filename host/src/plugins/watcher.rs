//! Watches the plugins folder and has every change loaded.
//!
//! Truth is what lies in the folder; events only say when to look. A file is read once two looks
//! [`SETTLE`] apart see the same size, time and inode, so that a copy in progress is not taken for
//! a version. On Linux an event also means that the writer has closed the file.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use notify::{
    EventKind, RecommendedWatcher, RecursiveMode, Watcher as _,
    event::{AccessKind, AccessMode, ModifyKind},
};
use tokio::{sync::mpsc, task::JoinHandle};

use super::registry::{Plugins, Taken};
use crate::model::is_plugin_name;

/// How long a file must look the same before it is read.
const SETTLE: Duration = Duration::from_millis(120);

/// How often the folder is looked at without an event: for file systems that send none, and for
/// events that the system dropped.
const RESCAN: Duration = Duration::from_secs(5);

/// What tells one version of a file from the next without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Signature {
    bytes: u64,
    modified: Option<SystemTime>,
    inode: u64,
}

/// Tells a folder from another that took its place: inodes are used again, times are not.
type FolderId = (u64, Option<SystemTime>);

/// Keeps a [`Plugins`] the same as its folder.
pub struct Watcher {
    plugins: Plugins,
    events: mpsc::Receiver<()>,
    notify: Option<RecommendedWatcher>,
    watched: Option<FolderId>,
    /// What was last read of each file. A load that may succeed later takes its file out again.
    taken: Arc<Mutex<HashMap<String, Signature>>>,
    /// What is still being looked at, since when.
    settling: HashMap<String, (Signature, Instant)>,
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
        let (sender, events) = mpsc::channel(1);
        let notify = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| is_change(event.kind)) {
                let _ = sender.try_send(());
            }
        })
        .inspect_err(|error| {
            tracing::warn!(%error, "the system reports no file changes: the plugins folder is looked at every {RESCAN:?}");
        })
        .ok();
        let mut watcher = Self {
            plugins,
            events,
            notify,
            watched: None,
            taken: Arc::default(),
            settling: HashMap::new(),
            misnamed: HashSet::new(),
        };
        watcher.watch(folder_id(watcher.plugins.folder()));
        Ok(watcher)
    }

    /// Loads what lies in the folder now.
    pub async fn load_all(&mut self) {
        self.look(Duration::ZERO).await;
        for loading in self.look(Duration::ZERO).await {
            // A panic is a bug, reported where it happens.
            drop(loading.await);
        }
        self.plugins.set_ready();
        self.plugins.sweep_cache().await;
    }

    /// Follows the folder for as long as it is polled.
    pub async fn run(mut self) {
        loop {
            let wait = if self.settling.is_empty() { RESCAN } else { SETTLE };
            if let Ok(None) = tokio::time::timeout(wait, self.events.recv()).await {
                // There are no events to come: the rescans go on.
                tokio::time::sleep(wait).await;
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
                .inspect_err(|error| tracing::warn!(%error, "the plugins folder cannot be watched: it is looked at every {RESCAN:?}"))
                .is_ok()
        });
    }

    /// Looks once, and begins to load what has changed: a file that takes long keeps no other waiting.
    async fn look(&mut self, settle: Duration) -> Vec<JoinHandle<()>> {
        let mut loading = Vec::new();
        let folder = self.plugins.folder().to_owned();
        let listing = tokio::task::spawn_blocking(move || (folder_id(&folder), files(&folder))).await;
        let Ok((folder, files)) = listing else { return loading };
        self.watch(folder);
        let files = match files {
            Ok(files) => files,
            Err(error) => {
                tracing::warn!(%error, "the plugins folder cannot be read");
                return loading;
            }
        };
        let mut present = BTreeSet::new();
        for (path, signature) in files {
            let Some(name) = plugin_name(&path) else {
                if self.misnamed.insert(path.clone()) {
                    tracing::warn!(file = %path.display(), "ignored: a plugin's name has 1 to 64 letters, digits, `_` or `-`");
                }
                continue;
            };
            present.insert(name.clone());
            if self.taken().get(&name) == Some(&signature) {
                self.settling.remove(&name);
            } else if self.is_settled(&name, signature, settle) {
                self.taken().insert(name.clone(), signature);
                let (plugins, taken) = (self.plugins.clone(), Arc::clone(&self.taken));
                loading.push(tokio::spawn(async move {
                    if plugins.take_file(&name).await == Taken::TryAgain {
                        taken.lock().unwrap_or_else(PoisonError::into_inner).remove(&name);
                    }
                }));
            }
        }
        self.taken().retain(|name, _| present.contains(name));
        self.settling.retain(|name, _| present.contains(name));
        for plugin in self.plugins.list() {
            if !present.contains(&*plugin.name) {
                self.plugins.remove_if_gone(&plugin.name).await;
            }
        }
        loading
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

fn folder_id(folder: &Path) -> Option<FolderId> {
    fs::metadata(folder).ok().map(|metadata| (inode(&metadata), metadata.created().ok()))
}

fn files(folder: &Path) -> io::Result<Vec<(PathBuf, Signature)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "wasm") {
            continue;
        }
        // Follows links; a link to nothing, or a file that went away meanwhile, is no file.
        let Ok(metadata) = fs::metadata(&path) else { continue };
        if metadata.is_file() {
            let signature =
                Signature { bytes: metadata.len(), modified: metadata.modified().ok(), inode: inode(&metadata) };
            files.push((path, signature));
        }
    }
    files.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(files)
}

/// The name that a file gives its plugin; hidden files and odd names give none.
fn plugin_name(path: &Path) -> Option<String> {
    path.file_stem()?.to_str().filter(|stem| is_plugin_name(stem)).map(str::to_owned)
}

#[cfg(unix)]
fn inode(metadata: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn inode(_: &fs::Metadata) -> u64 {
    0
}
