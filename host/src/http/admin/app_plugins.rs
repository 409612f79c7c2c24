//! `/apps/{app}/plugins`: what plugins may do for an app.

use std::collections::BTreeSet;

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{
    auth::Caller,
    find_app,
    page::{Page, PageQuery},
    plugins::patch::out_of_range,
};
use crate::{
    http::{
        AppState,
        error::{Body, Path, Problem, Query},
        responses::{Forbidden, Invalid, NotFound},
    },
    json_object::JsonObject,
    model::{AppPlugin, FieldError, Grants, HttpHost},
    plugin_limits::{LimitChanges, PluginLimits},
    plugins::CallError,
    time,
    upstream::is_public,
};

/// What one plugin is set to and may do for one app.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AppPluginView {
    app: String,
    plugin: String,
    #[serde(flatten)]
    set: Settings,
    /// What the plugin that is loaded would like to be granted.
    asked: GrantsView,
    /// What of it is not granted: calls that need it are refused.
    missing: GrantsView,
    /// What its calls for this app may use.
    effective_limits: PluginLimits,
    /// RFC 3339; null where nothing is set.
    updated_at: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// Configuration, grants and limits. What is left out is not granted.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Settings {
    /// JSON handed to the plugin as it is; at most 64 KiB.
    #[schema(value_type = Object)]
    config: JsonObject,
    /// A key-value store of its own.
    kv: bool,
    /// Where it may send HTTP requests: scheme, host and maybe port, such as `https://*.example.com`. A name reaches
    /// public addresses only; a machine of this network is granted by its address, such as `http://10.0.0.7:8080`, with a
    /// token that manages all apps. Nobody grants link-local addresses, and those where clouds tell their machines their
    /// secrets.
    http_hosts: Vec<String>,
    /// Beginnings of the paths of WeChat's API that it may call, by whole segments, such as `/cgi-bin/message/`.
    wechat_apis: Vec<String>,
    /// The app's users.
    users: bool,
    /// read, create, refund.
    orders: Vec<String>,
    /// Beginnings of the paths of WeChat Pay that it may call with the keys of the app's merchants, by whole segments, such
    /// as `/v3/profitsharing/`. These move money.
    pay_apis: Vec<String>,
    /// Pages in the app's name: requests to `/wechat/{app}/pages/{plugin}/` go to the plugin. Without, they are answered 404.
    pages: bool,
    /// What its calls for this app may use, where that is not what they may use for other apps. More than that needs a
    /// token that manages all apps.
    limits: LimitChanges,
}

/// What can be granted to a plugin.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(super) struct GrantsView {
    kv: bool,
    http_hosts: Vec<String>,
    wechat_apis: Vec<String>,
    users: bool,
    orders: Vec<String>,
    pay_apis: Vec<String>,
    pages: bool,
}

impl From<Grants> for GrantsView {
    fn from(grants: Grants) -> Self {
        let Grants { kv, http_hosts, wechat_apis, users, orders, pay_apis, pages } = grants;
        Self { kv, http_hosts, wechat_apis, users, orders, pay_apis, pages }
    }
}

impl From<AppPlugin> for Settings {
    fn from(record: AppPlugin) -> Self {
        let AppPlugin { config, grants, limits, .. } = record;
        let Grants { kv, http_hosts, wechat_apis, users, orders, pay_apis, pages } = grants;
        Self { config, kv, http_hosts, wechat_apis, users, orders, pay_apis, pages, limits }
    }
}

impl Settings {
    fn record(self, app: &str, plugin: &str) -> AppPlugin {
        let Self { config, kv, http_hosts, wechat_apis, users, orders, pay_apis, pages, limits } = self;
        AppPlugin {
            config,
            grants: Grants { kv, http_hosts, wechat_apis, users, orders, pay_apis, pages },
            limits,
            ..AppPlugin::new(app, plugin)
        }
    }

    /// These, with what a JSON merge patch says.
    fn patched(self, patch: Value) -> Result<Self, Problem> {
        let mut settings = serde_json::to_value(self).map_err(|error| Problem::internal(&error))?;
        merge(&mut settings, patch);
        serde_path_to_error::deserialize(settings).map_err(|error| Problem::unfit(&error))
    }
}

