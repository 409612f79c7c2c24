//! What is set for single plugins, limits and whether they are called: read from the database, as every process sees it.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use super::{
    guard::{Crowd, OwnLimits},
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
    pub(super) fn guard_limits(&self, plugin: &str) -> OwnLimits {
        let own = self.0.own_limits.load().get(plugin).copied().unwrap_or_default();
        OwnLimits { own, effective: self.limits().defaults.with_clamped(&own, &self.limits().ceilings) }
    }

    /// What the calls of a plugin may use for every app for which nothing else is set.
    pub fn limits_of_all_apps(&self, plugin: &str) -> PluginLimits {
        self.guard_limits(plugin).effective
    }

    /// What the calls of a plugin may use for the app for which this is set.
    pub fn limits_of(&self, plugin: &str, set: Option<&AppPlugin>) -> PluginLimits {
        let of_plugin = self.limits_of_all_apps(plugin);
        set.map_or(of_plugin, |set| of_plugin.with_clamped(&set.limits, &self.limits().ceilings))
    }

    /// Reads what is set for single plugins, and which apps there are; to be called after a change. A file that was refused
    /// within the limits of before may pass now.
    ///
    /// # Errors
    /// When the database does not answer; what was known stays.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        let database = self.0.loader.database();
        // The revision is read first: a change in between is then read twice, and not missed.
        let revision = database.apps().revision().await?;
        let (own, disabled) = (database.plugin_limits().all().await?, database.disabled_plugins().all().await?);
        let apps = database.apps().names().await?;
        let mut known = self.0.settings_revision.lock();
        // Who read earlier and took longer must not undo what another has read since.
        if *known <= revision {
            *known = revision;
            self.set(own, disabled);
            self.forget_others(&apps);
        }
        Ok(())
    }

    /// Forgets what there is for other apps than these, where nothing of it is in use: they are gone.
    fn forget_others(&self, apps: &HashSet<String>) {
        for plugin in self.list() {
            plugin.guard.retain_apps(apps);
            for loaded in plugin.versions() {
                loaded.breakers.retain_apps(apps);
            }
        }
        // Lanes, which are gone then, hold what is counted of their apps.
        self.0.queue.retain_apps(apps);
        self.0.loader.memory().retain_apps(apps);
    }

    /// Takes over a change of a plugin that is stored. It counts here although what is set cannot be read now: it is
    /// made, and who is told otherwise makes it a second time.
    pub async fn take_over(&self, plugin: &str, limits: Option<LimitChanges>, is_disabled: Option<bool>) {
        let Err(error) = self.refresh().await else { return };
        let error = with_causes(&error);
        tracing::warn!(plugin, %error, "a change of a plugin is stored and counts here; what else is set could not be read");
        let _known = self.0.settings_revision.lock();
        let (mut own, mut disabled) = (HashMap::clone(&self.0.own_limits.load()), self.disabled());
        if let Some(limits) = limits {
            own.insert(plugin.to_owned(), limits);
        }
        match is_disabled {
            Some(true) => {
                disabled.insert(plugin.to_owned());
            }
            Some(false) => {
                disabled.remove(plugin);
            }
            None => {}
        }
        self.set(own, disabled);
    }

    /// Lets what is set for single plugins count. Called by who holds the revision.
    fn set(&self, own: HashMap<String, LimitChanges>, disabled: HashSet<String>) {
        self.disable(disabled);
        let now = Arc::new(own);
        let before = self.0.own_limits.swap(Arc::clone(&now));
        for plugin in self.list() {
            plugin.guard.set_limits(self.guard_limits(&plugin.name));
        }
        let changed = before.keys().chain(now.keys()).filter(|name| before.get(*name) != now.get(*name));
        let changed: BTreeSet<_> = changed.cloned().collect();
        for name in &changed {
            self.retry_if_unapplied(name);
        }
        self.read_again(changed);
    }

    /// Follows the changes that other processes make, for as long as it is polled.
    pub async fn follow_settings(self) {
        loop {
            tokio::time::sleep(POLL).await;
            if let Err(error) = self.refresh_if_changed().await {
                let error = with_causes(&error);
                tracing::warn!(%error, "what is set for plugins could not be read again; what is known stays");
            }
        }
    }

    /// Reads what is set where the database has a newer revision of it.
    async fn refresh_if_changed(&self) -> Result<(), StoreError> {
        let now = self.0.loader.database().apps().revision().await?;
        let known = *self.0.settings_revision.lock();
        if known < now { self.refresh().await } else { Ok(()) }
    }
}
