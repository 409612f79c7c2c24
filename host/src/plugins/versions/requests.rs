//! What the admin API asks for.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;

use super::InFolder;
use crate::{
    model::{PluginCanary, PluginDecision, PluginSource, PluginVersion, is_plugin_name},
    plugins::{
        admission::Refused,
        registry::{Plugin, Plugins},
    },
    storage::{PluginReplica, StoreError},
};

/// Why a plugin is not changed. Then nothing is.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The name cannot be a plugin's.
    #[error("a plugin's name has 1 to 64 letters, digits, `_` or `-` · 插件名由 1 到 64 个字母、数字、`_` 或 `-` 组成")]
    Name,
    /// The file fails a check.
    #[error("{0}")]
    Refused(Box<Refused>),
    /// Nothing is known of the plugin.
    #[error("there is no plugin `{0}` · 没有插件 `{0}`")]
    NoPlugin(String),
    /// The version is not among those that are kept.
    #[error(
        "there is no version {0} among those that are kept: `versions` of the plugin lists them · 保存的版本中没有 {0}，可用的见插件的 `versions`"
    )]
    NoVersion(String),
    /// There is no canary.
    #[error("no canary of plugin `{0}` runs · 插件 `{0}` 没有在运行的灰度版本")]
    NoCanary(String),
    /// A canary needs a version beside it.
    #[error(
        "no version of plugin `{0}` runs beside which a canary could: upload it without one · 插件 `{0}` 没有正在运行的版本，不能灰度：请直接上传"
    )]
    NothingRuns(String),
    /// The canary is what runs.
    #[error("all users get this version already · 所有用户已在使用这个版本")]
    RunsAlready,
    /// Of those that ran for all users and were not rolled back it is the oldest that is kept.
    #[error(
        "no earlier version is kept that ran for all users and was not rolled back: any other of the plugin's `versions` can be named by its digest · 没有保存更早的、曾对所有用户生效且未被回滚的版本；可用 digest 指定插件 `versions` 中的其他版本"
    )]
    NoEarlier,
    /// The database does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Refused> for ChangeError {
    fn from(refused: Refused) -> Self {
        Self::Refused(Box::new(refused))
    }
}

/// Where a plugin's version comes from, and what else there is.
#[derive(Debug, Clone)]
pub struct History {
    /// What is to run, in all processes.
    pub decision: Option<PluginDecision>,
    /// The versions that are kept, newest first.
    pub versions: Vec<PluginVersion>,
    /// The digest of the file in this process's folder, as it took effect or was taken back.
    pub in_folder: Option<String>,
    /// The last canary, whatever became of it.
    pub canary: Option<PluginCanary>,
    /// The apps for which that one fails, so that their users do not get it.
    pub without_canary: BTreeSet<String>,
    /// What runs in the processes that share the database; none of them where it is shared with nobody.
    pub replicas: Vec<PluginReplica>,
}

impl Plugins {
    /// Checks an uploaded file, decides that it runs, swaps it in and places it in the folder.
    ///
    /// # Errors
    /// When the name or the file is refused, or the database does not take it.
    pub async fn upload(&self, name: &str, bytes: Bytes) -> Result<Arc<Plugin>, ChangeError> {
        if !is_plugin_name(name) {
            return Err(ChangeError::Name);
        }
        let _changing = self.changing(name).await;
        let loaded = self.checked(name, bytes.clone()).await?;
        let (versions, digest) = (self.versions(), loaded.digest.clone());
        versions.keep(name, &loaded, &bytes).await?;
        self.decide(name, Some(&digest), PluginSource::Upload, None).await?;
        let plugin = self.install(name, loaded, InFolder::Good(&bytes));
        self.write_file(name, &digest, bytes).await;
        versions.mark_effective(name);
        Ok(plugin)
    }

    /// Removes a plugin and its file. Its versions are kept, to go back to.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn delete(&self, name: &str) -> Result<(), ChangeError> {
        let _changing = self.changing(name).await;
        self.decide(name, None, PluginSource::Delete, None).await?;
        self.remove(name);
        self.remove_file(name).await;
        self.versions().mark_effective(name);
        Ok(())
    }

    /// Goes back to a version that is kept: the one of that digest, else the last one before the version that is to run
    /// of those that ran for all users and were not rolled back. Those behind it then are, until they are to run again.
    /// The file in the folder stays where it is and has no effect, until another takes its place.
    ///
    /// # Errors
    /// When there is no such version, it is refused now, or the database does not answer.
    pub async fn roll_back(&self, name: &str, digest: Option<&str>) -> Result<Arc<Plugin>, ChangeError> {
        let _changing = self.changing(name).await;
        let versions = self.versions();
        // Another process may have decided just now.
        let decision = versions.store.plugin_decisions().find(name).await?;
        let decision = decision.ok_or_else(|| ChangeError::NoPlugin(name.to_owned()))?;
        let kept = versions.store.plugin_versions().list(name).await?;
        let wanted = match digest {
            Some(digest) => kept
                .iter()
                .find(|version| version.digest == digest)
                .ok_or_else(|| ChangeError::NoVersion(digest.to_owned()))?,
            None => earlier(&kept, decision.digest.as_deref()).ok_or(ChangeError::NoEarlier)?,
        };
        let bytes = versions.bytes(name, &wanted.digest).await?;
        let bytes = bytes.ok_or_else(|| ChangeError::NoVersion(wanted.digest.clone()))?;
        let loaded = self.checked(name, bytes).await?;
        // Who goes back further goes back from the same version; who comes back to it has rolled nothing back.
        let rolled_back = decision.rolled_back.or(decision.digest).filter(|from| *from != wanted.digest);
        self.decide(name, Some(&wanted.digest), PluginSource::Rollback, rolled_back.as_deref()).await?;
        let plugin = self.install(name, loaded, InFolder::Unseen);
        versions.mark_effective(name);
        Ok(plugin)
    }

    /// What is known of a plugin's versions.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn history(&self, name: &str) -> Result<History, StoreError> {
        let versions = self.versions();
        Ok(History {
            decision: versions.store.plugin_decisions().find(name).await?,
            versions: versions.store.plugin_versions().list(name).await?,
            canary: versions.store.plugin_canaries().find(name).await?,
            without_canary: versions.canary.failing(&versions.store.plugin_canaries().apps(name).await?),
            in_folder: versions.seen.of(name),
            replicas: self.replicas().await?,
        })
    }
}

/// The newest version that is older than the one that runs, of those that ran for all users and were not rolled back; the
/// newest of them when none runs. What was a canary alone may have been taken back as broken, and what was rolled back
/// was found to be.
fn earlier<'a>(kept: &'a [PluginVersion], running: Option<&str>) -> Option<&'a PluginVersion> {
    let mut ran = kept.iter().filter(|version| version.ran_for_all && !version.rolled_back);
    let Some(running) = running else { return ran.next() };
    let number = kept.iter().find(|version| version.digest == running)?.number;
    ran.find(|version| version.number < number)
}
