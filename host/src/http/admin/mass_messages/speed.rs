//! `/apps/{app}/mass-messages/speed`: how fast mass messages go out.

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use weft_wechat::api::message::mass::SPEEDS;

use super::{PERMISSION, find_app, wrong};
use crate::http::{
    AppState,
    admin::auth::Caller,
    error::{Body, Path, Problem},
    responses::{NotFound, WechatRefused},
};

/// How fast mass messages go out.
#[derive(Serialize, ToSchema)]
pub(in crate::http::admin) struct MassSpeedView {
    /// 0 is the fastest, 4 the slowest.
    speed: u8,
    /// The same in messages a minute.
    messages_a_minute: u64,
}

/// How fast mass messages are to go out.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct MassSpeedFields {
    /// 0 is the fastest, 4 the slowest.
    speed: u8,
}

/// Asks WeChat how fast mass messages go out.
#[utoipa::path(get, operation_id = "read_mass_speed", path = "/apps/{app}/mass-messages/speed", tag = "mass messages", params(("app" = String, Path)),
    responses((status = 200, description = "Done", body = MassSpeedView), NotFound, (status = 502, description = "WeChat did not tell", body = Problem)))]
pub(in crate::http::admin) async fn read(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
) -> Result<Json<MassSpeedView>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let app = find_app(&state, &app).await?;
    let speed = state.mass_messages.speed(&app).await?;
    Ok(Json(MassSpeedView { speed: speed.speed, messages_a_minute: u64::from(speed.realspeed) * 10_000 }))
}

/// Sets how fast mass messages go out.
#[utoipa::path(put, operation_id = "put_mass_speed", path = "/apps/{app}/mass-messages/speed", tag = "mass messages", params(("app" = String, Path)), request_body = MassSpeedFields,
    responses((status = 200, description = "Done", body = MassSpeedView), NotFound,
        (status = 422, description = "There is no such speed", body = Problem), WechatRefused))]
pub(in crate::http::admin) async fn put(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
    Body(fields): Body<MassSpeedFields>,
) -> Result<Json<MassSpeedView>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let app = find_app(&state, &app).await?;
    if !SPEEDS.contains(&fields.speed) {
        return Err(wrong("speed", "0 to 4"));
    }
    state.mass_messages.set_speed(&app, fields.speed).await?;
    let speed = state.mass_messages.speed(&app).await?;
    Ok(Json(MassSpeedView { speed: speed.speed, messages_a_minute: u64::from(speed.realspeed) * 10_000 }))
}
