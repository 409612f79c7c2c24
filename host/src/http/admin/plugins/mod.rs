//! `/plugins`: what is loaded, and uploads.

mod calls;
mod check;

use axum::{
    Json,
    body::{Body, Bytes},
    extract::State,
    http::StatusCode,
};
use bytes::BytesMut;
use futures::TryStreamExt;
use hyper::body::Body as _;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use calls::Calls;
pub use check::CheckView;

use super::{
    app_plugins::GrantsView,
    auth::Caller,
    page::{Page, PageQuery},
};
use crate::{
    http::{
        AppState,
        admission::{AdmissionView, RefusedView},
        error::{Body as JsonBody, Path, Problem, Query},
    },
    model::{Grants, PluginSource},
    plugins::{ChangeError, Entry, History, Loaded, Plugin},
    time,
};

/// A plugin.
#[derive(Debug, Serialize, ToSchema)]
pub struct PluginView {
    /// The file's name without `.wasm`.
    name: String,
    /// ready or failed. A plugin that is ready may have an error: the file that lies there now is
    /// refused, and the version before it runs.
    state: &'static str,
    /// As the plugin says.
    title: Option<String>,
    version: Option<String>,
    description: Option<String>,
    /// What it was built with.
    sdk: Option<String>,
    /// SHA-256 of the file that runs.
    digest: Option<String>,
    exports: Exports,
    /// What it would like to be granted.
    asks: GrantsView,
    /// How the file that runs was let in.
    admission: Option<AdmissionView>,
    error: Option<RefusedView>,
    /// RFC 3339.
    loaded_at: Option<String>,
    calls: Calls,
}

/// What a plugin has, by kind.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(super) struct Exports {
    handlers: Vec<EntryView>,
    rules: Vec<EntryView>,
    hooks: Vec<EntryView>,
    observers: Vec<EntryView>,
    pages: Vec<EntryView>,
}

/// One handler, rule, hook, observer or page.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EntryView {
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    description: String,
    /// The apps that it is restricted to; every app when absent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    apps: Vec<String>,
}

impl From<&Entry> for EntryView {
    fn from(entry: &Entry) -> Self {
        Self { name: entry.name.clone(), description: entry.description.clone(), apps: entry.apps.clone() }
    }
}

impl From<&Loaded> for Exports {
    fn from(loaded: &Loaded) -> Self {
        let views = |entries: &[Entry]| entries.iter().map(EntryView::from).collect();
        let description = &loaded.description;
        Self {
            handlers: views(&description.handlers),
            rules: views(&description.rules),
            hooks: views(&description.hooks),
            observers: views(&description.observers),
            pages: views(&description.pages),
        }
    }
}

impl From<&Plugin> for PluginView {
    fn from(plugin: &Plugin) -> Self {
        let loaded = plugin.loaded.as_deref();
        Self {
            name: plugin.name.to_string(),
            state: if loaded.is_some() { "ready" } else { "failed" },
            title: loaded.map(|loaded| loaded.description.name.clone()),
            version: loaded.map(|loaded| loaded.description.version.clone()),
            description: loaded.map(|loaded| loaded.description.description.clone()),
            sdk: loaded.map(|loaded| loaded.description.sdk.clone()),
            digest: loaded.map(|loaded| loaded.digest.clone()),
            exports: loaded.map(Exports::from).unwrap_or_default(),
            asks: loaded.map(|loaded| Grants::from(&loaded.description.asks).into()).unwrap_or_default(),
            admission: loaded.map(|loaded| (&loaded.report).into()),
            error: plugin.error.as_ref().map(RefusedView::from),
            loaded_at: loaded.map(|loaded| time::rfc3339_of(loaded.loaded_at)),
            calls: Calls::from(&*plugin.statistics),
        }
    }
}

/// A plugin with where its version comes from and what there is to go back to.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PluginDetail {
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
    /// The versions that are kept, newest first.
    versions: Vec<VersionView>,
    /// What runs in each of the processes that share the database; empty where one process has it for itself.
    replicas: Vec<ReplicaView>,
}

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
    fn new(plugin: &Plugin, history: History) -> Self {
        let History { decision, versions, in_folder, replicas } = history;
        let decided = decision.as_ref().and_then(|decision| decision.digest.clone());
        let versions = versions.into_iter().map(|version| VersionView {
            current: decided.as_ref() == Some(&version.digest),
            digest: version.digest,
            version: version.version,
            size: version.size,
            first_at: time::rfc3339(version.first_at),
        });
        let replicas = replicas.into_iter().map(|mut replica| ReplicaView {
            digest: replica.running.remove(&*plugin.name),
            process: replica.process,
            seen_at: time::rfc3339(replica.seen_at),
        });
        Self {
            plugin: PluginView::from(plugin),
            versions: versions.collect(),
            replicas: replicas.collect(),
            source: decision.as_ref().map(|decision| decision.source),
            changed_at: decision.as_ref().map(|decision| time::rfc3339(decision.decided_at)),
            rolled_back: decision.and_then(|decision| decision.rolled_back),
            decided,
            in_folder,
        }
    }

    async fn read(state: &AppState, plugin: &Plugin) -> Result<Self, Problem> {
        Ok(Self::new(plugin, state.plugins.history(&plugin.name).await?))
    }
}

/// Lists the plugins.
#[utoipa::path(get, operation_id = "list_plugins", path = "/plugins", tag = "plugins", params(PageQuery), responses((status = 200, description = "Done", body = Page<PluginView>)))]
pub(super) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<PluginView>>, Problem> {
    caller.require(None, "manage")?;
    let plugins = state.plugins.list().iter().map(|plugin| PluginView::from(&**plugin)).collect();
    Ok(Json(page.of(plugins, |plugin: &PluginView| &plugin.name)))
}

