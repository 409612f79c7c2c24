//! Canaries: a version that only some users get, taken back by itself when clearly more of its calls fail.
//!
//! Calls are counted by app: one app's failures may be of its own making. They take the canary back from that app, and
//! from no other.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{InFolder, NotApplied, requests::ChangeError};
use crate::{
    config::PluginsConfig,
    model::{
        AuditEntry, CanaryCounts, CanaryRule, CanaryState, CanaryVerdict, PluginCanary, PluginSource, is_plugin_name,
    },
    plugins::{
        component::Loaded,
        error::CallError,
        registry::{Plugin, Plugins},
    },
    storage::{StoreError, with_causes},
};

/// An app that is the only one to call a plugin for so long is the only one that uses it.
const ALONE: Duration = Duration::from_hours(1);

/// A version that only some users get.
pub struct Canary {
    /// What they get.
    pub loaded: Arc<Loaded>,
    began: u64,
    percent: u8,
    openids: HashSet<String>,
    counts: Arc<Counts>,
}

/// What is counted here of a canary.
struct Counts {
    /// When it began here.
    since: Instant,
    /// Calls that the database does not know of yet, by app.
    unsaid: Mutex<BTreeMap<String, CanaryCounts>>,
    /// Apps for which it fails, so that they do not get it.
    without: ArcSwap<BTreeSet<String>>,
}

impl Canary {
    /// Whether a user of an app gets it: the same answer in all processes for as long as it runs and does not fail for
    /// the app. Who gets it keeps it when the share grows.
    pub(in crate::plugins) fn is_for(&self, app: &str, openid: &str) -> bool {
        (self.openids.contains(openid) || place(&self.loaded.digest, openid) < self.percent)
            && !self.counts.without.load().contains(app)
    }

    /// Counts an app's call of the canary, or of the version that runs beside it.
    pub(in crate::plugins) fn count<T>(&self, app: &str, of_canary: bool, result: &Result<T, CallError>) {
        let failures = u64::from(result.as_ref().is_err_and(CallError::is_of_version));
        let call = if of_canary {
            CanaryCounts { calls: 1, failures, ..CanaryCounts::default() }
        } else {
            CanaryCounts { stable_calls: 1, stable_failures: failures, ..CanaryCounts::default() }
        };
        self.counts.add(app, call);
    }
}

/// Where an openid stands among a hundred, for this version.
fn place(digest: &str, openid: &str) -> u8 {
    let hash = Sha256::new().chain_update(digest).chain_update([0]).chain_update(openid).finalize();
    let beginning = hash.iter().take(8).fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    u8::try_from(beginning % 100).unwrap_or_default()
}

impl From<&PluginsConfig> for CanaryRule {
    fn from(config: &PluginsConfig) -> Self {
        Self { min_calls: config.canary_min_calls.into(), error_rise: config.canary_error_rise }
    }
}

impl Default for Counts {
    fn default() -> Self {
        Self { since: Instant::now(), unsaid: Mutex::default(), without: ArcSwap::default() }
    }
}

impl Counts {
    fn add(&self, app: &str, more: CanaryCounts) {
        let mut unsaid = self.unsaid.lock();
        if let Some(counts) = unsaid.get_mut(app) {
            *counts = counts.plus(more);
        } else {
            unsaid.insert(app.to_owned(), more);
        }
    }

    /// Forgets what was counted of an app, and that it does not get the canary.
    fn forget(&self, app: &str) {
        self.unsaid.lock().remove(app);
        self.without.rcu(|apps| {
            let mut apps = BTreeSet::clone(apps);
            apps.remove(app);
            apps
        });
    }

    fn take(&self) -> BTreeMap<String, CanaryCounts> {
        mem::take(&mut *self.unsaid.lock())
    }

    fn put_back(&self, counts: &BTreeMap<String, CanaryCounts>) {
        for (app, counts) in counts {
            self.add(app, *counts);
        }
    }
}

