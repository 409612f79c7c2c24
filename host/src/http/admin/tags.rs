//! `/apps/{app}/tags`: the tags that an account gives its users.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{
    auth::Caller,
    find_app,
    jobs::{Asked, StartedView, start},
    page::{Page, PageQuery},
};
use crate::{
    http::{
        AppState,
        error::{Body, Path, Problem, Query},
        responses::{Invalid, NotFound, WechatRefused},
    },
    model::{Ability, App, Tag, is_system_tag},
    time,
    users::{
        TagSync, UserError,
        jobs::{TAG_DELETION, TAG_USER_SYNC, TagDeletionInput, TagUserSyncInput},
    },
};

/// The permission to see and change tags.
const PERMISSION: &str = "usertag";
/// The permission to take tags over from WeChat.
const SYNC: &str = "usertag_sync";

/// A tag.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TagView {
    id: u32,
    name: String,
    /// Whether it is WeChat's own: nobody renames or deletes those.
    system: bool,
    /// How many users had it when WeChat was asked last.
    count: u64,
    /// RFC 3339: when WeChat last told of it.
    synced_at: String,
}

impl From<Tag> for TagView {
    fn from(tag: Tag) -> Self {
        Self {
            id: tag.id,
            system: is_system_tag(tag.id),
            name: tag.name,
            count: tag.user_count,
            synced_at: time::rfc3339(tag.synced_at),
        }
    }
}

/// What there is to say of a tag.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TagFields {
    /// 1 to 30 characters; no other tag has it.
    name: String,
}

/// What a sync has done.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TagSyncView {
    /// The tags as they are now.
    tags: Vec<TagView>,
    /// Tags that were known before, and are gone or have another name now. WeChat gives the ids of deleted tags again,
    /// so nobody has them any more as far as is known here; the next sync of users shows who has.
    dropped: Vec<DroppedTagView>,
}

#[derive(Debug, Serialize, ToSchema)]
struct DroppedTagView {
    id: u32,
    /// The one it had.
    name: String,
}

/// Lists the tags of an app, in the order of their ids, as they were synced last.
#[utoipa::path(get, operation_id = "list_tags", path = "/apps/{app}/tags", tag = "tags", params(("app" = String, Path), PageQuery),
    responses((status = 200, description = "Done", body = Page<TagView>), NotFound))]
pub(super) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<TagView>>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let last: Option<u32> = page.after()?;
    find_app(&state, &app).await?;
    let mut tags = state.store.tags().list(&app).await?;
    tags.retain(|tag| last.is_none_or(|last| tag.id > last));
    Ok(Json(Page::first(tags, page.limit(), |tag| tag.id.to_string()).map(TagView::from)))
}

/// Makes a tag, at WeChat first. An account has 100 at most.
#[utoipa::path(post, operation_id = "create_tag", path = "/apps/{app}/tags", tag = "tags", params(("app" = String, Path)), request_body = TagFields,
    responses((status = 201, description = "Made", body = TagView), NotFound,
        Invalid, WechatRefused))]
pub(super) async fn create(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
    Body(fields): Body<TagFields>,
) -> Result<(StatusCode, Json<TagView>), Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let app = find_app(&state, &app).await?;
    let view = TagView::from(state.users.create_tag(&app, &fields.name).await?);
    caller.notes.after(&view);
    Ok((StatusCode::CREATED, Json(view)))
}

/// Reads a tag, as it was synced last.
#[utoipa::path(get, operation_id = "read_tag", path = "/apps/{app}/tags/{tag}", tag = "tags", params(("app" = String, Path), ("tag" = u32, Path)),
    responses((status = 200, description = "Done", body = TagView), (status = 404, description = "There is no such tag", body = Problem)))]
pub(super) async fn read(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, id)): Path<(String, u32)>,
) -> Result<Json<TagView>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let tag = state.store.tags().find(&app, id).await?;
    Ok(Json(tag.ok_or_else(|| Problem::not_found("tag", &id.to_string()))?.into()))
}

/// Gives a tag another name, at WeChat first.
#[utoipa::path(patch, operation_id = "patch_tag", path = "/apps/{app}/tags/{tag}", tag = "tags", params(("app" = String, Path), ("tag" = u32, Path)), request_body = TagFields,
    responses((status = 200, description = "Done", body = TagView), (status = 404, description = "There is no such tag", body = Problem),
        (status = 422, description = "It is WeChat's own, or the name cannot be", body = Problem), WechatRefused))]
