//! The versions of a plugin: which one runs, where it comes from, and the way back.

use std::collections::{BTreeMap, BTreeSet};

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{PluginView, audit, missing};
use crate::{
    http::{
        AppState,
        admin::auth::Caller,
        error::{Body, Path, Problem},
        responses::{Invalid, NotFound},
    },
    model::{CanaryState, PluginCanary, PluginSource, PluginVersion},
    plugins::{History, Plugin},
    time,
};

/// A plugin with where its version comes from and what there is to go back to.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct PluginDetail {
    #[serde(flatten)]
    plugin: PluginView,
    /// What changed it last: folder, upload, rollback, canary or delete. Null while the database does not know it yet.
    source: Option<PluginSource>,
    /// RFC 3339.
    changed_at: Option<String>,
    /// SHA-256 of the version that is to run in all processes; `digest` differs where it does not run yet.
    decided: Option<String>,
    /// The version that a rollback took back. A file of this version in the plugins folder stays there and does not
    /// run; the next other file does.
    rolled_back: Option<String>,
    /// SHA-256 of the file in this process's plugins folder that was last taken note of; null when there is none.
    in_folder: Option<String>,
    /// The versions that are kept, newest first: the last five that ran for all users and were not rolled back, and the
    /// last five of the others.
    versions: Vec<VersionView>,
    /// The last version that only some users got, whatever became of it.
    canary: Option<CanaryView>,
    /// What runs in each of the processes that share the database; empty where one process has it for itself.
    replicas: Vec<ReplicaView>,
}

/// By app, grants as people read them: `kv`, `http_hosts https://api.example.com`.
type Missing = BTreeMap<String, Vec<String>>;

/// A version that is kept.
#[derive(Debug, Serialize, ToSchema)]
struct VersionView {
    /// SHA-256 of the file.
    digest: String,
    /// As the plugin says.
    version: String,
    /// Bytes of the file.
    size: u64,
    /// When it came first; RFC 3339.
    first_at: String,
    /// Whether it is the one that is to run.
    current: bool,
    /// Whether it was ever the one for all users. A rollback without `digest` goes back to no other.
    ran_for_all: bool,
    /// Whether a rollback went behind it since it was last to run. No rollback without `digest` goes back to it.
    rolled_back: bool,
}

/// A version that only some users get.
#[derive(Debug, Serialize, ToSchema)]
struct CanaryView {
    /// SHA-256 of the file.
    digest: String,
    /// As the plugin says; null when the version is not kept any more.
    version: Option<String>,
    /// The share of openids that get it, 0 to 100.
    percent: u8,
    /// Who gets it in any case.
    openids: Vec<String>,
    /// The apps for which it fails: their users get the version that runs, whoever they are, until something is set for
    /// the plugin in the app.
    without_apps: BTreeSet<String>,
    /// `running`, `promoted` or `taken_back`.
    state: CanaryState,
    /// As `missing` of the plugin, of what this version asks for; empty when it runs no more.
    missing: BTreeMap<String, Vec<String>>,
    /// Why it was taken back.
    reason: Option<String>,
    /// RFC 3339.
    began_at: String,
    /// RFC 3339.
    ended_at: Option<String>,
    /// Its last calls, in all processes and of all apps; those of the last second may be missing.
    calls: CanaryCalls,
    /// The calls of the version beside it in that time.
    stable_calls: CanaryCalls,
}

/// Calls of one version.
#[derive(Debug, Serialize, ToSchema)]
struct CanaryCalls {
    /// When there were more than 10 000, older ones count half.
    total: u64,
    failed: u64,
}

