//! Watches the plugins folder and has every change loaded.
//!
//! Truth is what lies in the folder; events only say when to look. A file is read once two looks
//! [`SETTLE`] apart see the same size, times and inode, so that a copy in progress is not taken for
//! a version. On Linux an event also means that the writer has closed the file, and a look that comes for another
//! reason leaves what is still written alone ([`Writing`]).
//!
//! Links are followed wherever they lead: operators set them on purpose, and what they lead to is
//! checked like any file. No event tells that a link's target changed, so where there are links the
//! folder is looked at every [`POLL`].
//!
//! The folder itself may be replaced, or one that it lies in: no event tells the latter, so every
//! [`POLL`] it is asked which folder stands there. What stands there is watched anew, and looked at. An empty one of
//! another file system says nothing of the files: nobody has removed those of a volume that is not mounted.

mod told;
mod writing;

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    fs, io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use parking_lot::{Mutex, MutexGuard};
use tokio::{sync::mpsc, task::JoinHandle};

use super::{
    admission::LoadError,
    folder::{self, FolderId, Listing, Signature, is_misnamed, plugin_name},
    registry::Plugins,
    versions::FileOutcome,
};
use told::Told;
use writing::Writing;

/// How long a file must look the same before it is read.
const SETTLE: Duration = Duration::from_millis(120);

/// How long events are gathered before the folder is looked at.
const GATHER: Duration = Duration::from_millis(10);

/// How often the folder is looked at without an event: for file systems that send none, and for
/// events that the system dropped.
const RESCAN: Duration = Duration::from_secs(5);

/// The same where events do not tell of everything: behind links, and where nothing is watched.
const POLL: Duration = Duration::from_millis(250);

/// How long a plugin runs on whose file is gone: who replaces a file may remove it first. With a
/// [`POLL`] before it, it ends within a second all the same.
const GRACE: Duration = Duration::from_millis(600);

/// How long all run on when another folder was made in the place of theirs, or a link leads to an empty one: it may be
/// filled only then.
const FILLING: Duration = Duration::from_secs(2);

/// A file that was read.
struct Read {
    signature: Signature,
    /// When it is read again although it is as it was, since it may pass then.
    again: Option<Instant>,
}

impl Read {
    /// Whether there is nothing to read now where the file is like this.
    fn is_all_of(&self, signature: Signature) -> bool {
        self.signature == signature && self.again.is_none_or(|at| Instant::now() < at)
    }
}

