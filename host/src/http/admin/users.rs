//! `/apps/{app}/users`: who follows an app or wrote to it.

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    auth::Caller,
    page::{Page, PageQuery},
};
use crate::{
    http::{
        AppState,
        error::{Body, Path, Problem, Query},
    },
    model::{User, UserChange, UserFilter},
    time,
};

/// The most characters of what is searched for.
const SEARCH_CHARACTERS: usize = 128;

/// What is known of a user.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UserView {
    /// Names the user in this app alone.
    openid: String,
    /// Names the user in all apps of one owner.
    unionid: Option<String>,
    /// Whether they follow the account now, as far as is known.
    subscribed: bool,
    /// RFC 3339: when they last began to follow.
    subscribed_at: Option<String>,
    /// RFC 3339: when they last left.
    unsubscribed_at: Option<String>,
    /// RFC 3339: when they followed for the first time that is known.
    first_subscribed_at: Option<String>,
    /// How they came to follow, such as `ADD_SCENE_QR_CODE`.
    subscribe_scene: Option<String>,
    /// The scene of the QR code by which they came.
    qr_scene: Option<String>,
    nickname: Option<String>,
    avatar_url: Option<String>,
    language: Option<String>,
    /// The account's own name for the user, which WeChat keeps.
    remark: String,
    tag_ids: Vec<u32>,
    /// A name for the user that WeChat does not know.
    alias: String,
    /// Notes that WeChat does not know.
    comment: String,
    /// RFC 3339: when WeChat last answered a question about the user.
    profile_fetched_at: Option<String>,
    /// RFC 3339: when they were first seen.
    created_at: String,
    /// RFC 3339.
    updated_at: String,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self {
            openid: user.openid,
            unionid: user.unionid,
            subscribed: user.subscribed,
            subscribed_at: user.subscribed_at.map(time::rfc3339),
            unsubscribed_at: user.unsubscribed_at.map(time::rfc3339),
            first_subscribed_at: user.first_subscribed_at.map(time::rfc3339),
            subscribe_scene: user.subscribe_scene,
            qr_scene: user.qr_scene,
            nickname: user.nickname,
            avatar_url: user.avatar_url,
            language: user.language,
            remark: user.remark,
            tag_ids: user.tag_ids,
            alias: user.alias,
            comment: user.comment,
            profile_fetched_at: user.profile_fetched_at.map(time::rfc3339),
            created_at: time::rfc3339(user.created_at),
            updated_at: time::rfc3339(user.updated_at),
        }
    }
}

/// Which users to list; all that is given must fit.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct UserQuery {
    /// The openid, or its beginning.
    openid: Option<String>,
    /// The whole unionid.
    unionid: Option<String>,
    /// A part of the nickname.
    nickname: Option<String>,
    /// A part of the remark.
    remark: Option<String>,
    /// Whether they follow the account now.
    subscribed: Option<bool>,
    /// The beginning of the openid, the whole unionid, or a part of nickname, remark, alias or comment.
    search: Option<String>,
}

impl UserQuery {
    /// What is empty does not matter: forms send it so.
    fn filter(self) -> Result<UserFilter, Problem> {
        let mut errors = Vec::new();
        let mut text = |field: &str, text: Option<String>| {
            let text = text.filter(|text| !text.is_empty())?;
            if text.chars().count() > SEARCH_CHARACTERS {
                errors.push((field.to_owned(), format!("at most {SEARCH_CHARACTERS} characters")));
            }
            Some(text)
        };
        let filter = UserFilter {
            openid: text("openid", self.openid),
            unionid: text("unionid", self.unionid),
            nickname: text("nickname", self.nickname),
            remark: text("remark", self.remark),
            subscribed: self.subscribed,
            search: text("search", self.search),
        };
        if errors.is_empty() { Ok(filter) } else { Err(Problem::invalid(errors)) }
    }
}

/// What only Weft knows of a user. What is absent stays; an empty text takes away.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UserPatch {
    /// At most 32 characters.
    alias: Option<String>,
    /// At most 1000 characters.
    comment: Option<String>,
}

/// Lists the users of an app, newest first.
#[utoipa::path(get, operation_id = "list_users", path = "/apps/{app}/users", tag = "users", params(("app" = String, Path), UserQuery, PageQuery),
    responses((status = 200, description = "Done", body = Page<UserView>), (status = 404, description = "There is none of that name", body = Problem), (status = 422, description = "Something in it cannot be", body = Problem)))]
pub(super) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
    Query(query): Query<UserQuery>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<UserView>>, Problem> {
    caller.require(Some(&app), "user")?;
    let (filter, limit) = (query.filter()?, page.limit());
    let after = page.cursor().map(after).transpose()?;
    state.store.apps().find(&app).await?.ok_or_else(|| Problem::not_found("app", &app))?;
    // One more shows whether there is another page.
    let users = state.store.users().list(&app, &filter, after, limit + 1).await?;
    let cursor = |user: &User| format!("{}.{}", user.created_at, user.openid);
    Ok(Json(Page::first(users, limit, cursor).map(UserView::from)))
}

/// The user that a cursor names: when they were first seen, and the openid.
fn after(cursor: &str) -> Result<(u64, &str), Problem> {
    let parts = cursor.split_once('.');
    let parts = parts.and_then(|(created_at, openid)| Some((created_at.parse().ok()?, openid)));
    parts.ok_or_else(|| Problem::bad_request("cursor: take the `next_cursor` of the page before"))
}

/// Reads a user.
#[utoipa::path(get, operation_id = "read_user", path = "/apps/{app}/users/{openid}", tag = "users",
    params(("app" = String, Path), ("openid" = String, Path)),
    responses((status = 200, description = "Done", body = UserView), (status = 404, description = "There is none of that name", body = Problem)))]
pub(super) async fn read(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, openid)): Path<(String, String)>,
) -> Result<Json<UserView>, Problem> {
    caller.require(Some(&app), "user")?;
    let user = state.store.users().find(&app, &openid).await?;
    Ok(Json(user.ok_or_else(|| Problem::not_found("user", &openid))?.into()))
}

/// Changes what only Weft knows of a user.
#[utoipa::path(patch, operation_id = "patch_user", path = "/apps/{app}/users/{openid}", tag = "users",
    params(("app" = String, Path), ("openid" = String, Path)), request_body = UserPatch,
    responses((status = 200, description = "Done", body = UserView), (status = 404, description = "There is none of that name", body = Problem), (status = 422, description = "Something in it cannot be", body = Problem)))]
pub(super) async fn patch(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, openid)): Path<(String, String)>,
    Body(patch): Body<UserPatch>,
) -> Result<Json<UserView>, Problem> {
    caller.require(Some(&app), "user")?;
    let change = UserChange { alias: patch.alias, comment: patch.comment };
    let errors = change.check();
    if !errors.is_empty() {
        return Err(super::invalid(errors));
    }
    let user = state.store.users().change(&app, &openid, &change).await?;
    Ok(Json(user.ok_or_else(|| Problem::not_found("user", &openid))?.into()))
}