/// As RFC 7396 says: fields of objects are merged, null takes one away, and everything else takes the place of what was.
fn merge(target: &mut Value, patch: Value) {
    match patch {
        Value::Object(patch) => {
            if !target.is_object() {
                *target = Value::Object(Map::new());
            }
            let Value::Object(fields) = target else { return };
            for (name, value) in patch {
                if value.is_null() {
                    fields.remove(&name);
                } else {
                    merge(fields.entry(name).or_insert(Value::Null), value);
                }
            }
        }
        value => *target = value,
    }
}

fn view(state: &AppState, record: AppPlugin) -> AppPluginView {
    let found = state.plugins.find(&record.plugin);
    let loaded = found.as_ref().and_then(|plugin| plugin.loaded.clone());
    let warning = if found.is_some_and(|plugin| plugin.is_disabled) {
        Some(CallError::Disabled(record.plugin.clone()).to_string())
    } else if loaded.is_none() {
        Some(CallError::NotLoaded(record.plugin.clone()).to_string())
    } else {
        None
    };
    let asked = loaded.as_ref().map(|loaded| Grants::from(&loaded.description)).unwrap_or_default();
    let lacking = asked.beyond(&record.grants);
    AppPluginView {
        app: record.app.clone(),
        plugin: record.plugin.clone(),
        asked: asked.into(),
        missing: lacking.into(),
        effective_limits: state.plugins.limits_of(&record.plugin, Some(&record)),
        // Null for a record that is stored nowhere.
        updated_at: (record.updated_at > 0).then(|| time::rfc3339(record.updated_at)),
        set: record.into(),
        warnings: warning.into_iter().collect(),
    }
}

/// The plugins that an app names.
fn named(state: &AppState, app: &str) -> BTreeSet<String> {
    let Some(account) = state.accounts.find(app) else { return BTreeSet::new() };
    account.plugin_targets().map(|target| target.plugin.clone()).collect()
}

/// Lists the plugins that this app names or for which something is set in it.
#[utoipa::path(get, operation_id = "list_app_plugins", path = "/apps/{app}/plugins", tag = "apps", params(("app" = String, Path), PageQuery),
    responses((status = 200, description = "Done", body = Page<AppPluginView>), NotFound))]
pub(super) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<AppPluginView>>, Problem> {
    caller.require(Some(&app), "manage")?;
    find_app(&state, &app).await?;
    let mut records = state.store.app_plugins().list(&app).await?;
    let mut unset = named(&state, &app);
    for record in &records {
        unset.remove(&record.plugin);
    }
    records.extend(unset.into_iter().map(|plugin| AppPlugin::new(&app, plugin)));
    records.sort_by(|one, other| one.plugin.cmp(&other.plugin));
    let page = page.of(records, |record: &AppPlugin| &record.plugin);
    Ok(Json(page.map(|record| view(&state, record))))
}

/// Reads what a plugin may do for this app. Where nothing is set yet, that is nothing: for plugins that are there, and for
/// those that the app names.
#[utoipa::path(get, operation_id = "read_app_plugin", path = "/apps/{app}/plugins/{plugin}", tag = "apps",
    params(("app" = String, Path), ("plugin" = String, Path)),
    responses((status = 200, description = "Done", body = AppPluginView), NotFound))]
pub(super) async fn read(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, plugin)): Path<(String, String)>,
) -> Result<Json<AppPluginView>, Problem> {
    caller.require(Some(&app), "manage")?;
    if let Some(record) = state.store.app_plugins().find(&app, &plugin).await? {
        return Ok(Json(view(&state, record)));
    }
    find_app(&state, &app).await?;
    if state.plugins.find(&plugin).is_none() && !named(&state, &app).contains(&plugin) {
        return Err(Problem::not_found("setting for plugin · 插件设置", &plugin));
    }
    Ok(Json(view(&state, AppPlugin::new(&app, plugin))))
}

/// Sets what a plugin may do for this app; what was set before is replaced. Limits above those of the other apps, and new
/// addresses in `http_hosts` that are not public, need a token that manages all apps.
#[utoipa::path(put, operation_id = "put_app_plugin", path = "/apps/{app}/plugins/{plugin}", tag = "apps",
    params(("app" = String, Path), ("plugin" = String, Path)), request_body = Settings,
    responses((status = 200, description = "Done", body = AppPluginView), Forbidden, NotFound, Invalid))]
