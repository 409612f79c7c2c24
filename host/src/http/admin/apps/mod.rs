//! `/apps`: the WeChat accounts.

mod fields;

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;

use super::{
    auth::Caller,
    find_app,
    page::{Page, PageQuery},
};
use crate::{
    bilingual::because,
    http::{
        AppState,
        error::{Body, Path, Problem, Query},
        responses::{Forbidden, Invalid, NotFound},
    },
    model::{App, AppSettings},
    storage::StoreError,
};

use fields::{AppPatch, AppView, NewApp, view};

/// How to delete.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DeleteQuery {
    /// Whether the orders and refunds of the app are to be lost with it, paid ones too.
    with_orders: Option<bool>,
}

/// Lists the apps that the token may manage.
#[utoipa::path(get, operation_id = "list_apps", path = "/apps", tag = "apps", params(PageQuery), responses((status = 200, description = "Done", body = Page<AppView>)))]
pub(super) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<AppView>>, Problem> {
    let apps = state.store.apps().list().await?;
    let seen = apps.iter().filter(|app| caller.sees(&app.name)).map(|app| view(&state, app)).collect();
    Ok(Json(page.of(seen, |app: &AppView| &app.name)))
}

/// Creates an app.
#[utoipa::path(post, operation_id = "create_app", path = "/apps", tag = "apps", request_body = NewApp, responses(
    (status = 201, description = "Created", body = AppView), (status = 409, description = "The name is taken", body = Problem), Invalid))]
pub(super) async fn create(
    State(state): State<AppState>,
    caller: Caller,
    Body(new): Body<NewApp>,
) -> Result<(StatusCode, Json<AppView>), Problem> {
    caller.require(None, "manage")?;
    let app = App::from(new);
    let errors = app.check();
    if !errors.is_empty() {
        return Err(super::invalid(errors));
    }
    let app = state.store.apps().insert(&app).await?;
    state.plugins.begin_anew_for(&app.name).await;
    state.accounts.take_over().await;
    let view = view(&state, &app);
    caller.notes.app(&app.name);
    caller.notes.after(&view);
    Ok((StatusCode::CREATED, Json(view)))
}

/// Reads an app.
#[utoipa::path(get, operation_id = "read_app", path = "/apps/{app}", tag = "apps", params(("app" = String, Path, description = "Its name")),
    responses((status = 200, description = "Done", body = AppView), NotFound))]
pub(super) async fn read(
    State(state): State<AppState>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<AppView>, Problem> {
    caller.require(Some(&name), "manage")?;
    let app = find_app(&state, &name).await?;
    Ok(Json(view(&state, &app)))
}

/// Whether the app has Weft connect to more addresses than before, which may be in Weft's own network: that is not for
/// those to say who manage one app.
fn reaches_further(before: &AppSettings, after: &AppSettings) -> bool {
    after.forward_hosts.iter().any(|host| !before.forward_hosts.contains(host))
        || (after.access_token_url.is_some() && after.access_token_url != before.access_token_url)
}

/// Whether the app has more calls of plugins at once than before, and than others: what all share is not for those to
/// give who manage one app.
fn uses_more(before: &AppSettings, after: &AppSettings, others: u32) -> bool {
    let others = u64::from(others);
    let most = before.max_plugin_concurrency.map_or(others, |calls| calls.max(others));
    after.max_plugin_concurrency.is_some_and(|calls| calls > most)
}

/// Changes an app. New `forward_hosts`, another `access_token_url`, and a `max_plugin_concurrency` above that of other apps
/// need a token that manages all apps.
#[utoipa::path(patch, operation_id = "patch_app", path = "/apps/{app}", tag = "apps", params(("app" = String, Path, description = "Its name")),
    request_body = AppPatch,
    responses((status = 200, description = "Done", body = AppView), Forbidden, NotFound, Invalid))]
pub(super) async fn patch(
    State(state): State<AppState>,
    caller: Caller,
    Path(name): Path<String>,
    Body(patch): Body<AppPatch>,
) -> Result<Json<AppView>, Problem> {
    caller.require(Some(&name), "manage")?;
    let change = |app: &mut App| {
        let before = app.clone();
        caller.notes.before(&view(&state, &before));
        patch.apply(app);
        let others = state.config.plugins.max_app_concurrency;
        if reaches_further(&before.settings, &app.settings) || uses_more(&before.settings, &app.settings, others) {
            caller.require(None, "manage")?;
        }
        let errors = app.check_change(&before);
        if errors.is_empty() { Ok(()) } else { Err(super::invalid(errors)) }
    };
    let app = state.store.apps().change(&name, change).await?.ok_or_else(|| Problem::not_found("app · 账号", &name))?;
    state.accounts.take_over().await;
    let view = view(&state, &app);
    caller.notes.after(&view);
    Ok(Json(view))
}

/// Deletes an app with all that belongs to it. One that has orders is only deleted with `with_orders`.
#[utoipa::path(delete, operation_id = "delete_app", path = "/apps/{app}", tag = "apps",
    params(("app" = String, Path, description = "Its name"), DeleteQuery),
    responses((status = 204, description = "Gone"), NotFound, (status = 409, description = "It has orders", body = Problem)))]
pub(super) async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    Path(name): Path<String>,
    Query(query): Query<DeleteQuery>,
) -> Result<StatusCode, Problem> {
    caller.require(None, "manage")?;
    if let Some(app) = state.store.apps().find(&name).await? {
        caller.notes.before(&view(&state, &app));
    }
    let apps = state.store.apps();
    let with_orders = query.with_orders.unwrap_or(false);
    let deleted = if with_orders { apps.delete_with_orders(&name).await } else { apps.delete(&name).await };
    let refused = |error: StoreError| match error {
        StoreError::HasOrders { .. } => Problem::conflict(because(
            &error.to_string(),
            "keep it, or add `?with_orders=true` to lose them, paid ones too · 请保留账号，或加 `?with_orders=true` 连同订单（包括已支付的）一并删除",
        )),
        error => error.into(),
    };
    if !deleted.map_err(refused)? {
        return Err(Problem::not_found("app · 账号", &name));
    }
    state.accounts.take_over().await;
    Ok(StatusCode::NO_CONTENT)
}