/// Reads a plugin.
#[utoipa::path(get, operation_id = "read_plugin", path = "/plugins/{plugin}", tag = "plugins", params(("plugin" = String, Path)),
    responses((status = 200, description = "Done", body = PluginDetail), (status = 404, description = "There is none of that name", body = Problem)))]
pub(super) async fn read(
    State(state): State<AppState>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<PluginDetail>, Problem> {
    caller.require(None, "manage")?;
    let plugin = state.plugins.find(&name).ok_or_else(|| Problem::not_found("plugin", &name))?;
    Ok(Json(PluginDetail::read(&state, &plugin).await?))
}

/// Uploads a .wasm: it is checked first, then swapped in and placed in the plugins folder, here and in every process that
/// shares the database.
#[utoipa::path(put, operation_id = "put_plugin", path = "/plugins/{plugin}", tag = "plugins", params(("plugin" = String, Path)),
    request_body(content = Vec<u8>, content_type = "application/wasm"),
    responses((status = 200, description = "Done", body = PluginDetail), (status = 413, description = "Too large", body = Problem), (status = 422, description = "Something in it cannot be", body = Problem),
        (status = 503, description = "Other uploads are being checked", body = Problem)))]
pub(super) async fn put(
    State(state): State<AppState>,
    caller: Caller,
    Path(name): Path<String>,
    body: Body,
) -> Result<Json<PluginDetail>, Problem> {
    caller.require(None, "manage")?;
    let Ok(_turn) = state.uploads.try_acquire() else {
        return Err(Problem::busy("other uploads are being checked; try again in a second"));
    };
    if let Some(before) = state.plugins.find(&name) {
        caller.notes.before(&PluginView::from(&*before));
    }
    let bytes = received(body, state.plugins.max_file_bytes()).await?;
    let plugin = state.plugins.upload(&name, bytes).await?;
    caller.notes.after(&PluginView::from(&*plugin));
    Ok(Json(PluginDetail::read(&state, &plugin).await?))
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Name => {
                Self::invalid(vec![("plugin".to_owned(), "1 to 64 letters, digits, `_` or `-`".to_owned())])
            }
            ChangeError::Refused(refused) => Self::not_admitted(&refused),
            ChangeError::NoPlugin(name) => Self::not_found("plugin", &name),
            error @ ChangeError::NoVersion(_) => Self::invalid(vec![("digest".to_owned(), error.to_string())]),
            error @ ChangeError::NoEarlier => Self::conflict(error.to_string()),
            ChangeError::Store(error) => error.into(),
        }
    }
}

/// Which version to go back to.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Rollback {
    /// SHA-256 of one of `versions`; without, the one before the version that runs.
    digest: Option<String>,
}

/// Goes back to an earlier version, in every process that shares the database and over restarts, until another file or
/// upload comes. The file in the plugins folder stays and does not run. A plugin that was removed comes back.
#[utoipa::path(post, operation_id = "roll_back_plugin", path = "/plugins/{plugin}/rollback", tag = "plugins", params(("plugin" = String, Path)),
    request_body = Option<Rollback>,
    responses((status = 200, description = "Done", body = PluginDetail), (status = 404, description = "There is none of that name", body = Problem),
        (status = 409, description = "There is no earlier version", body = Problem), (status = 422, description = "Something in it cannot be", body = Problem)))]
pub(super) async fn roll_back(
    State(state): State<AppState>,
    caller: Caller,
    Path(name): Path<String>,
    body: Option<JsonBody<Rollback>>,
) -> Result<Json<PluginDetail>, Problem> {
    caller.require(None, "manage")?;
    if let Some(before) = state.plugins.find(&name) {
        caller.notes.before(&PluginView::from(&*before));
    }
    let wanted = body.and_then(|JsonBody(rollback)| rollback.digest);
    let plugin = state.plugins.roll_back(&name, wanted.as_deref()).await?;
    caller.notes.after(&PluginView::from(&*plugin));
    Ok(Json(PluginDetail::read(&state, &plugin).await?))
}

/// The whole of a body. One that says that it is too large is not read at all.
async fn received(body: Body, limit: u64) -> Result<Bytes, Problem> {
    let too_large = || Problem::too_large(format!("the file may have {limit} bytes (plugins.max_file_mib)"));
    let announced = body.size_hint().lower();
    if announced > limit {
        return Err(too_large());
    }
    let mut bytes = BytesMut::with_capacity(usize::try_from(announced).map_err(|_| too_large())?);
    let mut chunks = body.into_data_stream();
    let broken = |error: axum::Error| Problem::bad_request(format!("the file did not arrive whole: {error}"));
    while let Some(chunk) = chunks.try_next().await.map_err(broken)? {
        if (bytes.len() + chunk.len()) as u64 > limit {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

/// Removes a plugin's file; calls in flight finish.
#[utoipa::path(delete, operation_id = "delete_plugin", path = "/plugins/{plugin}", tag = "plugins", params(("plugin" = String, Path)),
    responses((status = 204, description = "Gone"), (status = 404, description = "There is none of that name", body = Problem)))]
pub(super) async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    caller.require(None, "manage")?;
    let plugin = state.plugins.find(&name).ok_or_else(|| Problem::not_found("plugin", &name))?;
    caller.notes.before(&PluginView::from(&*plugin));
    state.plugins.delete(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}
