//! `/apps/{app}/users`: who follows an app or wrote to it.

pub(super) mod bulk;
pub(super) mod sync;
pub(super) mod tags;
mod view;

use axum::{Json, extract::State};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    auth::Caller,
    find_app,
    page::{Page, PageQuery},
};
use crate::{
    http::{
        AppState,
        error::{Body, Path, Problem, Query},
        problem_kind::ProblemKind,
        responses::{Invalid, NotFound, WechatRefused},
    },
    model::{User, UserChange},
    users::UserError,
};

use view::{UserQuery, UserView, Views};

/// The permission to see and change users.
const PERMISSION: &str = "user";
/// The permission to take users over from WeChat.
const SYNC: &str = "user_sync";

/// What is noted of a user. What is absent stays; an empty text takes away.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UserPatch {
    /// The account's own name for the user, which WeChat keeps; at most 30 characters.
    remark: Option<String>,
    /// A name that WeChat does not know; at most 32 characters.
    alias: Option<String>,
    /// Notes that WeChat does not know; at most 1000 characters.
    comment: Option<String>,
}

/// Lists the users of an app, newest first.
#[utoipa::path(get, operation_id = "list_users", path = "/apps/{app}/users", tag = "users", params(("app" = String, Path), UserQuery, PageQuery),
    responses((status = 200, description = "Done", body = Page<UserView>), NotFound, Invalid))]
pub(super) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
    Query(query): Query<UserQuery>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<UserView>>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let (filter, limit) = (query.filter()?, page.limit());
    let after = page.place()?;
    find_app(&state, &app).await?;
    // One more shows whether there is another page.
    let users = state.store.users().list(&app, &filter, after, limit + 1).await?;
    let cursor = |user: &User| format!("{}.{}", user.created_at, user.openid);
    let views = Views::of(&state, &app).await?;
    Ok(Json(Page::first(users, limit, cursor).map(|user| views.view(user))))
}

/// Reads a user.
#[utoipa::path(get, operation_id = "read_user", path = "/apps/{app}/users/{openid}", tag = "users",
    params(("app" = String, Path), ("openid" = String, Path)),
    responses((status = 200, description = "Done", body = UserView), NotFound))]
pub(super) async fn read(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, openid)): Path<(String, String)>,
) -> Result<Json<UserView>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let user = state.store.users().find(&app, &openid).await?;
    shown(&state, user.ok_or_else(|| Problem::not_found("user", &openid))?).await
}

/// Changes what is noted of a user. WeChat is told of a remark first; when it refuses, nothing changes.
#[utoipa::path(patch, operation_id = "patch_user", path = "/apps/{app}/users/{openid}", tag = "users",
    params(("app" = String, Path), ("openid" = String, Path)), request_body = UserPatch,
    responses((status = 200, description = "Done", body = UserView), NotFound,
        Invalid, WechatRefused))]
pub(super) async fn patch(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, openid)): Path<(String, String)>,
    Body(patch): Body<UserPatch>,
) -> Result<Json<UserView>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let app = find_app(&state, &app).await?;
    let change = UserChange { remark: patch.remark, alias: patch.alias, comment: patch.comment };
    let views = Views::of(&state, &app.name).await?;
    if let Some(before) = state.store.users().find(&app.name, &openid).await? {
        caller.notes.before(&views.view(before));
    }
    let view = views.view(state.users.change(&app, &openid, &change).await?);
    caller.notes.after(&view);
    Ok(Json(view))
}

/// Asks WeChat about a user at once, also about one who is not known yet.
#[utoipa::path(post, operation_id = "sync_user", path = "/apps/{app}/users/{openid}/sync", tag = "users",
    params(("app" = String, Path), ("openid" = String, Path)),
    responses((status = 200, description = "Done", body = UserView), (status = 404, description = "WeChat knows no such user of the account", body = Problem),
        (status = 422, description = "The account has no users that WeChat tells of", body = Problem), WechatRefused))]
pub(super) async fn sync_one(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, openid)): Path<(String, String)>,
) -> Result<Json<UserView>, Problem> {
    caller.require(Some(&app), SYNC)?;
    let app = find_app(&state, &app).await?;
    shown(&state, state.users.fetch(&app, &openid).await?).await
}

async fn shown(state: &AppState, user: User) -> Result<Json<UserView>, Problem> {
    Ok(Json(Views::of(state, &user.app).await?.view(user)))
}

impl From<UserError> for Problem {
    fn from(error: UserError) -> Self {
        let detail = error.to_string();
        match error {
            UserError::UnknownUser(openid) => Self::not_found("user", &openid),
            UserError::UnknownTag(id) => Self::not_found("tag", &id.to_string()),
            UserError::SystemTag(_) => Self::refused(ProblemKind::SystemTag, detail),
            UserError::TooManyTags => Self::refused(ProblemKind::TooManyTags, detail),
            UserError::TooManyUsers => Self::refused(ProblemKind::TooManyUsers, detail),
            UserError::Invalid(errors) => super::invalid(errors),
            UserError::Call(error) => error.into(),
            UserError::Unfinished { error, .. } => Self::from(error).in_words(detail).may_be_done(),
            UserError::Store(error) => error.into(),
        }
    }
}
