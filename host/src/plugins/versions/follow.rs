//! What other processes decided, done here.

use std::{
    collections::{BTreeMap, HashMap},
    mem,
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};

use tokio_util::task::AbortOnDropHandle;

use super::{InFolder, known::Told};
use crate::{
    model::PluginDecision,
    plugins::registry::Plugins,
    storage::{PluginReplica, StoreError, with_causes},
};

/// How soon a change that another process made is seen.
const POLL: Duration = Duration::from_secs(1);

/// How often a process says what runs in it, when nothing changes.
const REPORT: Duration = Duration::from_secs(10);

/// A process that has said nothing for so many seconds has ended.
const SILENCE: u64 = 30;

/// How often the database is asked when plugins are loaded at a start, before the folder alone counts.
const ASK: u32 = 3;

/// What this process knows of what others decide, and does of it. It ends all that with itself.
#[derive(Default)]
struct Following {
    /// The last revision that was read.
    since: u64,
    /// Decisions that were read and not begun, by plugin.
    waiting: HashMap<String, PluginDecision>,
    /// What is being done, by plugin: never two things at a time, and each for as long as it takes.
    doing: HashMap<String, AbortOnDropHandle<()>>,
    /// What others were told that runs here, and when.
    reported: (BTreeMap<String, String>, Option<Instant>),
}

impl Following {
    /// Whether nothing is being done for the plugin.
    fn is_free(&self, plugin: &str) -> bool {
        self.doing.get(plugin).is_none_or(AbortOnDropHandle::is_finished)
    }

    fn begin(&mut self, plugin: String, work: impl Future<Output = ()> + Send + 'static) {
        self.doing.insert(plugin, AbortOnDropHandle::new(tokio::spawn(work)));
    }
}

impl Plugins {
    /// Asks what was decided, before the folder is read.
    pub(in crate::plugins) async fn ask_decisions(&self) {
        if !self.versions().decides {
            return;
        }
        for _ in 0..ASK {
            match self.read_decisions(0).await {
                Ok(decisions) => {
                    for decision in decisions {
                        self.versions().known.note(decision);
                    }
                    return;
                }
                Err(error) => {
                    let error = with_causes(&error);
                    tracing::warn!(%error, "the database does not say yet which versions of plugins are to run");
                }
            }
            tokio::time::sleep(POLL).await;
        }
    }

    async fn read_decisions(&self, since: u64) -> Result<Vec<PluginDecision>, StoreError> {
        let decisions = self.versions().store.plugin_decisions().since(since).await?;
        self.versions().asked.store(true, Relaxed);
        Ok(decisions)
    }

    /// Lets run what was decided and does not lie in the folder, after the folder was read for the first time.
    pub(in crate::plugins) async fn restore(&self) {
        if !self.versions().decides {
            return;
        }
        let restoring = self.versions().known.decided().into_iter().map(async |name| {
            let _changing = self.changing(&name).await;
            if !self.is_gone(&name).await {
                // Where the file is refused, that has called back what was decided.
                if self.find(&name).is_none_or(|plugin| plugin.loaded.is_none() && plugin.error.is_none()) {
                    // What goes wrong is logged, and tried again.
                    drop(self.apply(&name, InFolder::Unseen).await);
                }
                return;
            }
            // One process owns an SQLite file: what is gone from its folder was taken out. A process that shares the
            // database may be new, with an empty folder.
            let is_known = self.versions().seen.of(&name).is_some() && !self.is_unmounted();
            if is_known && !self.versions().store.is_shared() {
                self.remove_everywhere(&name).await;
            } else if self.apply(&name, InFolder::Unseen).await.is_ok() {
                // Its volume may have been mounted meanwhile.
                if self.is_gone(&name).await {
                    self.versions().mark_seen(&name, None).await;
                }
                self.sync_folder(&name).await;
            }
        });
        futures::future::join_all(restoring).await;
        match self.versions().store.plugin_canaries().running().await {
            Ok(running) => {
                for name in running {
                    let _changing = self.changing(&name).await;
                    // What goes wrong is logged, and tried again.
                    drop(self.apply_canary(&name, None).await);
                }
            }
            Err(error) => {
                tracing::warn!(error = %with_causes(&error), "the canaries of plugins are not known");
            }
        }
    }

    /// Does to the folder, which is there again or is another one, what was decided of plugins that have no file there, and
    /// was not done to it.
    pub(in crate::plugins) async fn catch_up(&self) {
        let versions = self.versions();
        if !versions.decides {
            return;
        }
        for name in versions.known.decided() {
            let _changing = self.changing(&name).await;
            let Some(decision) = versions.known.decision(&name) else { continue };
            let is_done = decision.rolled_back.is_some() || versions.seen.of(&name) == decision.digest;
            if !is_done && self.is_gone(&name).await {
                versions.mark_seen(&name, None).await;
                self.sync_folder(&name).await;
            }
        }
    }

    /// Does what other processes decide, and says what runs here, for as long as it is polled.
    pub async fn follow(self) {
        let mut following = Following::default();
        self.0.first_pass.wait().await;
        loop {
            tokio::time::sleep(POLL).await;
            if let Err(error) = self.follow_once(&mut following).await {
                let error = with_causes(&error);
                tracing::warn!(%error, "the database does not say which versions of plugins are to run");
            }
            self.watch_canaries().await;
            self.report(&mut following.reported).await;
        }
    }

