//! What is decided, for those who only look.

use std::sync::Arc;

use bytes::Bytes;

use super::InFolder;
use crate::{
    model::{CanaryState, PluginCanary, PluginDecision},
    plugins::{
        admission::Refused,
        component::{Loaded, digest},
        registry::Plugins,
    },
    storage::StoreError,
};

/// What is decided of a plugin, beside what the folder has.
#[derive(Debug, Clone)]
pub struct Decided {
    /// Which version is to run.
    pub decision: PluginDecision,
    /// That version, as it says itself; none when it is not kept, or nothing is to run.
    pub version: Option<String>,
    /// The SHA-256 of the file that lies in the folder; none when there is none that can be read.
    pub in_folder: Option<String>,
    /// Whether the file of what is to run is at hand: in the folder, or kept on the disk or in the database.
    pub is_at_hand: bool,
    /// A version that only some users get.
    pub canary: Option<DecidedCanary>,
}

/// A canary that runs.
#[derive(Debug, Clone)]
pub struct DecidedCanary {
    /// Which version, and who gets it.
    pub canary: PluginCanary,
    /// As the version says itself; none when it is not kept.
    pub version: Option<String>,
    /// Whether its file is at hand.
    pub is_at_hand: bool,
}

impl Decided {
    /// Whether the folder has another file than what is to run, or one although nothing is, or none.
    pub fn differs(&self) -> bool {
        self.decision.digest != self.in_folder
    }
}

impl Plugins {
    /// What is decided of all plugins, by name. Changes nothing.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn decided(&self) -> Result<Vec<Decided>, StoreError> {
        let store = &self.versions().store;
        let mut all = Vec::new();
        for decision in store.plugin_decisions().since(0).await? {
            let name = &decision.plugin;
            let kept = store.plugin_versions().list(name).await?;
            let version =
                |digest: &str| kept.iter().find(|kept| kept.digest == digest).map(|kept| kept.version.clone());
            let in_folder = self.digest_in_folder(name).await;
            let canary = store.plugin_canaries().find(name).await?;
            let canary = match canary.filter(|canary| canary.state == CanaryState::Running) {
                Some(canary) => Some(DecidedCanary {
                    version: version(&canary.digest),
                    is_at_hand: self.is_at_hand(name, &canary.digest, in_folder.as_deref()).await?,
                    canary,
                }),
                None => None,
            };
            let (version, is_at_hand) = match &decision.digest {
                Some(digest) => (version(digest), self.is_at_hand(name, digest, in_folder.as_deref()).await?),
                None => (None, true),
            };
            all.push(Decided { decision, version, in_folder, is_at_hand, canary });
        }
        all.sort_by(|one, other| one.decision.plugin.cmp(&other.decision.plugin));
        Ok(all)
    }

    /// Puts in what a server would run that starts now, where that is not what the folder has: what is decided, unless a
    /// new file lies there. Gives back what became of each, by name. Writes nothing.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn load_decided(
        &self,
        decided: &[Decided],
    ) -> Result<Vec<(String, Result<Arc<Loaded>, Refused>)>, StoreError> {
        let mut loaded = Vec::new();
        for Decided { decision, in_folder, .. } in decided.iter().filter(|decided| decided.differs()) {
            let name = &decision.plugin;
            if !self.is_from_before(name, in_folder.as_deref()).await {
                continue;
            }
            let Some(digest) = &decision.digest else {
                self.remove(name);
                continue;
            };
            let Some(bytes) = self.kept(name, digest).await? else { continue };
            let checked = self.checked(name, bytes).await;
            if let Ok(version) = &checked {
                self.install(name, Arc::clone(version), InFolder::Unseen);
            }
            loaded.push((name.clone(), checked));
        }
        Ok(loaded)
    }

    /// Whether a server that starts now does what was decided, whatever the folder has.
    async fn is_from_before(&self, name: &str, in_folder: Option<&str>) -> bool {
        match in_folder {
            Some(file) => {
                let runs = self.find(name).is_some_and(|plugin| plugin.loaded.is_some());
                !runs || self.was_there_before(name, file).await
            }
            // One process owns an SQLite file: what is gone from its folder was taken out.
            None => self.versions().seen.of(name).is_none() || self.versions().store.is_shared() || self.is_unmounted(),
        }
    }

    async fn is_at_hand(&self, name: &str, wanted: &str, in_folder: Option<&str>) -> Result<bool, StoreError> {
        Ok(in_folder == Some(wanted) || self.kept(name, wanted).await?.is_some())
    }

    /// The file of a version that is kept, on the disk or in the database.
    async fn kept(&self, name: &str, wanted: &str) -> Result<Option<Bytes>, StoreError> {
        if let Some(bytes) = self.versions().on_disk(name, wanted).await {
            return Ok(Some(bytes));
        }
        let bytes = self.versions().store.plugin_versions().bytes(name, wanted).await?;
        Ok(bytes.filter(|bytes| digest(bytes) == wanted).map(Bytes::from))
    }
}
