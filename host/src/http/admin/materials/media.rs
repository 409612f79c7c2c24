//! `/apps/{app}/media`: temporary media, which WeChat keeps for three days.

use axum::{Json, extract::State, http::StatusCode, response::Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    PERMISSION,
    content::file_response,
    find,
    form::{Form, Incoming},
};
use crate::{
    http::{
        AppState,
        admin::auth::Caller,
        error::{Path, Problem},
        responses::{Invalid, NotFound, WechatRefused},
    },
    materials::NewFile,
    model::MaterialType,
    time,
};

/// How long WeChat keeps them, in seconds.
const KEPT: u64 = 3 * 24 * 3600;

/// A file for three days.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes a form, which is read field by field")]
pub(in crate::http::admin) struct MediaForm {
    /// The file. image: png, jpg or gif of at most 10 MB; voice: amr or mp3 of at most 2 MB and 60 seconds; video: mp4
    /// of at most 10 MB; thumb: jpg of at most 64 KB. What it is is told by its content.
    #[schema(format = Binary, value_type = String)]
    media: Vec<u8>,
    /// image, voice, video or thumb.
    r#type: MaterialType,
}

/// Temporary media.
#[derive(Serialize, ToSchema)]
pub(in crate::http::admin) struct MediaView {
    media_id: String,
    r#type: MaterialType,
    /// RFC 3339.
    created_at: String,
    /// RFC 3339: WeChat keeps them until then.
    expires_at: String,
}

/// Uploads temporary media.
#[utoipa::path(post, operation_id = "create_media", path = "/apps/{app}/media", tag = "materials", params(("app" = String, Path)),
    request_body(content = MediaForm, content_type = "multipart/form-data"),
    responses((status = 201, description = "Uploaded", body = MediaView), NotFound, (status = 413, description = "Too large", body = Problem),
        Invalid, WechatRefused, (status = 503, description = "Other files are being uploaded", body = Problem)))]
pub(in crate::http::admin) async fn create(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
    incoming: Incoming,
) -> Result<(StatusCode, Json<MediaView>), Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let app = find(&state, &app).await?;
    let form = Form::read(&state, &app.name, incoming).await?;
    let (media_type, filename, bytes) = (form.media_type()?, form.filename.clone(), form.bytes.clone());
    let new = NewFile { media_type, filename, bytes, description: None };
    let uploaded = state.materials.upload_temporary(&app, new).await?;
    let view = MediaView {
        media_id: uploaded.media_id,
        r#type: media_type.into(),
        created_at: time::rfc3339(uploaded.created_at),
        expires_at: time::rfc3339(uploaded.created_at.saturating_add(KEPT)),
    };
    Ok((StatusCode::CREATED, Json(view)))
}

/// Downloads temporary media: what was uploaded here, or what a user has sent. A picture, sound or film by its content
/// is answered as such; everything else as a file to be saved.
#[utoipa::path(get, operation_id = "read_media", path = "/apps/{app}/media/{media_id}", tag = "materials",
    params(("app" = String, Path), ("media_id" = String, Path)),
    responses((status = 200, description = "The file", content_type = "application/octet-stream"), NotFound,
        WechatRefused))]
pub(in crate::http::admin) async fn read(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, media_id)): Path<(String, String)>,
) -> Result<Response, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let app = find(&state, &app).await?;
    Ok(file_response(&media_id, state.materials.download_temporary(&app, &media_id).await?))
}
