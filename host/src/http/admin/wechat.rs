//! `/apps/{app}/wechat/{path}`: any call of WeChat's API, with the app's access token.

use axum::{
    body::Body,
    extract::{OriginalUri, Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use futures::TryStreamExt;
use weft_wechat::api::{self, AnyCall, ApiPath, PathError};

use super::auth::Caller;
use crate::http::{
    AppState,
    error::{Path, Problem},
    problem_kind::ProblemKind,
    responses::NotFound,
    upload::Upload,
};
use crate::storage::with_causes;

/// The permission that callers need.
const PERMISSION: &str = "wechat_api";
/// Where the path of WeChat's API begins: `/api/v1/apps/{app}/wechat/`.
const SEGMENTS_BEFORE: usize = 6;
/// How often the call was sent again before this answer.
const RETRIED: HeaderName = HeaderName::from_static("x-weft-retried");

/// Asks WeChat. The query goes out as it is, with the app's access token in the place of any other; the answer comes
/// back as WeChat gives it, also when it says no: that is an `errcode` in the body under status 200. A refused access
/// token is replaced once, and what fails on the way is tried again. Calls that hand out or change tokens or clear
/// quotas are refused, and have doors of their own. Weft's own refusals are problems. The header `x-weft-retried` says
/// how often the call was sent again.
#[utoipa::path(get, operation_id = "call_wechat_get", path = "/apps/{app}/wechat/{*path}", tag = "wechat",
    params(("app" = String, Path), ("path" = String, Path, description = "Such as cgi-bin/user/info; may have slashes")),
    responses((status = 200, description = "What WeChat answers; other statuses of WeChat come back, too", content_type = "application/octet-stream", body = Vec<u8>),
        (status = 400, description = "The path is none", body = Problem), NotFound,
        (status = 422, description = "It is not called this way, or the account may not do it", body = Problem),
        (status = 429, description = "WeChat has said that it is called too often", body = Problem), (status = 502, description = "WeChat cannot be reached", body = Problem)))]
pub(super) async fn get(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, _)): Path<(String, String)>,
    OriginalUri(uri): OriginalUri,
    method: Method,
) -> Result<Response, Problem> {
    // axum would answer a HEAD by making the call as for GET.
    if method != Method::GET {
        return Err(Problem::method_not_allowed(&method));
    }
    caller.require(Some(&app), PERMISSION)?;
    let call = call(api::Method::Get, &uri)?;
    send(&state, &app, call).await
}

/// As with GET; the body goes out as it came, with its `Content-Type`: JSON, forms with files, anything. A call that may
/// have been carried out is not sent again.
#[utoipa::path(post, operation_id = "call_wechat_post", path = "/apps/{app}/wechat/{*path}", tag = "wechat",
    params(("app" = String, Path), ("path" = String, Path, description = "Such as cgi-bin/user/info; may have slashes")),
    request_body(content = Vec<u8>, content_type = "application/json"),
    responses((status = 200, description = "What WeChat answers; other statuses of WeChat come back, too", content_type = "application/octet-stream", body = Vec<u8>),
        (status = 400, description = "The path is none", body = Problem), NotFound,
        (status = 413, description = "WeChat takes no body of this length", body = Problem),
        (status = 422, description = "It is not called this way, or the account may not do it", body = Problem),
        (status = 429, description = "WeChat has said that it is called too often", body = Problem), (status = 502, description = "WeChat cannot be reached", body = Problem)))]
pub(super) async fn post(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, _)): Path<(String, String)>,
    OriginalUri(uri): OriginalUri,
    request: Request,
) -> Result<Response, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let mut call = call(api::Method::Post, &uri)?;
    let (head, body) = request.into_parts();
    let content_type = head.headers.get(header::CONTENT_TYPE).map(HeaderValue::to_str).transpose();
    let content_type =
        content_type.map_err(|_| Problem::bad_request("the Content-Type is not readable · Content-Type 有误"))?;
    let content_type = content_type.unwrap_or("application/json").to_owned();
    // It must live until the call is over: it may have a file.
    let upload = Upload::receive(&state, &app, body, call.max_upload()).await?;
    call.body = api::Body::Raw { content_type, content: upload.content.clone() };
    send(&state, &app, call).await
}

/// Whether a request with GET of that route is a call that changes something at WeChat.
pub(super) fn get_changes(route: &str, uri: &Uri) -> bool {
    route.ends_with("/apps/{app}/wechat/{*path}") && path(uri).is_ok_and(|path| path.get_changes())
}

fn path(uri: &Uri) -> Result<ApiPath, PathError> {
    // As it was written: nothing that is escaped becomes a slash.
    let path = uri.path().splitn(SEGMENTS_BEFORE + 1, '/').nth(SEGMENTS_BEFORE).unwrap_or_default();
    if path.starts_with('/') { Err(PathError::Malformed) } else { path.parse() }
}

fn call(method: api::Method, uri: &Uri) -> Result<AnyCall, Problem> {
    let path = path(uri).map_err(|error| match error {
        PathError::Malformed => Problem::bad_request(error.to_string()),
        PathError::Refused { .. } => Problem::refused(ProblemKind::NotCalledSo, error.to_string()),
    })?;
    let query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    Ok(AnyCall { method, path, query, body: api::Body::Empty })
}

async fn send(state: &AppState, app: &str, call: AnyCall) -> Result<Response, Problem> {
    let app = super::find_app(state, app).await?;
    let request = call.request();
    let passed = state.wechat.pass(&app, &request).await?;
    let retried = passed.tries().saturating_sub(1);
    let answer = passed.into_answer();
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
    let text = |text: &str| HeaderValue::from_str(text).ok().filter(|value| !value.is_empty());
    let headers = [
        (header::CONTENT_TYPE, text(&answer.content_type)),
        (header::CONTENT_DISPOSITION, text(&answer.content_disposition)),
        (RETRIED, Some(HeaderValue::from(retried))),
        // It is not ours, and browsers must not run it at our origin.
        (header::X_CONTENT_TYPE_OPTIONS, Some(HeaderValue::from_static("nosniff"))),
        (header::CONTENT_SECURITY_POLICY, Some(HeaderValue::from_static("sandbox"))),
        (header::CACHE_CONTROL, Some(HeaderValue::from_static("no-store"))),
    ];
    let path = request.path;
    let body = answer.into_stream().inspect_err(move |error| {
        tracing::warn!(path, error = %with_causes(error), "an answer of WeChat's is cut off");
    });
    let mut response = (status, Body::from_stream(body)).into_response();
    for (name, value) in headers {
        if let Some(value) = value {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}