pub(super) async fn patch(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, id)): Path<(String, u32)>,
    Body(fields): Body<TagFields>,
) -> Result<Json<TagView>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let app = find_app(&state, &app).await?;
    note_before(&state, &caller, &app, id).await?;
    let view = TagView::from(state.users.rename_tag(&app, id, &fields.name).await?);
    caller.notes.after(&view);
    Ok(Json(view))
}

/// Deletes a tag, at WeChat first, and takes it off its users. WeChat wants it to be taken off one after the other first
/// when they are more than 100 000: that is a job.
#[utoipa::path(delete, operation_id = "delete_tag", path = "/apps/{app}/tags/{tag}", tag = "tags", params(("app" = String, Path), ("tag" = u32, Path)),
    responses((status = 204, description = "Gone"), (status = 202, description = "It runs", body = StartedView), (status = 404, description = "There is no such tag", body = Problem),
        (status = 422, description = "It is WeChat's own", body = Problem), WechatRefused))]
pub(super) async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, id)): Path<(String, u32)>,
) -> Result<Response, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let app = find_app(&state, &app).await?;
    note_before(&state, &caller, &app, id).await?;
    match state.users.delete_tag(&app, id).await {
        Err(UserError::TooManyUsers) => {
            let input = json!(TagDeletionInput { tag_id: id });
            let asked = Asked { kind: TAG_DELETION, key: id.to_string(), permission: PERMISSION, input };
            Ok(start(&state, &caller, &app, Ability::Users, asked).await?.into_response())
        }
        deleted => {
            deleted?;
            Ok(StatusCode::NO_CONTENT.into_response())
        }
    }
}

async fn note_before(state: &AppState, caller: &Caller, app: &App, id: u32) -> Result<(), Problem> {
    if let Some(before) = state.store.tags().find(&app.name, id).await? {
        caller.notes.before(&TagView::from(before));
    }
    Ok(())
}

/// Takes all tags over from WeChat.
#[utoipa::path(post, operation_id = "sync_tags", path = "/apps/{app}/tags/sync", tag = "tags", params(("app" = String, Path)),
    responses((status = 200, description = "Done", body = TagSyncView), NotFound,
        (status = 422, description = "The account has no tags", body = Problem), WechatRefused))]
pub(super) async fn sync(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
) -> Result<Json<TagSyncView>, Problem> {
    caller.require(Some(&app), SYNC)?;
    let app = find_app(&state, &app).await?;
    let TagSync { tags, dropped } = state.users.sync_tags(&app).await?;
    let dropped = dropped.into_iter().map(|tag| DroppedTagView { id: tag.id, name: tag.name }).collect();
    Ok(Json(TagSyncView { tags: tags.into_iter().map(TagView::from).collect(), dropped }))
}

/// What to take over with the users of a tag.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TagUserSync {
    /// Whether WeChat is asked about each of them, too; it is not without.
    #[serde(default)]
    details: bool,
}

/// Takes over from WeChat who has a tag.
#[utoipa::path(post, operation_id = "sync_tag_users", path = "/apps/{app}/tags/{tag}/sync", tag = "tags", params(("app" = String, Path), ("tag" = u32, Path)), request_body = TagUserSync,
    responses((status = 202, description = "It runs", body = StartedView), (status = 404, description = "There is no such tag", body = Problem),
        (status = 422, description = "The account has no tags", body = Problem)))]
pub(super) async fn sync_users(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, id)): Path<(String, u32)>,
    Body(body): Body<TagUserSync>,
) -> Result<StartedView, Problem> {
    caller.require(Some(&app), SYNC)?;
    let app = find_app(&state, &app).await?;
    state.store.tags().find(&app.name, id).await?.ok_or_else(|| Problem::not_found("tag", &id.to_string()))?;
    let input = json!(TagUserSyncInput { tag_id: id, details: body.details });
    let asked = Asked { kind: TAG_USER_SYNC, key: id.to_string(), permission: SYNC, input };
    start(&state, &caller, &app, Ability::Users, asked).await
}
