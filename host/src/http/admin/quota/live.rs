//! `/apps/{app}/quota/{path}`: what WeChat says of one API.

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;
use weft_wechat::api::{ApiPath, PathError, openapi::quota_get::QuotaGet};

use super::PERMISSION;
use crate::http::{
    AppState,
    admin::{auth::Caller, find_app},
    error::{Path, Problem},
    responses::{NotFound, WechatRefused},
};

/// How often an API may be called today in China, by everybody who calls for the account.
#[derive(Serialize, ToSchema)]
pub(in crate::http::admin) struct LiveQuotaView {
    path: String,
    daily_limit: u64,
    used: u64,
    remain: u64,
}

/// Asks WeChat how often an API may be called today, and was.
#[utoipa::path(get, operation_id = "read_quota", path = "/apps/{app}/quota/{*path}", tag = "wechat",
    params(("app" = String, Path), ("path" = String, Path, description = "Such as cgi-bin/user/info; may have slashes")),
    responses((status = 200, description = "Done", body = LiveQuotaView), (status = 400, description = "The path is none", body = Problem),
        NotFound, WechatRefused))]
pub(in crate::http::admin) async fn read(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, path)): Path<(String, String)>,
) -> Result<Json<LiveQuotaView>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let app = find_app(&state, &app).await?;
    // Even paths that Weft does not call for others may be asked about.
    if path.starts_with('/') || path.parse::<ApiPath>() == Err(PathError::Malformed) {
        return Err(Problem::bad_request(PathError::Malformed.to_string()));
    }
    let path = format!("/{path}");
    let quota = state.wechat.call(&app, &QuotaGet { cgi_path: &path }).await?.quota;
    Ok(Json(LiveQuotaView { path, daily_limit: quota.daily_limit, used: quota.used, remain: quota.remain }))
}
