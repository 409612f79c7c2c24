//! Which version of a plugin runs, and how it comes here.
//!
//! Whatever changes a plugin, a file or a request, is checked and then decided in the database. The
//! newest decision counts in every process that shares it. `files` makes decisions of files,
//! `requests` of what the admin API asks for, and `follow` does what was decided elsewhere. Beside the
//! version that runs there may be one that only some users get (`canary`).
//!
//! A decision also reaches the folder, where it can be written, so that the folder shows what runs.
//! Only a rollback leaves the folder alone: the file that was taken back stays, and has no effect
//! until another one takes its place.
//!
//! The words: a *decision* says which version all processes are to run. To *apply* it is to have that
//! version run here: to load it and *install* it in the set of plugins, or to remove the plugin. Where
//! that fails and may pass, it is *retried*. What a file changed here is *published* by a decision; as
//! long as the database cannot be *told*, that is still to be done (`known`). A file is *seen* when it
//! took effect, or turned out to be from before what was decided: it is no news when it is found again
//! (`seen`). A version is *kept* when its file is there to go back to, in the database and on this
//! disk (`kept`).

mod canary;
mod decided;
mod files;
mod follow;
mod kept;
mod known;
mod pauses;
mod requests;
mod seen;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{
    admission::{LoadError, Refused},
    component::{Loaded, digest, digest_of},
    folder::{self, FolderId},
    registry::{Plugin, Plugins},
};
use crate::{
    model::{CanaryRule, PluginSource},
    storage::{Store, StoreError, with_causes},
};
use kept::Kept;
use known::KnownPlugins;
use pauses::Pauses;
use seen::Seen;

pub use canary::Canary;
pub use decided::{Decided, DecidedCanary};
pub(super) use files::FileOutcome;
pub use kept::kept_file;
pub use requests::{ChangeError, History};

/// What this process knows of versions.
pub(super) struct Versions {
    store: Store,
    /// Whether changes are decided; who only looks at the folder decides nothing.
    pub(super) decides: bool,
    canary: CanaryRule,
    kept: Arc<Kept>,
    seen: Arc<Seen>,
    known: KnownPlugins,
    /// Whether the database has been asked what was decided.
    asked: AtomicBool,
    pauses: Pauses,
}

impl Versions {
    /// Keeps versions in the folder `kept`, and what is known of the folder `plugins` beside them.
    pub(super) fn new(store: Store, decides: bool, canary: CanaryRule, kept: PathBuf, plugins: &Path) -> Self {
        let seen = Seen::read(kept.join("folder.json"), plugins);
        Self {
            store,
            decides,
            canary,
            kept: Arc::new(Kept::new(kept)),
            seen: Arc::new(seen),
            known: KnownPlugins::default(),
            asked: AtomicBool::new(false),
            pauses: Pauses::default(),
        }
    }

    /// Keeps a version here and in the database.
    async fn keep(&self, plugin: &str, loaded: &Loaded, bytes: &Bytes) -> Result<(), StoreError> {
        self.keep_on_disk(plugin, &loaded.digest, bytes).await;
        self.store.plugin_versions().keep(plugin, &loaded.digest, &loaded.description.version, bytes).await
    }

    async fn keep_on_disk(&self, plugin: &str, digest: &str, bytes: &Bytes) {
        let (kept, plugin, digest, bytes) =
            (Arc::clone(&self.kept), plugin.to_owned(), digest.to_owned(), bytes.clone());
        let keeping = tokio::task::spawn_blocking(move || {
            if let Err(error) = kept.keep(&plugin, &digest, &bytes) {
                tracing::warn!(%error, plugin, "the version could not be kept on the disk");
            }
        });
        drop(keeping.await);
    }