/// Keeps a [`Plugins`] the same as its folder.
pub struct Watcher {
    plugins: Plugins,
    /// Says that it is time to look.
    wake: mpsc::Sender<()>,
    events: mpsc::Receiver<()>,
    notify: Option<RecommendedWatcher>,
    watched: Option<FolderId>,
    /// Whether the watch may have come to its end.
    unsure: Arc<AtomicBool>,
    writing: Arc<Writing>,
    /// Whether it was logged that the folder cannot be watched.
    unwatchable: bool,
    /// Which folder was looked at last.
    folder: Option<FolderId>,
    /// Where that was, links followed.
    real: Option<PathBuf>,
    /// When it took another's place, to be filled there.
    replaced: Option<Instant>,
    /// What was last read of each file.
    taken: Arc<Mutex<HashMap<String, Read>>>,
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
        let (sender, unsure) = (wake.clone(), Arc::new(AtomicBool::new(false)));
        let writing = Arc::<Writing>::default();
        let told_writing = Arc::clone(&writing);
        let (told_unsure, folder) = (Arc::clone(&unsure), std::path::absolute(plugins.folder())?);
        let notify = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let told = Told::by(&event, &folder);
            told_writing.note(&event);
            if told == Told::Unsure {
                told_unsure.store(true, Relaxed);
            }
            if told != Told::Nothing {
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
            unsure,
            writing,
            unwatchable: false,
            folder: None,
            real: None,
            replaced: None,
            taken: Arc::default(),
            settling: HashMap::new(),
            missing: HashMap::new(),
            linked: false,
            misnamed: HashSet::new(),
        };
        watcher.folder = folder::id(watcher.plugins.folder());
        watcher.watch(watcher.folder);
        Ok(watcher)
    }

    /// Begins to load what lies in the folder now. What it gives ends when all of that was loaded, and until then
    /// [`Self::run`] may follow what changes: one file may take a minute, and concerns no other.
    pub async fn begin(&mut self) -> impl Future<Output = ()> + Send + use<> {
        self.plugins.ask_decisions().await;
        self.look(Duration::ZERO).await;
        let loading = self.look(Duration::ZERO).await;
        let plugins = self.plugins.clone();
        async move {
            for one in loading {
                // A panic is a bug, reported where it happens.
                drop(one.await);
            }
            plugins.restore().await;
            plugins.set_ready();
        }
    }

    /// Follows the folder for as long as it is polled.
    pub async fn run(mut self) {
        loop {
            self.wait().await;
            self.look(SETTLE).await;
        }
    }

    /// Waits until it is time to look.
    async fn wait(&mut self) {
        let wait = if !self.settling.is_empty() || !self.missing.is_empty() {
            SETTLE
        } else if self.linked || self.watched.is_none() {
            POLL
        } else {
            RESCAN
        };
        let until = Instant::now() + wait;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if tokio::time::timeout(left.min(POLL), self.events.recv()).await.is_ok() {
                return tokio::time::sleep(GATHER).await;
            }
            if left <= POLL || self.plugins.is_to_read_again() || self.is_replaced().await {
                return;
            }
        }
    }

    /// Whether another folder stands where the watched one stood, or none.
    async fn is_replaced(&self) -> bool {
        let folder = self.plugins.folder().to_owned();
        let now = tokio::task::spawn_blocking(move || folder::id(&folder)).await;
        now.is_ok_and(|now| now != self.watched)
    }

    /// Watches the folder, which is `now`; again when another folder has taken its place.
    fn watch(&mut self, now: Option<FolderId>) {
        let Some(notify) = &mut self.notify else { return };
        let folder = self.plugins.folder();
        let unsure = self.unsure.swap(false, Relaxed);
        if now == self.watched && !unsure {
            return;
        }
        if self.watched.take().is_some() {
            let _ = notify.unwatch(folder);
        }
        if now.is_none() {
            return;
        }
        match notify.watch(folder, RecursiveMode::NonRecursive) {
            Ok(()) => {
                (self.watched, self.unwatchable) = (now, false);
                // What came after the look and before the watch was reported to nobody.
                let _ = self.wake.try_send(());
            }
            Err(error) => {
                if !std::mem::replace(&mut self.unwatchable, true) {
                    tracing::warn!(%error, "the plugins folder cannot be watched: it is looked at every {POLL:?}");
                }
            }
        }
    }

    /// Looks once, and begins to load what has changed: a file that takes long keeps no other waiting.
    async fn look(&mut self, settle: Duration) -> Vec<JoinHandle<()>> {
        let mut loading = Vec::new();
        let folder = self.plugins.folder().to_owned();
        let listing = tokio::task::spawn_blocking(move || folder::list(&folder)).await;
        let Listing { id, real, files, linked } = match listing {
            Ok(Ok(listing)) => listing,
            Ok(Err(error)) => {
                // A folder that is gone says nothing of its files; another may come in its place.
                if self.folder.take().is_some() {
                    tracing::warn!(%error, "the plugins folder cannot be read: the plugins run on");
                }
                self.plugins.versions().leave();
                self.missing.clear();
                self.watch(None);
                return loading;
            }
            Err(_) => return loading,
        };
        self.watch(id);
        let was_unmounted = self.plugins.is_unmounted();
        let is_other = match id {
            Some(folder) => self.plugins.versions().enter(folder, !files.is_empty()).await,
            None => false,
        };
        let is_unmounted = self.plugins.is_unmounted();
        if self.folder != id || was_unmounted != is_unmounted {
            // Whoever sets a link to a folder has filled it before.
            let is_whole = self.real != real && !files.is_empty();
            (self.folder, self.replaced) = (id, (!is_whole).then(Instant::now));
        }
        self.real = real;
        self.linked = linked;
        let has_come = (was_unmounted && !is_unmounted) || is_other;
        // At a start everything is done to the folder that is to be.
        if has_come && self.plugins.is_ready() {
            let plugins = self.plugins.clone();
            tokio::spawn(async move { plugins.catch_up().await });
        }
        while let Some(name) = self.plugins.next_to_read_again() {
            self.taken().remove(&name);
        }
        let mut present = BTreeSet::new();
        for (path, signature) in files {
            let Some(name) = plugin_name(&path) else {
                // Commands that only look at the folder have their own way to show them.
                let is_told = is_misnamed(&path) && self.plugins.versions().decides;
                if is_told && self.misnamed.insert(path.clone()) {
                    tracing::warn!(file = %path.display(), "ignored: plugins are files NAME.wasm, whose NAME has 1 to 64 letters, digits, `_` or `-` · 已忽略：插件文件名为 NAME.wasm，NAME 由 1 到 64 个字母、数字、`_` 或 `-` 组成");
                }
                continue;
            };
            present.insert(name.clone());
            if self.taken().get(&name).is_some_and(|read| read.is_all_of(signature)) {
                self.settling.remove(&name);
            } else if self.is_settled(&name, signature, settle) {
                self.taken().insert(name.clone(), Read { signature, again: None });
                loading.push(self.take(name, signature));
            }
        }
        self.taken().retain(|name, _| present.contains(name));
        self.settling.retain(|name, _| present.contains(name));
        self.let_go(&present);
        loading
    }

    /// Begins to load a file.
    fn take(&self, name: String, signature: Signature) -> JoinHandle<()> {
        let (plugins, taken, wake) = (self.plugins.clone(), Arc::clone(&self.taken), self.wake.clone());
        tokio::spawn(async move {
            let outcome = plugins.load_file(&name).await;
            let mut taken = taken.lock();
            match outcome {
                FileOutcome::Done => {}
                FileOutcome::TryAgain(later) => {
                    // Another file may lie there by now, which waits for nothing.
                    if let Some(read) = taken.get_mut(&name).filter(|read| read.signature == signature) {
                        read.again = Some(Instant::now() + later);
                    }
                }
                FileOutcome::Changing => {
                    taken.remove(&name);
                    let _ = wake.try_send(());
                }
            }
        })
    }

    /// Begins to take out the plugins whose files have been gone for long enough. The database is told of it and may
    /// take its time: that concerns no other file.
    fn let_go(&mut self, present: &BTreeSet<String>) {
        let plugins = &self.plugins;
        let is_unmounted = plugins.is_unmounted();
        let is_filled = self.replaced.is_none_or(|at| at.elapsed() >= FILLING);
        self.missing.retain(|name, _| !is_unmounted && !present.contains(name) && plugins.find(name).is_some());
        for plugin in self.plugins.list() {
            if present.contains(&*plugin.name) || !self.plugins.expects_file(&plugin) {
                continue;
            }
            let runs_on = if is_unmounted {
                Some(LoadError::NotMounted)
            } else {
                let since = *self.missing.entry(plugin.name.to_string()).or_insert_with(Instant::now);
                let may_come = plugin.loaded.is_some() && (since.elapsed() < GRACE || !is_filled);
                may_come.then_some(LoadError::Missing)
            };
            let (plugins, name) = (self.plugins.clone(), Arc::clone(&plugin.name));
            // The next looks begin the same again. It comes to nothing as long as this one is at work, or when the file
            // has come again: who loads a file and who takes its plugin out do so in turn, and look whether it is there.
            tokio::spawn(async move {
                match runs_on {
                    Some(error) => plugins.show_missing(&name, error).await,
                    None => plugins.remove_if_gone(&name).await,
                }
            });
        }
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<String, Read>> {
        self.taken.lock()
    }

    fn is_settled(&mut self, name: &str, signature: Signature, settle: Duration) -> bool {
        match self.settling.get(name) {
            Some((before, since)) if *before == signature => {
                let settled = since.elapsed() >= settle && !self.writing.goes_on(name);
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
