//! `POST /apps/{app}/quota/clear`: all APIs as if the day had just begun.

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;
use weft_wechat::api::clear_quota::ClearQuota;

use crate::{
    http::{
        AppState,
        admin::{access_token::Confirmation, auth::Caller, find_app},
        error::{Body, Path, Problem},
        responses::{NotFound, WechatRefused},
    },
    model::Ability,
    storage::{ActionLimit, Turn},
    time,
};

/// What callers need a permission for: it is about the whole account, and cannot be done often.
const PERMISSION: &str = "manage";
/// How often WeChat does it in a month.
const CLEARS_A_MONTH: u64 = 10;

/// What is left.
#[derive(Serialize, ToSchema)]
pub(in crate::http::admin) struct ClearedView {
    /// How often it may still be done this month in China, by what Weft has counted.
    left: u64,
}

/// Lets the app call all APIs as if the day had just begun, and ends the pauses of its calls. WeChat does that ten times
/// a month for an account.
#[utoipa::path(post, operation_id = "clear_quota", path = "/apps/{app}/quota/clear", tag = "wechat", params(("app" = String, Path)), request_body = Confirmation,
    responses((status = 200, description = "Done", body = ClearedView), NotFound,
        (status = 422, description = "It is not confirmed", body = Problem), (status = 429, description = "It was done ten times this month", body = Problem),
        WechatRefused))]
pub(in crate::http::admin) async fn clear(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
    Body(confirmation): Body<Confirmation>,
) -> Result<Json<ClearedView>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let app = find_app(&state, &app).await?;
    confirmation.check(&app)?;
    app.may(Ability::Api)?;
    let now = state.clock.now();
    let period = time::china_month(now);
    let limit = ActionLimit { action: "clear_quota", period: &period, most: CLEARS_A_MONTH, apart: 0 };
    let Turn::Taken { left } = state.store.limited_actions().take(&app.name, limit).await? else {
        let mut next = now;
        while time::china_month(next) == period {
            next = time::next_china_day(next);
        }
        let detail = "WeChat clears an account's quota ten times a month; the month turns in China";
        return Err(Problem::too_often(next.saturating_sub(now), detail));
    };
    state.wechat.call(&app, &ClearQuota { appid: &app.appid }).await?;
    state.wechat.resume(&app).await?;
    Ok(Json(ClearedView { left }))
}
