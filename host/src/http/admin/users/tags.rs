//! `/apps/{app}/users/{openid}/tags/{tag}`: the tags of one user.

use axum::{Json, extract::State};

use super::{PERMISSION, find_app, shown, view::UserView};
use crate::http::{
    AppState,
    admin::auth::Caller,
    error::{Path, Problem},
    responses::WechatRefused,
};

/// Gives a user a tag. A user has 20 at most.
#[utoipa::path(put, operation_id = "put_user_tag", path = "/apps/{app}/users/{openid}/tags/{tag}", tag = "users",
    params(("app" = String, Path), ("openid" = String, Path), ("tag" = u32, Path)),
    responses((status = 200, description = "Done", body = UserView), (status = 404, description = "There is no such user or tag", body = Problem),
        (status = 422, description = "The user has 20 tags", body = Problem), WechatRefused))]
pub(in crate::http::admin) async fn put(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, openid, tag)): Path<(String, String, u32)>,
) -> Result<Json<UserView>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let app = find_app(&state, &app).await?;
    shown(&state, state.users.add_tag(&app, &openid, tag).await?).await
}

/// Takes a tag off a user.
#[utoipa::path(delete, operation_id = "delete_user_tag", path = "/apps/{app}/users/{openid}/tags/{tag}", tag = "users",
    params(("app" = String, Path), ("openid" = String, Path), ("tag" = u32, Path)),
    responses((status = 200, description = "Done", body = UserView), (status = 404, description = "There is no such user or tag", body = Problem),
        WechatRefused))]
pub(in crate::http::admin) async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, openid, tag)): Path<(String, String, u32)>,
) -> Result<Json<UserView>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let app = find_app(&state, &app).await?;
    shown(&state, state.users.remove_tag(&app, &openid, tag).await?).await
}