impl Plugins {
    /// Checks an uploaded file, keeps it, and lets so many of a hundred users get it. The version that runs and the
    /// folder stay as they are.
    ///
    /// # Errors
    /// When the name or the file is refused, nothing runs beside which it could, or the database does not answer.
    pub async fn upload_canary(&self, name: &str, bytes: Bytes, percent: u8) -> Result<Arc<Plugin>, ChangeError> {
        if !is_plugin_name(name) {
            return Err(ChangeError::Name);
        }
        let _changing = self.changing(name).await;
        let loaded = self.checked(name, bytes.clone()).await?;
        self.runs_another(name, &loaded.digest)?;
        self.versions().keep(name, &loaded, &bytes).await?;
        self.begin_canary(name, loaded, percent, &[]).await
    }

    /// Lets a version that is kept, or without `digest` the canary that runs, be what so many of a hundred users get,
    /// and those with the `openids`.
    ///
    /// # Errors
    /// When there is no such version or no canary, it is refused now, nothing runs beside which it could, or the database
    /// does not answer.
    pub async fn set_canary(
        &self,
        name: &str,
        digest: Option<&str>,
        percent: u8,
        openids: &[String],
    ) -> Result<Arc<Plugin>, ChangeError> {
        let _changing = self.changing(name).await;
        let digest = match digest {
            Some(digest) => digest.to_owned(),
            None => self.running_canary(name).await?.digest,
        };
        let kept = self.versions().store.plugin_versions().list(name).await?;
        if !kept.iter().any(|version| version.digest == digest) {
            return Err(ChangeError::NoVersion(digest));
        }
        self.runs_another(name, &digest)?;
        let loaded = match self.find(name).and_then(|plugin| plugin.canary.clone()) {
            Some(canary) if canary.loaded.digest == digest => Arc::clone(&canary.loaded),
            _ => {
                let bytes = self.versions().bytes(name, &digest).await?;
                let bytes = bytes.ok_or_else(|| ChangeError::NoVersion(digest.clone()))?;
                self.checked(name, bytes).await?
            }
        };
        self.begin_canary(name, loaded, percent, openids).await
    }

    /// Whether another version runs, beside which this one can be a canary.
    fn runs_another(&self, name: &str, digest: &str) -> Result<(), ChangeError> {
        match self.find(name).and_then(|plugin| plugin.loaded.clone()) {
            None => Err(ChangeError::NothingRuns(name.to_owned())),
            Some(running) if running.digest == digest => Err(ChangeError::RunsAlready),
            Some(_) => Ok(()),
        }
    }

    /// Lets a version be the canary. It has passed every check: what is stored here takes the place of the canary before.
    async fn begin_canary(
        &self,
        name: &str,
        loaded: Arc<Loaded>,
        percent: u8,
        openids: &[String],
    ) -> Result<Arc<Plugin>, ChangeError> {
        let digest = loaded.digest.clone();
        self.versions().store.plugin_canaries().begin(name, &digest, percent, openids).await?;
        self.apply_canary(name, Some(loaded)).await.map_err(|reason| match reason {
            NotApplied::Refused(refused) => ChangeError::Refused(refused),
            NotApplied::Store(error) => ChangeError::Store(error),
            NotApplied::Lost | NotApplied::Undecided => ChangeError::NoVersion(digest),
        })?;
        self.find(name).ok_or_else(|| ChangeError::NoPlugin(name.to_owned()))
    }

    /// Lets all users get the canary.
    ///
    /// # Errors
    /// When none runs, or the database does not answer.
    pub async fn promote_canary(&self, name: &str) -> Result<Arc<Plugin>, ChangeError> {
        let _changing = self.changing(name).await;
        let digest = self.running_canary(name).await?.digest;
        let bytes = self.versions().bytes(name, &digest).await?;
        let bytes = bytes.ok_or_else(|| ChangeError::NoVersion(digest.clone()))?;
        let loaded = self.checked(name, bytes.clone()).await?;
        self.decide(name, Some(&digest), PluginSource::Canary, None).await?;
        let plugin = self.install(name, loaded, InFolder::Good(&bytes));
        self.write_file(name, &digest, bytes).await;
        self.versions().mark_effective(name);
        Ok(plugin)
    }

