//! `/apps/{app}/users/sync` and `…/blacklist/sync`: taking users over from WeChat, as jobs.

use axum::extract::State;
use serde_json::json;

use super::{SYNC, find_app};
use crate::{
    http::{
        AppState,
        admin::{
            auth::Caller,
            jobs::{Asked, StartedView, start},
        },
        error::{Body, Path, Problem},
        responses::NotFound,
    },
    model::Ability,
    users::jobs::{BLACKLIST_SYNC, USER_SYNC, UserSyncInput},
};

/// Takes followers over from WeChat: those who came since the last time, or all of them. It goes on after a crash.
#[utoipa::path(post, operation_id = "sync_users", path = "/apps/{app}/users/sync", tag = "users", params(("app" = String, Path)), request_body = UserSyncInput,
    responses((status = 202, description = "It runs", body = StartedView), NotFound,
        (status = 422, description = "The account has no users that WeChat tells of", body = Problem)))]
pub(in crate::http::admin) async fn users(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
    Body(input): Body<UserSyncInput>,
) -> Result<StartedView, Problem> {
    caller.require(Some(&app), SYNC)?;
    let app = find_app(&state, &app).await?;
    let asked = Asked { kind: USER_SYNC, key: String::new(), permission: SYNC, input: json!(input) };
    start(&state, &caller, &app, Ability::Users, asked).await
}

/// Takes over from WeChat who is on the blacklist.
#[utoipa::path(post, operation_id = "sync_blacklist", path = "/apps/{app}/users/blacklist/sync", tag = "users", params(("app" = String, Path)),
    responses((status = 202, description = "It runs", body = StartedView), NotFound,
        (status = 422, description = "The account has no users that WeChat tells of", body = Problem)))]
pub(in crate::http::admin) async fn blacklist(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
) -> Result<StartedView, Problem> {
    caller.require(Some(&app), SYNC)?;
    let app = find_app(&state, &app).await?;
    let asked = Asked { kind: BLACKLIST_SYNC, key: String::new(), permission: SYNC, input: json!({}) };
    start(&state, &caller, &app, Ability::Users, asked).await
}
