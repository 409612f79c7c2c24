//! What is set for single plugins, limits and whether they are called: read from the database, as every process sees it.

use std::{
    collections::BTreeSet,
    sync::{Arc, PoisonError},
    time::Duration,
};

use super::{
    guard::{Crowd, Limits},
    registry::{Plugin, Plugins},
};
use crate::{
    model::AppPlugin,
    plugin_limits::{LimitChanges, PluginLimits},
    storage::{StoreError, with_causes},
};

/// How soon a change that another process made is seen.
const POLL: Duration = Duration::from_secs(1);

impl Plugin {
    /// How many calls run and wait now.
    pub fn crowd(&self) -> Crowd {
        self.guard.lanes.crowd()
    }

    /// Limits that are set for this plugin and all apps.
    pub fn own_limits(&self) -> LimitChanges {
        self.guard.limits().own
    }

    /// What its calls may use for every app for which nothing else is set.
    pub fn limits(&self) -> PluginLimits {
        self.guard.limits().effective
    }
}

impl Plugins {
    /// The limits of a plugin, which need not be there.
    pub(super) fn guard_limits(&self, plugin: &str) -> Limits {
        let own = self.0.own_limits.load().get(plugin).copied().unwrap_or_default();
        Limits { own, effective: self.limits().defaults.with(&own, &self.limits().ceilings) }
    }

    /// What the calls of a plugin may use for every app for which nothing else is set.
    pub fn limits_of_all_apps(&self, plugin: &str) -> PluginLimits {
        self.guard_limits(plugin).effective
    }

    /// What the calls of a plugin may use for the app for which this is set.
    pub fn limits_of(&self, plugin: &str, set: Option<&AppPlugin>) -> PluginLimits {
        let of_plugin = self.limits_of_all_apps(plugin);
        set.map_or(of_plugin, |set| of_plugin.with(&set.limits, &self.limits().ceilings))
    }

    /// Reads what is set for single plugins; to be called after a change. A file that was refused within the limits of
    /// before may pass now.
    ///
    /// # Errors
    /// When the database does not answer; what was known stays.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        let database = self.0.loader.database();
        // The revision is read first: a change in between is then read twice, and not missed.
        let revision = database.apps().revision().await?;
        let (own, disabled) = (database.plugin_limits().all().await?, database.disabled_plugins().all().await?);
        let now = Arc::new(own);
        let before = {
            let mut known = self.0.settings_revision.lock().unwrap_or_else(PoisonError::into_inner);
            // Who read earlier and took longer must not undo what another has read since.
            if *known > revision {
                return Ok(());
            }
            *known = revision;
            self.disable(disabled);
            let before = self.0.own_limits.swap(Arc::clone(&now));
            for plugin in self.list() {
                plugin.guard.set_limits(self.guard_limits(&plugin.name));
            }
            before
        };
        let changed = before.keys().chain(now.keys()).filter(|name| before.get(*name) != now.get(*name));
        let changed: BTreeSet<_> = changed.cloned().collect();
        for name in &changed {
            self.obey_again(name);
        }
        self.read_again(changed);
        Ok(())
    }

    /// Follows the changes that other processes make, for as long as it is polled.
    pub async fn follow_settings(self) {
        let mut seen = None;
        loop {
            tokio::time::sleep(POLL).await;
            if let Err(error) = self.refresh_if_changed(&mut seen).await {
                let error = with_causes(&error);
                tracing::warn!(%error, "what is set for plugins could not be read again; what is known stays");
            }
        }
    }

    /// Reads what is set where it is not at the revision that was `seen` last.
    async fn refresh_if_changed(&self, seen: &mut Option<u64>) -> Result<(), StoreError> {
        let now = self.0.loader.database().apps().revision().await?;
        if *seen != Some(now) {
            self.refresh().await?;
            *seen = Some(now);
        }
        Ok(())
    }
}
