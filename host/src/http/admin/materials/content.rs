//! `/apps/{app}/materials/{media_id}/content`: a file of WeChat's, for browsers too.
//!
//! What WeChat says of a file's type is not handed on: whoever can upload to the account could put a page with a script
//! on this origin. The content alone says what it is.

use axum::{
    body::Body,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use futures::stream;

use super::{PERMISSION, find};
use crate::{
    http::{
        AppState,
        admin::auth::Caller,
        error::{Path, Problem},
        responses::{NotFound, WechatRefused},
    },
    materials::Downloaded,
    model::FileKind,
};

/// How much is handed to the connection at a time, in bytes.
const CHUNK: usize = 64 << 10;

/// A browser that shows the file alone runs nothing in it, and loads nothing for it.
const POLICY: &str =
    "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox";

/// Downloads the file of a permanent material. A picture, sound or film by its content is answered as such, so that
/// browsers can show it; everything else as a file to be saved.
#[utoipa::path(get, operation_id = "read_material_content", path = "/apps/{app}/materials/{media_id}/content", tag = "materials",
    params(("app" = String, Path), ("media_id" = String, Path)),
    responses((status = 200, description = "The file", content_type = "application/octet-stream"), NotFound,
        (status = 422, description = "The material consists of articles", body = Problem), WechatRefused))]
pub(in crate::http::admin) async fn read(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, media_id)): Path<(String, String)>,
) -> Result<Response, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let app = find(&state, &app).await?;
    Ok(file_response(&media_id, state.materials.download(&app, &media_id).await?))
}

/// A file as browsers may have it. Its turn ends when the last byte is on its way.
pub(super) fn file_response(media_id: &str, file: Downloaded) -> Response {
    let Downloaded { kind, bytes, turn, .. } = file;
    let name: String = media_id.chars().filter(char::is_ascii_alphanumeric).take(32).collect();
    let disposition = match kind {
        Some(kind) => format!("inline; filename=\"{name}.{}\"", kind.ending()),
        None => format!("attachment; filename=\"{name}.bin\""),
    };
    let headers = [
        (header::CONTENT_TYPE, kind.map_or("application/octet-stream", FileKind::content_type).to_owned()),
        (header::CONTENT_LENGTH, bytes.len().to_string()),
        (header::CONTENT_DISPOSITION, disposition),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::CONTENT_SECURITY_POLICY, POLICY.to_owned()),
        // The content behind an id never changes, and needs the permission each time all the same.
        (header::CACHE_CONTROL, "private, max-age=3600".to_owned()),
    ];
    let chunks = stream::unfold((bytes, turn), async |(mut bytes, turn)| {
        let chunk = bytes.split_to(CHUNK.min(bytes.len()));
        (!chunk.is_empty()).then_some((Ok::<_, std::convert::Infallible>(chunk), (bytes, turn)))
    });
    (headers, Body::from_stream(chunks)).into_response()
}