impl CanaryView {
    fn new(canary: PluginCanary, versions: &[PluginVersion], missing: Missing, without_apps: BTreeSet<String>) -> Self {
        let PluginCanary { digest, percent, openids, state, reason, began_at, ended_at, counts, .. } = canary;
        let kept = versions.iter().find(|version| version.digest == digest);
        Self {
            version: kept.map(|version| version.version.clone()),
            began_at: time::rfc3339(began_at),
            ended_at: ended_at.map(time::rfc3339),
            calls: CanaryCalls { total: counts.calls, failed: counts.failures },
            stable_calls: CanaryCalls { total: counts.stable_calls, failed: counts.stable_failures },
            digest,
            percent,
            openids,
            without_apps,
            state,
            missing,
            reason,
        }
    }
}

/// A process.
#[derive(Debug, Serialize, ToSchema)]
struct ReplicaView {
    /// Another one after a restart.
    process: String,
    /// SHA-256 of what runs there; null when the plugin does not.
    digest: Option<String>,
    /// RFC 3339.
    seen_at: String,
}

impl PluginDetail {
    /// A plugin with what is known of its versions.
    pub(super) fn new(state: &AppState, plugin: &Plugin, history: History) -> Self {
        let History { decision, versions, in_folder, canary, without_canary, replicas } = history;
        let canary = canary.map(|canary| {
            let running = plugin.canary.as_ref().filter(|running| running.loaded.digest == canary.digest);
            let missing = running.map(|running| missing(plugin, &running.loaded, &state.accounts)).unwrap_or_default();
            CanaryView::new(canary, &versions, missing, without_canary)
        });
        let decided = decision.as_ref().and_then(|decision| decision.digest.clone());
        let versions = versions.into_iter().map(|version| VersionView {
            current: decided.as_ref() == Some(&version.digest),
            digest: version.digest,
            version: version.version,
            size: version.size,
            first_at: time::rfc3339(version.first_at),
            ran_for_all: version.ran_for_all,
            rolled_back: version.rolled_back,
        });
        let replicas = replicas.into_iter().map(|mut replica| ReplicaView {
            digest: replica.running.remove(&*plugin.name),
            process: replica.process,
            seen_at: time::rfc3339(replica.seen_at),
        });
        Self {
            plugin: PluginView::new(plugin, &state.accounts),
            canary,
            versions: versions.collect(),
            replicas: replicas.collect(),
            source: decision.as_ref().map(|decision| decision.source),
            changed_at: decision.as_ref().map(|decision| time::rfc3339(decision.decided_at)),
            rolled_back: decision.and_then(|decision| decision.rolled_back),
            decided,
            in_folder,
        }
    }

    /// Reads what is known of a plugin's versions.
    pub(super) async fn read(state: &AppState, plugin: &Plugin) -> Result<Self, Problem> {
        let history = state.plugins.history(&plugin.name).await?;
        Ok(Self::new(state, plugin, history))
    }
}

/// Which version to go back to.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::http::admin) struct Rollback {
    /// SHA-256 of one of `versions`; without, the last one before the version that runs of those that ran for all users.
    digest: Option<String>,
}

/// Goes back to an earlier version, in every process that shares the database and over restarts, until another file or
/// upload comes. The file in the plugins folder stays and does not run. A plugin that was removed comes back.
#[utoipa::path(post, operation_id = "roll_back_plugin", path = "/plugins/{plugin}/rollback", tag = "plugins", params(("plugin" = String, Path)),
    request_body = Option<Rollback>,
    responses((status = 200, description = "Done", body = PluginDetail), NotFound,
        (status = 409, description = "No earlier version that ran for all users is kept", body = Problem), Invalid))]
pub(in crate::http::admin) async fn roll_back(
    State(state): State<AppState>,
    caller: Caller,
    Path(name): Path<String>,
    body: Option<Body<Rollback>>,
) -> Result<Json<PluginDetail>, Problem> {
    caller.require(None, "manage")?;
    audit::note_before(&state, &caller, &name).await?;
    let wanted = body.and_then(|Body(rollback)| rollback.digest);
    let plugin = state.plugins.roll_back(&name, wanted.as_deref()).await?;
    Ok(Json(audit::note_after(&state, &caller, &plugin).await?))
}