pub(super) async fn put(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, plugin)): Path<(String, String)>,
    Body(set): Body<Settings>,
) -> Result<Json<AppPluginView>, Problem> {
    change(&state, &caller, &app, &plugin, |_| Ok(set.clone())).await
}

/// Changes what a plugin may do for this app, or sets it where nothing was set: what is absent stays, also inside `config`
/// and `limits`, null takes away, and a list takes the place of the whole list (JSON merge patch, RFC 7396). What needs a
/// token that manages all apps is as with PUT.
#[utoipa::path(patch, operation_id = "patch_app_plugin", path = "/apps/{app}/plugins/{plugin}", tag = "apps",
    params(("app" = String, Path), ("plugin" = String, Path)), request_body = Settings,
    responses((status = 200, description = "Done", body = AppPluginView), Forbidden, NotFound, Invalid))]
pub(super) async fn patch(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, plugin)): Path<(String, String)>,
    Body(patch): Body<Map<String, Value>>,
) -> Result<Json<AppPluginView>, Problem> {
    change(&state, &caller, &app, &plugin, |before| before.patched(Value::Object(patch.clone()))).await
}

/// Stores what `change` makes of what is set for a plugin in an app, which is nothing at first.
async fn change(
    state: &AppState,
    caller: &Caller,
    app: &str,
    plugin: &str,
    change: impl Fn(Settings) -> Result<Settings, Problem> + Send + Sync,
) -> Result<Json<AppPluginView>, Problem> {
    caller.require(Some(app), "manage")?;
    let app_plugins = state.store.app_plugins();
    let found = app_plugins.find(app, plugin).await?;
    let checked = |before: Option<&AppPlugin>| {
        let (granted, limited) = before.map(|before| (before.grants.clone(), before.limits)).unwrap_or_default();
        let settings = before.cloned().map(Settings::from).unwrap_or_default();
        let record = change(settings)?.record(app, plugin);
        let mut errors = record.check();
        errors.extend(out_of_range(state, &record.limits));
        if record.limits.max_file_mib.is_some() {
            let rule = "not for one app: PATCH /api/v1/plugins/{plugin} sets it · 不能按账号设置，请用 PATCH /api/v1/plugins/{plugin}";
            errors.push(FieldError::new("limits.max_file_mib", rule));
        }
        if !errors.is_empty() {
            return Err(super::invalid(errors));
        }
        // Weft's own network, and what every app may use of the machine, are not for those to give who manage one app.
        let exceeds = record.limits != limited && record.limits.exceed(&state.plugins.limits_of_all_apps(plugin));
        if exceeds || reaches_further(&granted, &record.grants) {
            caller.require(None, "manage")?;
        }
        Ok(record)
    };
    // First without a turn at writing, so that nobody waits for a request that is refused.
    checked(found.as_ref())?;
    let mut was = None;
    let changing = app_plugins.change(app, plugin, |before| checked(before.as_ref()).inspect(|_| was = before));
    let stored = changing.await?;
    if let Some(was) = was {
        caller.notes.before(&view(state, was));
    }
    state.accounts.take_over().await;
    state.plugins.begins_anew(plugin, app).await;
    let view = view(state, stored);
    caller.notes.after(&view);
    Ok(Json(view))
}

/// Takes configuration, grants and limits away.
#[utoipa::path(delete, operation_id = "delete_app_plugin", path = "/apps/{app}/plugins/{plugin}", tag = "apps",
    params(("app" = String, Path), ("plugin" = String, Path)),
    responses((status = 204, description = "Gone"), NotFound))]
pub(super) async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, plugin)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    caller.require(Some(&app), "manage")?;
    if let Some(before) = state.store.app_plugins().find(&app, &plugin).await? {
        caller.notes.before(&view(&state, before));
    }
    if !state.store.app_plugins().delete(&app, &plugin).await? {
        return Err(Problem::not_found("setting for plugin · 插件设置", &plugin));
    }
    state.accounts.take_over().await;
    state.plugins.begins_anew(&plugin, &app).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Whether `after` lets the plugin reach an address that is not on the internet, and `before` does not.
fn reaches_further(before: &Grants, after: &Grants) -> bool {
    let new = after.http_hosts.iter().filter(|host| !before.http_hosts.contains(host));
    new.filter_map(|host| host.parse::<HttpHost>().ok())
        .filter_map(|host| host.address())
        .any(|address| !is_public(address))
}
