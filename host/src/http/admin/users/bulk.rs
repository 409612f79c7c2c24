//! `/apps/{app}/users/tag`, `…/untag`, `…/blacklist` and `…/unblacklist`: many users at once.

use std::collections::HashSet;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::{PERMISSION, find_app};
use crate::{
    http::{
        AppState,
        admin::{
            auth::Caller,
            jobs::{Asked, StartedView, start},
        },
        error::{Body, Path, Problem},
        responses::{Invalid, WechatRefused},
    },
    model::Ability,
    users::{
        BulkChange, RefusedUser,
        jobs::{BULK, BulkInput},
    },
};

/// How many users are changed while the caller waits.
const MOST: usize = 1000;

/// Which users, and which tag.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct TaggedUsers {
    tag_id: u32,
    openids: Vec<String>,
}

/// Which users.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct ListedUsers {
    openids: Vec<String>,
}

/// What has come of it.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct BulkView {
    /// How many users were changed.
    done: usize,
    /// Whom WeChat has refused, and why. Nothing has changed for them.
    failed: Vec<RefusedUserView>,
}

#[derive(Debug, Serialize, ToSchema)]
struct RefusedUserView {
    openid: String,
    /// WeChat's code.
    errcode: i64,
    /// What it means and what to do.
    error: String,
}

impl From<RefusedUser> for RefusedUserView {
    fn from(RefusedUser { openid, errcode, error }: RefusedUser) -> Self {
        Self { openid, errcode, error }
    }
}

/// Gives users a tag.
#[utoipa::path(post, operation_id = "tag_users", path = "/apps/{app}/users/tag", tag = "users", params(("app" = String, Path)), request_body = TaggedUsers,
    responses((status = 200, description = "Done, as far as WeChat did it", body = BulkView), (status = 202, description = "It runs: there are more than 1000 users", body = StartedView), (status = 404, description = "There is no such app or tag", body = Problem),
        Invalid, WechatRefused))]
pub(in crate::http::admin) async fn tag(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
    Body(users): Body<TaggedUsers>,
) -> Result<Response, Problem> {
    change(&state, &caller, &app, BulkChange::Tag { tag_id: users.tag_id }, users.openids).await
}

/// Takes a tag off users.
#[utoipa::path(post, operation_id = "untag_users", path = "/apps/{app}/users/untag", tag = "users", params(("app" = String, Path)), request_body = TaggedUsers,
    responses((status = 200, description = "Done, as far as WeChat did it", body = BulkView), (status = 202, description = "It runs: there are more than 1000 users", body = StartedView), (status = 404, description = "There is no such app or tag", body = Problem),
        Invalid, WechatRefused))]
pub(in crate::http::admin) async fn untag(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
    Body(users): Body<TaggedUsers>,
) -> Result<Response, Problem> {
    change(&state, &caller, &app, BulkChange::Untag { tag_id: users.tag_id }, users.openids).await
}

/// Puts users on the blacklist: what they send reaches nobody.
#[utoipa::path(post, operation_id = "blacklist_users", path = "/apps/{app}/users/blacklist", tag = "users", params(("app" = String, Path)), request_body = ListedUsers,
    responses((status = 200, description = "Done, as far as WeChat did it", body = BulkView), (status = 202, description = "It runs: there are more than 1000 users", body = StartedView), (status = 404, description = "There is no such app or tag", body = Problem),
        Invalid, WechatRefused))]
pub(in crate::http::admin) async fn blacklist(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
    Body(users): Body<ListedUsers>,
) -> Result<Response, Problem> {
    change(&state, &caller, &app, BulkChange::Blacklist, users.openids).await
}

/// Takes users off the blacklist.
#[utoipa::path(post, operation_id = "unblacklist_users", path = "/apps/{app}/users/unblacklist", tag = "users", params(("app" = String, Path)), request_body = ListedUsers,
    responses((status = 200, description = "Done, as far as WeChat did it", body = BulkView), (status = 202, description = "It runs: there are more than 1000 users", body = StartedView), (status = 404, description = "There is no such app or tag", body = Problem),
        Invalid, WechatRefused))]
pub(in crate::http::admin) async fn unblacklist(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
    Body(users): Body<ListedUsers>,
) -> Result<Response, Problem> {
    change(&state, &caller, &app, BulkChange::Unblacklist, users.openids).await
}

async fn change(
    state: &AppState,
    caller: &Caller,
    app: &str,
    change: BulkChange,
    mut openids: Vec<String>,
) -> Result<Response, Problem> {
    caller.require(Some(app), PERMISSION)?;
    let app = find_app(state, app).await?;
    let mut seen = HashSet::new();
    openids.retain(|openid| seen.insert(openid.clone()));
    if openids.len() > MOST {
        state.users.check_many(&app, change, &openids).await?;
        let input = json!(BulkInput { change, openids });
        let key = hex::encode(Sha256::digest(input.to_string()));
        let asked = Asked { kind: BULK, key, permission: PERMISSION, input };
        return Ok(start(state, caller, &app, Ability::Users, asked).await?.into_response());
    }
    let outcome = state.users.change_many(&app, change, &openids).await?;
    let failed = outcome.failed.into_iter().map(RefusedUserView::from).collect();
    Ok(Json(BulkView { done: outcome.done, failed }).into_response())
}