    /// Lets no user get the canary any more.
    ///
    /// # Errors
    /// When none runs, or the database does not answer.
    pub async fn take_back_canary(&self, name: &str) -> Result<(), ChangeError> {
        let _changing = self.changing(name).await;
        let canary = self.running_canary(name).await?;
        let reason = "it was taken back through the API";
        self.versions().store.plugin_canaries().take_back(name, canary.began, reason).await?;
        self.end_canary(name);
        Ok(())
    }

    async fn running_canary(&self, name: &str) -> Result<PluginCanary, ChangeError> {
        let canary = self.versions().store.plugin_canaries().find(name).await?;
        let running = canary.filter(|canary| canary.state == CanaryState::Running);
        running.ok_or_else(|| ChangeError::NoCanary(name.to_owned()))
    }

    /// Lets the canary that the database has run here, or none. The version that was `checked` just now is not checked
    /// again.
    pub(super) async fn apply_canary(&self, name: &str, checked: Option<Arc<Loaded>>) -> Result<(), NotApplied> {
        let outcome = self.load_canary(name, checked).await;
        if let Err(reason) = &outcome {
            tracing::error!(plugin = name, error = %with_causes(reason), "the canary does not run here");
            self.versions().retry_if_it_may_pass(name, reason);
        }
        outcome
    }

    async fn load_canary(&self, name: &str, checked: Option<Arc<Loaded>>) -> Result<(), NotApplied> {
        let stored = self.versions().store.plugin_canaries().find(name).await?;
        let Some(stored) = stored.filter(|canary| canary.state == CanaryState::Running) else {
            self.end_canary(name);
            return Ok(());
        };
        let Some(plugin) = self.find(name).filter(|plugin| plugin.loaded.is_some()) else { return Ok(()) };
        let before = plugin.canary.as_ref().filter(|before| before.loaded.digest == stored.digest);
        let checked = checked.filter(|checked| checked.digest == stored.digest);
        let loaded = if let Some(loaded) = before.map(|before| Arc::clone(&before.loaded)).or(checked) {
            loaded
        } else {
            // What ran before is no canary any more, whether this one can run here or not.
            self.end_canary(name);
            let bytes = self.versions().bytes(name, &stored.digest).await?.ok_or(NotApplied::Lost)?;
            self.checked(name, bytes).await?
        };
        let counts = before.filter(|before| before.began == stored.began).map(|before| Arc::clone(&before.counts));
        let counts = counts.unwrap_or_default();
        let failing = self.versions().canary.failing(&self.versions().store.plugin_canaries().apps(name).await?);
        counts.without.store(Arc::new(failing));
        let canary = Canary {
            loaded,
            began: stored.began,
            percent: stored.percent,
            openids: stored.openids.into_iter().collect(),
            counts,
        };
        let (digest, percent, openids) = (&stored.digest, canary.percent, canary.openids.len());
        tracing::info!(plugin = name, digest = format!("{digest:.12}"), percent, openids, "canary");
        self.replace(name, |plugin| Plugin { canary: Some(Arc::new(canary)), ..plugin });
        Ok(())
    }

    pub(super) fn end_canary(&self, name: &str) {
        if self.find(name).is_some_and(|plugin| plugin.canary.is_some()) {
            self.replace(name, |plugin| Plugin { canary: None, ..plugin });
        }
    }