    /// The file of a version: from the disk, else from the database.
    async fn bytes(&self, plugin: &str, digest: &str) -> Result<Option<Bytes>, StoreError> {
        if let Some(bytes) = self.on_disk(plugin, digest).await {
            return Ok(Some(bytes));
        }
        let Some(bytes) = self.store.plugin_versions().bytes(plugin, digest).await? else { return Ok(None) };
        let bytes = Bytes::from(bytes);
        if digest_of(&bytes).await != digest {
            return Err(StoreError::Corrupt { what: format!("plugin_versions.bytes/{plugin}") });
        }
        self.keep_on_disk(plugin, digest, &bytes).await;
        Ok(Some(bytes))
    }

    /// The file of a version that is kept on the disk.
    async fn on_disk(&self, plugin: &str, digest: &str) -> Option<Bytes> {
        let (kept, plugin, digest) = (Arc::clone(&self.kept), plugin.to_owned(), digest.to_owned());
        tokio::task::spawn_blocking(move || kept.find(&plugin, &digest)).await.ok().flatten()
    }

    /// Decides for all processes, and forgets the oldest versions. Until that is [effective](Self::mark_effective) here
    /// it is to be retried: whoever asked for it may be gone before that.
    async fn decide(
        &self,
        plugin: &str,
        digest: Option<&str>,
        source: PluginSource,
        rolled_back: Option<&str>,
    ) -> Result<(), StoreError> {
        let decision = self.store.plugin_decisions().decide(plugin, digest, source, rolled_back).await?;
        self.retry_in(plugin, Duration::ZERO);
        self.known.note(decision);
        self.prune(plugin).await;
        Ok(())
    }

    /// Forgets here the versions that the database has forgotten. Where it does not answer, that is done with the next one.
    async fn prune(&self, plugin: &str) {
        let Ok(kept) = self.store.plugin_versions().list(plugin).await else { return };
        let digests: Vec<_> = kept.into_iter().map(|version| version.digest).collect();
        let (kept, plugin) = (Arc::clone(&self.kept), plugin.to_owned());
        drop(tokio::task::spawn_blocking(move || kept.retain(&plugin, &digests)).await);
    }

    /// Notes that what this process decided has taken effect in it, so that nothing is left to retry.
    fn mark_effective(&self, plugin: &str) {
        self.known.set_retry(plugin, None);
    }

    /// Has what was decided of a plugin tried again, so much later.
    fn retry_in(&self, plugin: &str, later: Duration) {
        self.known.set_retry(plugin, Some(Instant::now() + later));
    }

    /// Has what does not run for a reason that may pass tried again. The same file is refused again.
    fn retry_if_it_may_pass(&self, plugin: &str, reason: &NotApplied) {
        match reason {
            NotApplied::Refused(refused) if refused.error.may_pass() => {
                self.retry_in(plugin, self.pause(plugin, refused));
            }
            NotApplied::Refused(_) => {}
            NotApplied::Undecided | NotApplied::Lost | NotApplied::Store(_) => self.retry_in(plugin, Duration::ZERO),
        }
    }

    /// How long the next try waits of a file that may pass then.
    fn pause(&self, plugin: &str, refused: &Refused) -> Duration {
        // That costs a look.
        if matches!(refused.error, LoadError::Unreadable(_)) {
            return Duration::ZERO;
        }
        let (pause, begins) = self.pauses.after(plugin, &refused.report.digest, Instant::now());
        if begins && self.decides {
            let digest = format!("{:.12}", refused.report.digest);
            tracing::warn!(plugin, digest, code = refused.error.code(), "the file is tried again in {pause:?}");
        }
        pause
    }

    /// Notes which folder stands in the place of the plugins folder, and whether it has files. Gives whether that is another
    /// one from now on.
    pub(super) async fn enter(&self, folder: FolderId, has_files: bool) -> bool {
        let was_unmounted = self.seen.is_unmounted();
        let is_other = self.seen.enter(folder, has_files);
        if !self.decides {
            return is_other;
        }
        if self.seen.is_unmounted() && !was_unmounted {
            tracing::warn!(
                "the plugins folder is empty and on another file system than its files were: plugins run on; is its volume not mounted? · 插件目录是空的，而且与原来的文件不在同一个文件系统：插件继续运行。请检查卷是否已挂载"
            );
        }
        if is_other {
            let seen = Arc::clone(&self.seen);
            drop(tokio::task::spawn_blocking(move || seen.save()).await);
        }
        is_other
    }

