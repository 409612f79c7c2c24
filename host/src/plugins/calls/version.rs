//! Which version of a plugin a call goes to: the one that runs, or the canary for the users that get it.

use std::{sync::Arc, time::Duration};

use super::Call;
use crate::{
    model::PluginTarget,
    plugins::{CallError, Canary, Loaded, Plugin, Plugins, Subject},
};

/// The version of a plugin that a user gets.
pub(super) struct Version {
    pub(super) loaded: Arc<Loaded>,
    pub(super) plugin: Arc<Plugin>,
    is_canary: bool,
    /// How long the call waited for the plugin to be loaded.
    pub(super) waited: Duration,
}

impl Plugins {
    /// The version of a plugin that the user of an app gets whom a call is about.
    ///
    /// # Errors
    /// When nothing of the plugin runs.
    pub(super) async fn version_for<C: Call>(
        &self,
        plugin: &str,
        subject: &Subject,
        call: &C,
    ) -> Result<Version, CallError> {
        let (plugin, running, waited) = self.running(plugin, C::KIND, subject).await?;
        let app = &*subject.app.name;
        let is_for = |canary: &Canary| call.openid().is_some_and(|openid| canary.is_for(app, openid));
        let canary = plugin.canary.as_ref().filter(|canary| is_for(canary));
        let canary = canary.map(|canary| Arc::clone(&canary.loaded));
        Ok(Version { is_canary: canary.is_some(), loaded: canary.unwrap_or(running), plugin, waited })
    }

    /// Makes a call of the entry that `target` names in `version`. Where there is a canary, it counts for the version
    /// how the call ends.
    ///
    /// # Errors
    /// When there is no such entry, or it fails.
    pub(super) async fn ask_of<C: Call>(
        &self,
        version: &Version,
        target: &PluginTarget,
        subject: Subject,
        call: C,
    ) -> Result<C::Answer, CallError> {
        let counted = version.plugin.canary.as_ref().map(|canary| (canary, Arc::clone(&subject.app)));
        let result = self.ask_version(version, target, subject, call).await;
        if let Some((canary, app)) = counted {
            canary.count(&app.name, version.is_canary, &result);
        }
        result
    }
}
