//! `/plugins`: what is loaded, and uploads.

pub(super) mod app_logs;
mod audit;
mod calls;
pub(super) mod canary;
mod check;
pub(super) mod logs;
pub(super) mod patch;
pub(super) mod receipts;
pub(super) mod versions;

use std::{collections::BTreeMap, sync::Arc};

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
use versions::PluginDetail;

use super::{
    app_plugins::GrantsView,
    auth::Caller,
    page::{Page, PageQuery},
};
use crate::{
    accounts::Accounts,
    bilingual::because,
    http::{
        AppState,
        admission::{AdmissionView, RefusedView},
        error::{Path, Problem, Query},
        responses::{Invalid, NotFound},
    },
    missing_grants,
    model::{Grants, PluginState},
    plugin_limits::{LimitChanges, PluginLimits},
    plugins::{Breaking, ChangeError, Entry, Loaded, Plugin},
    time,
};

/// Whose the uploads of plugins are among those of files: no app has this name.
const OPERATOR: &str = "";

/// A plugin.
#[derive(Debug, Serialize, ToSchema)]
pub struct PluginView {
    /// The file's name without `.wasm`.
    name: String,
    /// A plugin that is ready may have an error: the file that lies there now is refused, and the version before it runs.
    state: PluginState,
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
    /// By app, what of `asks` is not granted: in the apps that name the plugin, and in those in which something is set for
    /// it. Apps that grant all of it are not in it.
    missing: BTreeMap<String, Vec<String>>,
    /// The JSON Schema of its configuration, where it has one.
    #[schema(value_type = Option<Object>)]
    config_schema: Option<serde_json::Value>,
    /// How the file that runs was let in.
    admission: Option<AdmissionView>,
    error: Option<RefusedView>,
    /// RFC 3339.
    loaded_at: Option<String>,
    calls: Calls,
    /// What keeps failing, and for which app: its calls are refused for a while. A call fails that crashes or comes to a
    /// limit, or that answers with a refusal for want of a grant; no other error does.
    breakers: Vec<BreakerView>,
    /// What its calls may use, where that is not what the calls of other plugins may.
    limits: LimitChanges,
    /// What its calls may use, for every app for which nothing else is set.
    effective_limits: PluginLimits,
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

/// A handler, rule, observer or page that keeps failing for an app.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BreakerView {
    app: String,
    /// handler, rule, observer or page.
    kind: &'static str,
    /// Its name.
    entry: String,
    /// Whether it is the canary's, and not that of the version that runs.
    is_canary: bool,
    /// Until a call is let through to see whether all is well again; 0 while one runs, or when the next one will be.
    refused_for_ms: u64,
    /// Why the last call failed.
    error: String,
}

impl BreakerView {
    fn new(breaking: Breaking, is_canary: bool) -> Self {
        let Breaking { app, kind, entry, refused_for, error } = breaking;
        let refused_for_ms = u64::try_from(refused_for.as_millis()).unwrap_or(u64::MAX);
        Self { app, kind: kind.name(), entry, is_canary, refused_for_ms, error }
    }

    /// Those that are open for the version that runs, and for its canary.
    fn all(plugin: &Plugin) -> Vec<Self> {
        let canary = plugin.canary.as_ref().map(|canary| (&canary.loaded, true));
        let versions = plugin.loaded.iter().map(|loaded| (loaded, false)).chain(canary);
        versions
            .flat_map(|(loaded, is_canary)| loaded.breaking().into_iter().map(move |one| Self::new(one, is_canary)))
            .collect()
    }
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

impl PluginView {
    /// A plugin, as these accounts use it.
    pub fn new(plugin: &Plugin, accounts: &Accounts) -> Self {
        let loaded = plugin.loaded.as_deref();
        Self {
            name: plugin.name.to_string(),
            state: plugin.state(),
            title: loaded.map(|loaded| loaded.description.name.clone()),
            version: loaded.map(|loaded| loaded.description.version.clone()),
            description: loaded.map(|loaded| loaded.description.description.clone()),
            sdk: loaded.map(|loaded| loaded.description.sdk.clone()),
            digest: loaded.map(|loaded| loaded.digest.clone()),
            exports: loaded.map(Exports::from).unwrap_or_default(),
            asks: loaded.map(|loaded| Grants::from(&loaded.description).into()).unwrap_or_default(),
            missing: loaded.map(|loaded| missing(plugin, loaded, accounts)).unwrap_or_default(),
            config_schema: loaded.and_then(Loaded::config_schema),
            admission: loaded.map(|loaded| (&loaded.report).into()),
            error: plugin.error.as_ref().map(RefusedView::from),
            loaded_at: loaded.map(|loaded| time::rfc3339_of(loaded.loaded_at)),
            breakers: BreakerView::all(plugin),
            limits: plugin.own_limits(),
            effective_limits: plugin.limits(),
            calls: Calls::from(plugin),
        }
    }
}

/// As [`PluginView::missing`], of what a version asks for.
fn missing(plugin: &Plugin, version: &Loaded, accounts: &Accounts) -> BTreeMap<String, Vec<String>> {
    missing_grants::by_app(accounts, &plugin.name, &Grants::from(&version.description))
}

/// The plugin of that name, whether it runs or not.
fn find(state: &AppState, plugin: &str) -> Result<Arc<Plugin>, Problem> {
    state.plugins.find(plugin).ok_or_else(|| Problem::not_found("plugin · 插件", plugin))
}

/// Lists the plugins.
#[utoipa::path(get, operation_id = "list_plugins", path = "/plugins", tag = "plugins", params(PageQuery), responses((status = 200, description = "Done", body = Page<PluginView>)))]
pub(super) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<PluginView>>, Problem> {
    caller.require(None, "manage")?;
    let plugins = state.plugins.list().iter().map(|plugin| PluginView::new(plugin, &state.accounts)).collect();
    Ok(Json(page.of(plugins, |plugin: &PluginView| &plugin.name)))
}

/// Reads a plugin.
#[utoipa::path(get, operation_id = "read_plugin", path = "/plugins/{plugin}", tag = "plugins", params(("plugin" = String, Path)),
    responses((status = 200, description = "Done", body = PluginDetail), NotFound))]
