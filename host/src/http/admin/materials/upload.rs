//! `POST /apps/{app}/materials` and `…/from-media`: files that are to stay.

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use weft_wechat::api::material::add_material::VideoDescription;

use super::{
    PERMISSION, find,
    form::{Form, Incoming},
    view::MaterialView,
};
use crate::{
    http::{
        AppState,
        admin::auth::Caller,
        error::{Body, Path, Problem},
        responses::{Invalid, NotFound, WechatRefused},
    },
    materials::{NewFile, Uploaded},
    model::{FieldError, MaterialType},
};

/// A file that is to stay.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes a form, which is read field by field")]
pub(in crate::http::admin) struct MaterialForm {
    /// The file. image: png, jpg, gif or bmp of at most 10 MB; voice: amr, mp3 or wav of at most 2 MB and 60 seconds;
    /// video: mp4 of at most 20 MB; thumb: jpg of at most 64 KB. What it is is told by its content.
    #[schema(format = Binary, value_type = String)]
    media: Vec<u8>,
    /// image, voice, video or thumb.
    r#type: MaterialType,
    /// For videos, which need one: at most 64 characters.
    title: Option<String>,
    /// For videos: at most 512 characters.
    introduction: Option<String>,
}

/// A material with the content that was sent.
#[derive(Serialize, ToSchema)]
pub(in crate::http::admin) struct UploadedView {
    #[serde(flatten)]
    material: MaterialView,
    /// Whether there was a material with this content already: then nothing was uploaded.
    existed: bool,
}

/// Temporary media that are to stay.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct FromMedia {
    /// As an upload or a message gave it.
    media_id: String,
    /// image, voice or thumb.
    r#type: MaterialType,
}

/// Uploads a permanent material. The same content is not uploaded twice: then the answer is 200, with the material that
/// has it.
#[utoipa::path(post, operation_id = "create_material", path = "/apps/{app}/materials", tag = "materials", params(("app" = String, Path)),
    request_body(content = MaterialForm, content_type = "multipart/form-data"),
    responses((status = 201, description = "Uploaded", body = UploadedView), (status = 200, description = "There is one with this content", body = UploadedView),
        NotFound, (status = 409, description = "It is being uploaded", body = Problem), (status = 413, description = "Too large", body = Problem),
        Invalid, WechatRefused, (status = 503, description = "Other files are being uploaded", body = Problem)))]
pub(in crate::http::admin) async fn create(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
    incoming: Incoming,
) -> Result<(StatusCode, Json<UploadedView>), Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let app = find(&state, &app).await?;
    let form = Form::read(&state, &app.name, incoming).await?;
    let text = |name: &str| form.text(name).unwrap_or_default().to_owned();
    let words = form.text("title").or(form.text("introduction"));
    let description = words.map(|_| VideoDescription { title: text("title"), introduction: text("introduction") });
    let (media_type, filename, bytes) = (form.media_type()?, form.filename.clone(), form.bytes.clone());
    let new = NewFile { media_type, filename, bytes, description };
    Ok(view(state.materials.upload_permanent(&app, new).await?))
}

/// Makes temporary media permanent, such as what a user has sent. The same content is not uploaded twice: then the
/// answer is 200, with the material that has it.
#[utoipa::path(post, operation_id = "create_material_from_media", path = "/apps/{app}/materials/from-media", tag = "materials", params(("app" = String, Path)), request_body = FromMedia,
    responses((status = 201, description = "Uploaded", body = UploadedView), (status = 200, description = "There is one with this content", body = UploadedView),
        NotFound, (status = 409, description = "It is being uploaded", body = Problem),
        Invalid, WechatRefused))]
pub(in crate::http::admin) async fn from_media(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
    Body(body): Body<FromMedia>,
) -> Result<(StatusCode, Json<UploadedView>), Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let app = find(&state, &app).await?;
    let media_type = body.r#type.media_type().ok_or_else(|| {
        crate::http::admin::invalid(vec![FieldError::new(
            "type",
            "one of image, voice, thumb · 可选 image、voice、thumb",
        )])
    })?;
    Ok(view(state.materials.from_temporary(&app, media_type, &body.media_id).await?))
}

fn view(Uploaded { material, is_new }: Uploaded) -> (StatusCode, Json<UploadedView>) {
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    (status, Json(UploadedView { material: material.into(), existed: !is_new }))
}