    /// Notes that no folder stands there.
    pub(super) fn leave(&self) {
        self.seen.leave();
    }

    /// Notes which file of the folder took effect.
    async fn mark_seen(&self, plugin: &str, digest: Option<&str>) {
        if self.decides {
            let (seen, plugin, digest) = (Arc::clone(&self.seen), plugin.to_owned(), digest.map(str::to_owned));
            drop(tokio::task::spawn_blocking(move || seen.set(&plugin, digest.as_deref())).await);
        }
    }
}

/// Why what was decided does not run here.
#[derive(Debug, thiserror::Error)]
enum NotApplied {
    #[error("nothing is decided")]
    Undecided,
    #[error("the file of the version is neither here nor in the database")]
    Lost,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0}")]
    Refused(Box<Refused>),
}

impl From<Refused> for NotApplied {
    fn from(refused: Refused) -> Self {
        Self::Refused(Box::new(refused))
    }
}

/// What is known of the file in the folder when a version is put in.
#[derive(Clone, Copy)]
enum InFolder<'a> {
    /// It is this one, and good.
    Good(&'a Bytes),
    /// It is refused.
    Refused(&'a Refused),
    /// Nobody has looked: what was wrong with it is still wrong, unless it is what is put in.
    Unseen,
}

impl Plugins {
    /// Decides for all processes. That ends a canary.
    async fn decide(
        &self,
        name: &str,
        digest: Option<&str>,
        source: PluginSource,
        rolled_back: Option<&str>,
    ) -> Result<(), StoreError> {
        self.versions().decide(name, digest, source, rolled_back).await?;
        self.end_canary(name);
        Ok(())
    }

    /// Lets what was decided take effect here.
    async fn apply(&self, name: &str, in_folder: InFolder<'_>) -> Result<(), NotApplied> {
        let versions = self.versions();
        let decision = versions.known.decision(name).ok_or(NotApplied::Undecided)?;
        let Some(wanted) = &decision.digest else {
            self.remove(name);
            return Ok(());
        };
        let outcome = self.apply_digest(name, wanted, in_folder).await;
        if let Err(reason) = &outcome {
            let error = with_causes(reason);
            tracing::error!(plugin = name, %error, "the version {wanted:.12} that was decided does not run here");
            versions.retry_if_it_may_pass(name, reason);
        }
        outcome
    }

    /// Has what was decided tried again where it does not run here.
    pub(super) fn retry_if_unapplied(&self, name: &str) {
        let versions = self.versions();
        let wanted = versions.known.decision(name).and_then(|decision| decision.digest);
        let running = self.find(name).and_then(|plugin| plugin.loaded.as_ref().map(|loaded| loaded.digest.clone()));
        if wanted.is_some() && wanted != running {
            versions.retry_in(name, Duration::ZERO);
        }
    }

    async fn apply_digest(&self, name: &str, wanted: &str, in_folder: InFolder<'_>) -> Result<(), NotApplied> {
        let running = self.find(name).and_then(|plugin| plugin.loaded.clone());
        let running = running.filter(|running| running.digest == wanted);
        let loaded = if let Some(running) = running {
            running
        } else if let InFolder::Good(bytes) = in_folder
            && digest_of(bytes).await == wanted
        {
            self.checked(name, bytes.clone()).await?
        } else {
            let bytes = self.versions().bytes(name, wanted).await?.ok_or(NotApplied::Lost)?;
            self.checked(name, bytes).await?
        };
        self.install(name, loaded, in_folder);
        Ok(())
    }

    /// Swaps a version in, and shows what is wrong with the folder's file.
    fn install(&self, name: &str, loaded: Arc<Loaded>, in_folder: InFolder<'_>) -> Arc<Plugin> {
        self.replace(name, |plugin| {
            if plugin.loaded.as_ref().is_none_or(|running| running.digest != loaded.digest) {
                let (version, steps) = (&loaded.description.version, &loaded.report);
                tracing::info!(plugin = name, version, digest = format!("{:.12}", loaded.digest), %steps, "plugin loaded");
            }
            let error = match in_folder {
                InFolder::Good(_) => None,
                InFolder::Refused(refused) => Some(refused.clone()),
                // What it was refused for is over.
                InFolder::Unseen => plugin.error.filter(|refused| refused.report.digest != loaded.digest),
            };
            Plugin { loaded: Some(loaded), error, ..plugin }
        })
    }

    /// Shows nothing any more that was wrong with the folder's file.
    fn clear_error(&self, name: &str) {
        if self.find(name).is_some_and(|plugin| plugin.error.is_some()) {
            self.replace(name, |plugin| Plugin { error: None, ..plugin });
        }
    }

    /// Brings the folder in line with what was decided, where nobody else has changed it meanwhile and its volume is
    /// mounted.
    async fn sync_folder(&self, name: &str) {
        let versions = self.versions();
        if self.is_unmounted() {
            return;
        }
        let Some(decision) = versions.known.decision(name) else { return };
        if decision.rolled_back.is_some() || decision.source == PluginSource::Rollback {
            return;
        }
        let has = self.digest_in_folder(name).await;
        let Some(wanted) = decision.digest else {
            if self.is_gone(name).await || (has.is_some() && has == versions.seen.of(name)) {
                self.remove_file(name).await;
            } else {
                // Another took its place meanwhile, which nobody has removed; and whatever comes from now on is new.
                versions.mark_seen(name, None).await;
                self.read_again([name.to_owned()]);
            }
            return;
        };
        if has.as_ref() == Some(&wanted) {
            self.clear_error(name);
            return versions.mark_seen(name, Some(&wanted)).await;
        }
        // A file that has not taken effect yet is newer: the watcher is about to take it.
        if has == versions.seen.of(name)
            && let Ok(Some(bytes)) = versions.bytes(name, &wanted).await
        {
            self.write_file(name, &wanted, bytes).await;
        }
    }

    /// Writes a version into the folder. It runs all the same when that fails.
    async fn write_file(&self, name: &str, digest: &str, bytes: Bytes) {
        let (folder, file) = (self.folder().to_owned(), self.file(name));
        match self.on_volume(move || folder::place(&folder, &file, &bytes)).await {
            Ok(()) => self.versions().mark_seen(name, Some(digest)).await,
            Err(error) => {
                tracing::warn!(plugin = name, %error, "the plugins folder cannot be written: the version runs and does not lie there");
            }
        }
    }

    /// Removes the plugin's file from the folder. The plugin ends all the same when that fails.
    async fn remove_file(&self, name: &str) {
        let file = self.file(name);
        match self.on_volume(move || fs::remove_file(file)).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(plugin = name, %error, "the plugins folder cannot be written: the file stays and does not run");
            }
            _ => self.versions().mark_seen(name, None).await,
        }
    }

    /// Changes the folder, unless that is where a volume is not mounted: what is put there lacks all other plugins.
    async fn on_volume(&self, change: impl FnOnce() -> io::Result<()> + Send + 'static) -> io::Result<()> {
        let (folder, device) = (self.folder().to_owned(), self.versions().seen.device());
        let changed = tokio::task::spawn_blocking(move || {
            let is_there = |device| folder::id(&folder).is_none_or(|folder| folder.device == device);
            if device.is_none_or(is_there) { change() } else { Err(io::Error::other("its volume is not mounted")) }
        });
        changed.await.unwrap_or_else(|panic| Err(io::Error::other(panic)))
    }

    /// The digest of the file that lies in the folder; none when there is none that can be read.
    async fn digest_in_folder(&self, name: &str) -> Option<String> {
        let (file, limit) = (self.file(name), self.max_file_bytes(name));
        let read = tokio::task::spawn_blocking(move || folder::read(&file, limit).ok().flatten().map(|b| digest(&b)));
        read.await.ok().flatten()
    }
}

/// Whether the database has been asked.
fn was_asked(versions: &Versions) -> bool {
    versions.asked.load(Relaxed)
}
