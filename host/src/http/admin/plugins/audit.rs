//! What the audit log tells of a plugin: what people change of it, in one shape before and after every change.

use serde::Serialize;

use super::versions::PluginDetail;
use crate::{
    http::{AppState, admin::auth::Caller, error::Problem},
    model::{CanaryState, PluginCanary, PluginSource, PluginState},
    plugin_limits::LimitChanges,
    plugins::{History, Plugin},
};

/// A plugin without what changes by itself: counts would stand in the log as if somebody had changed them. Each field
/// is what `GET /plugins/{plugin}` shows under its name.
#[derive(Serialize)]
pub(super) struct AuditedPlugin {
    name: String,
    state: PluginState,
    version: Option<String>,
    digest: Option<String>,
    limits: LimitChanges,
    source: Option<PluginSource>,
    decided: Option<String>,
    rolled_back: Option<String>,
    canary: Option<AuditedCanary>,
}

/// Its last canary, whatever became of it.
#[derive(Serialize)]
struct AuditedCanary {
    digest: String,
    percent: u8,
    openids: Vec<String>,
    state: CanaryState,
    reason: Option<String>,
}

impl AuditedPlugin {
    pub(super) fn new(plugin: &Plugin, history: &History) -> Self {
        let (loaded, decision) = (plugin.loaded.as_deref(), history.decision.as_ref());
        Self {
            name: plugin.name.to_string(),
            state: plugin.state(),
            version: loaded.map(|loaded| loaded.description.version.clone()),
            digest: loaded.map(|loaded| loaded.digest.clone()),
            limits: plugin.own_limits(),
            source: decision.map(|decision| decision.source),
            decided: decision.and_then(|decision| decision.digest.clone()),
            rolled_back: decision.and_then(|decision| decision.rolled_back.clone()),
            canary: history.canary.as_ref().map(AuditedCanary::from),
        }
    }
}

impl From<&PluginCanary> for AuditedCanary {
    fn from(canary: &PluginCanary) -> Self {
        Self {
            digest: canary.digest.clone(),
            percent: canary.percent,
            openids: canary.openids.clone(),
            state: canary.state,
            reason: canary.reason.clone(),
        }
    }
}

/// Tells the audit log what there is of a plugin before it changes, if there is one.
pub(super) async fn note_before(state: &AppState, caller: &Caller, name: &str) -> Result<(), Problem> {
    if let Some(plugin) = state.plugins.find(name) {
        let history = state.plugins.history(name).await?;
        caller.notes.before(&AuditedPlugin::new(&plugin, &history));
    }
    Ok(())
}

/// Tells the audit log what there is of a plugin now, and gives all of it, to be answered.
pub(super) async fn note_after(state: &AppState, caller: &Caller, plugin: &Plugin) -> Result<PluginDetail, Problem> {
    let history = state.plugins.history(&plugin.name).await?;
    caller.notes.after(&AuditedPlugin::new(plugin, &history));
    Ok(PluginDetail::new(state, plugin, history))
}