    /// Tells the database of the calls of canaries, and takes those back that fail.
    pub(super) async fn watch_canaries(&self) {
        for plugin in self.list() {
            let Some(canary) = &plugin.canary else { continue };
            let more = canary.counts.take();
            if more.is_empty() {
                continue;
            }
            let counted = self.versions().store.plugin_canaries().count(&plugin.name, canary.began, &more).await;
            let outcome = match counted {
                Ok(Some(apps)) => self.judge_canary(&plugin, canary, &apps).await,
                Ok(None) => Ok(()),
                Err(error) => {
                    canary.counts.put_back(&more);
                    Err(error)
                }
            };
            if let Err(error) = outcome {
                let error = with_causes(&error);
                tracing::warn!(%error, plugin = &*plugin.name, "the canary cannot be looked after");
            }
        }
    }

    /// Takes a canary back where the calls of the `apps` say so.
    async fn judge_canary(
        &self,
        plugin: &Plugin,
        canary: &Canary,
        apps: &BTreeMap<String, CanaryCounts>,
    ) -> Result<(), StoreError> {
        // Others may have called before it began, and be about to call again.
        let alone = apps.len() < 2 && (plugin.guard.lanes.callers() < 2 || canary.counts.since.elapsed() >= ALONE);
        // Users who are named may all be of one app, and whoever named them knows whose they are.
        let alone = alone || canary.percent == 0;
        match self.versions().canary.verdict(apps, alone) {
            CanaryVerdict::Broken => {
                let sum = apps.values().fold(CanaryCounts::default(), |sum, app| sum.plus(*app));
                self.take_back_broken(&plugin.name, canary, sum).await
            }
            CanaryVerdict::Stays(failing) => {
                let before = canary.counts.without.swap(Arc::new(failing.clone()));
                for app in failing.difference(&before) {
                    let CanaryCounts { calls, failures, .. } = apps.get(app).copied().unwrap_or_default();
                    let (plugin, digest) = (&*plugin.name, &canary.loaded.digest);
                    tracing::warn!(
                        plugin,
                        digest,
                        app,
                        calls,
                        failures,
                        "the canary is taken back from this app alone"
                    );
                }
                Ok(())
            }
        }
    }

    /// Lets an app's users have the canary that was taken back from them. Other processes follow with the next calls that
    /// they count.
    pub(in crate::plugins) async fn give_canary_again(&self, name: &str, canary: &Canary, app: &str) {
        if let Err(error) = self.versions().store.plugin_canaries().forget(name, app).await {
            let error = with_causes(&error);
            tracing::warn!(%error, plugin = name, app, "what was counted of the canary for this app stays");
            return;
        }
        canary.counts.forget(app);
    }

    /// Takes it back at once, also while something else changes the plugin, which may take minutes.
    async fn take_back_broken(&self, name: &str, canary: &Canary, counts: CanaryCounts) -> Result<(), StoreError> {
        let store = &self.versions().store;
        let CanaryCounts { calls, failures, stable_calls, stable_failures } = counts;
        let reason = format!(
            "{failures} of its last {calls} calls failed, and {stable_failures} of {stable_calls} of the version that runs"
        );
        let is_first = store.plugin_canaries().take_back(name, canary.began, &reason).await?;
        // Another one may have taken its place. Where somebody is just putting this one in, what `follow` hears of its end
        // takes it out again.
        self.change(name, |plugin| Plugin {
            canary: plugin.canary.filter(|running| running.began != canary.began),
            ..plugin
        });
        if is_first {
            tracing::error!(plugin = name, digest = canary.loaded.digest, reason, "the canary is taken back");
            let entry = AuditEntry {
                actor: "weft".to_owned(),
                action: "take_back_plugin_canary".to_owned(),
                path: format!("/api/v1/plugins/{name}/canary"),
                before: Some(json!({ "digest": canary.loaded.digest, "percent": canary.percent })),
                after: Some(json!({ "reason": reason })),
                ..AuditEntry::default()
            };
            store.audit_log().insert(entry).await?;
        }
        Ok(())
    }
}
