//! `/apps/{app}/tickets/{type}`: what pages sign with for the JS-SDK.

use axum::{Json, extract::State, http::HeaderName};
use serde::Serialize;
use utoipa::ToSchema;
use weft_wechat::api::ticket::TicketType;

use super::{
    access_token::{PERMISSION, UNSTORED},
    auth::Caller,
    find_app,
};
use crate::{
    http::{
        AppState,
        error::{Path, Problem},
        responses::{NotFound, WechatRefused},
    },
    time,
    upstream::CallError,
};

/// A ticket.
#[derive(Serialize, ToSchema)]
pub(super) struct TicketView {
    ticket: String,
    /// RFC 3339.
    expires_at: String,
    /// Seconds.
    expires_in: u64,
}

/// Hands a ticket of the app out, `jsapi` or `wx_card`, to a system that signs pages or cards by itself. It is the one
/// that Weft keeps: WeChat allows few to be fetched.
#[utoipa::path(get, operation_id = "read_ticket", path = "/apps/{app}/tickets/{type}", tag = "wechat", params(("app" = String, Path), ("type" = String, Path)),
    responses((status = 200, description = "Done", body = TicketView), NotFound,
        (status = 422, description = "The app has no appsecret", body = Problem), WechatRefused))]
pub(super) async fn read(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, ticket_type)): Path<(String, String)>,
) -> Result<([(HeaderName, &'static str); 1], Json<TicketView>), Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let ticket_type: TicketType = ticket_type.parse().map_err(|_| Problem::not_found("ticket", &ticket_type))?;
    let app = find_app(&state, &app).await?;
    let ticket = state.wechat.ticket(&app, ticket_type).await.map_err(CallError::Token)?;
    caller.notes.recorded(true);
    let view = TicketView {
        ticket: ticket.secret.expose().to_owned(),
        expires_at: time::rfc3339(ticket.expires_at),
        expires_in: ticket.expires_at.saturating_sub(state.clock.now()),
    };
    Ok((UNSTORED, Json(view)))
}