pub(super) async fn read(
    State(state): State<AppState>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<PluginDetail>, Problem> {
    caller.require(None, "manage")?;
    let plugin = find(&state, &name)?;
    Ok(Json(PluginDetail::read(&state, &plugin).await?))
}

/// How an upload is taken.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct UploadQuery {
    /// Make it a canary that so many of a hundred users get, 0 to 100: what runs, and the folder, stay as they are.
    /// Pages, whose visitors are not known yet, and orders without an openid always get the version that runs.
    canary: Option<u8>,
}

/// Uploads a .wasm: it is checked first, then swapped in and placed in the plugins folder, here and in every process that
/// shares the database.
#[utoipa::path(put, operation_id = "put_plugin", path = "/plugins/{plugin}", tag = "plugins", params(("plugin" = String, Path), UploadQuery),
    request_body(content = Vec<u8>, content_type = "application/wasm"),
    responses((status = 200, description = "Done", body = PluginDetail), (status = 413, description = "Too large", body = Problem), Invalid,
        (status = 503, description = "Other uploads are being checked", body = Problem)))]
pub(super) async fn put(
    State(state): State<AppState>,
    caller: Caller,
    Path(name): Path<String>,
    Query(query): Query<UploadQuery>,
    body: Body,
) -> Result<Json<PluginDetail>, Problem> {
    caller.require(None, "manage")?;
    check_canary(query.canary)?;
    let Some(_place) = state.uploads.place(OPERATOR) else {
        return Err(Problem::busy(
            "other uploads are being checked; try again in a second · 正在检查其他上传的插件，请稍后再试",
        ));
    };
    audit::note_before(&state, &caller, &name).await?;
    let bytes = received(body, state.plugins.max_file_bytes(&name)).await?;
    let plugin = match query.canary {
        Some(percent) => state.plugins.upload_canary(&name, bytes, percent).await?,
        None => state.plugins.upload(&name, bytes).await?,
    };
    Ok(Json(audit::note_after(&state, &caller, &plugin).await?))
}

fn check_canary(percent: Option<u8>) -> Result<(), Problem> {
    match percent {
        Some(101..) => Err(Problem::invalid(vec![("canary".to_owned(), "0 to 100 · 0 到 100".to_owned())])),
        _ => Ok(()),
    }
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Name => Self::invalid(vec![(
                "plugin".to_owned(),
                "1 to 64 letters, digits, `_` or `-` · 1 到 64 个字母、数字、`_` 或 `-`".to_owned(),
            )]),
            ChangeError::Refused(refused) => Self::not_admitted(&refused),
            ChangeError::NoPlugin(name) => Self::not_found("plugin · 插件", &name),
            error @ ChangeError::NoVersion(_) => Self::invalid(vec![("digest".to_owned(), error.to_string())]),
            error @ (ChangeError::NoEarlier
            | ChangeError::NoCanary(_)
            | ChangeError::NothingRuns(_)
            | ChangeError::RunsAlready) => Self::conflict(error.to_string()),
            ChangeError::Store(error) => error.into(),
        }
    }
}

/// The whole of a body. One that says that it is too large is not read at all.
async fn received(body: Body, limit: u64) -> Result<Bytes, Problem> {
    let too_large = || {
        Problem::too_large(format!(
            "the file may have {limit} bytes (plugins.max_file_mib) · 文件最大 {limit} 字节（plugins.max_file_mib）"
        ))
    };
    let announced = body.size_hint().lower();
    if announced > limit {
        return Err(too_large());
    }
    let mut bytes = BytesMut::with_capacity(usize::try_from(announced).map_err(|_| too_large())?);
    let mut chunks = body.into_data_stream();
    let broken = |error: axum::Error| {
        Problem::bad_request(because("the file did not arrive whole · 文件没有收全", &error.to_string()))
    };
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
    responses((status = 204, description = "Gone"), NotFound))]
pub(super) async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    caller.require(None, "manage")?;
    find(&state, &name)?;
    audit::note_before(&state, &caller, &name).await?;
    state.plugins.delete(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}