    /// Begins what is to be done. Nothing here waits for that: compiling one plugin may take minutes, and concerns no other.
    async fn follow_once(&self, following: &mut Following) -> Result<(), StoreError> {
        let decisions = self.read_decisions(following.since).await?;
        if !decisions.is_empty() {
            // What was decided may need limits that were set just before.
            self.refresh().await?;
        }
        for decision in decisions {
            following.since = following.since.max(decision.revision);
            following.waiting.insert(decision.plugin.clone(), decision);
        }
        self.publish_untold(&following.waiting).await;
        // What the database could not be told yet is newer than what it says.
        let untold = self.versions().known.untold();
        for (name, decision) in mem::take(&mut following.waiting) {
            if untold.contains(&name) || !following.is_free(&name) {
                following.waiting.insert(name, decision);
                continue;
            }
            let plugins = self.clone();
            following.begin(name, async move { plugins.do_decided(decision).await });
        }
        for name in self.versions().known.due(Instant::now()) {
            if !untold.contains(&name) && following.is_free(&name) {
                let plugins = self.clone();
                following.begin(name.clone(), async move { plugins.retry_decision(&name).await });
            }
        }
        Ok(())
    }

    async fn do_decided(&self, decision: PluginDecision) {
        let name = decision.plugin.clone();
        let _changing = self.changing(&name).await;
        let versions = self.versions();
        if versions.known.decision(&name).is_some_and(|known| known.revision >= decision.revision) {
            return;
        }
        versions.known.note(decision);
        self.do_now(&name).await;
    }

    async fn retry_decision(&self, name: &str) {
        let _changing = self.changing(name).await;
        if self.versions().known.awaits_retry(name) {
            self.do_now(name).await;
        }
    }

    /// Does what is decided. What goes wrong is logged, and tried again.
    async fn do_now(&self, name: &str) {
        // What fails again, the version or its canary, says so again.
        self.versions().known.set_retry(name, None);
        if self.apply(name, InFolder::Unseen).await.is_ok() {
            self.sync_folder(name).await;
            drop(self.apply_canary(name, None).await);
        }
        // The database does not know yet of what it could not be told.
        if self.versions().known.told(name) == Told::Yes {
            self.versions().prune(name).await;
        }
    }

    /// Tells the database what it could not be told when it happened, unless the plugin is just being changed. `decisions`
    /// are what it has told of since.
    async fn publish_untold(&self, decisions: &HashMap<String, PluginDecision>) {
        for name in self.versions().known.untold() {
            let Some(_changing) = self.unless_changing(&name) else { continue };
            if self.versions().known.told(&name) == Told::Yes {
                continue;
            }
            let decision = decisions.get(&name);
            if let Err(error) = self.publish_if_new(&name, decision).await {
                let error = with_causes(&error);
                tracing::warn!(%error, plugin = name, "it is not known yet whether others are to be told of the plugin");
            }
        }
    }

    /// Tells the database of what runs here, unless that is nothing new. Where it fails, that is still to be done.
    async fn publish_if_new(&self, name: &str, decision: Option<&PluginDecision>) -> Result<(), StoreError> {
        let versions = self.versions();
        let Some(running) = self.find(name).and_then(|plugin| plugin.loaded.clone()) else {
            versions.known.set_told(name, Told::Yes);
            self.remove_everywhere(name).await;
            return Ok(());
        };
        let is_old = match decision {
            Some(decision) => self.is_from_before_decision(name, &running.digest, decision).await?,
            None => false,
        };
        let bytes = if is_old { None } else { versions.bytes(name, &running.digest).await? };
        match bytes {
            Some(bytes) => {
                // It is known now to be a change: keeping the version makes it one that the database knows.
                versions.known.set_told(name, Told::No);
                self.publish(name, bytes).await;
            }
            None => versions.known.set_told(name, Told::Yes),
        }
        Ok(())
    }

    /// Whether a version that runs here changes nothing that was decided while the database could not be asked. A file that
    /// is from before that has then been looked at.
    async fn is_from_before_decision(
        &self,
        name: &str,
        digest: &str,
        decision: &PluginDecision,
    ) -> Result<bool, StoreError> {
        let versions = self.versions();
        if decision.digest.as_deref() == Some(digest) && decision.rolled_back.is_none() {
            return Ok(true);
        }
        if versions.known.told(name) != Told::Unsure {
            return Ok(false);
        }
        let known = versions.store.plugin_versions().list(name).await?;
        let is_known = known.iter().any(|version| version.digest == digest);
        if is_known {
            versions.mark_seen(name, Some(digest)).await;
        }
        Ok(is_known)
    }

    /// Says what runs here where others share the database, so that it is seen where they differ.
    async fn report(&self, reported: &mut (BTreeMap<String, String>, Option<Instant>)) {
        let store = &self.versions().store;
        if !store.is_shared() {
            return;
        }
        let plugins = self.list();
        let running = plugins.iter().filter_map(|plugin| {
            let loaded = plugin.loaded.as_ref()?;
            Some((plugin.name.to_string(), loaded.digest.clone()))
        });
        let running: BTreeMap<_, _> = running.collect();
        if running == reported.0 && reported.1.is_some_and(|at| at.elapsed() < REPORT) {
            return;
        }
        match store.plugin_replicas().report(&running, SILENCE).await {
            Ok(()) => *reported = (running, Some(Instant::now())),
            Err(error) => {
                tracing::debug!(error = %with_causes(&error), "the other processes could not be told what runs here");
            }
        }
    }

    /// What runs in the processes that share the database.
    pub(super) async fn replicas(&self) -> Result<Vec<PluginReplica>, StoreError> {
        self.versions().store.plugin_replicas().list(SILENCE).await
    }
}
