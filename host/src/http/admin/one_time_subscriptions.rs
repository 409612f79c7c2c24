//! `/apps/{app}/one-time-subscriptions/{template}`: messages that a user agreed to on a page of WeChat's, one at a time.

use axum::{Json, extract::State, response::Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use weft_wechat::api::{Ability, message::template_subscribe::page_url};

use super::{
    auth::Caller,
    find_app,
    sends::{SendStartedView, SendTo, SentView, send_to},
};
use crate::{
    http::{
        AppState,
        error::{Body, Path, Problem, Query},
        responses::{Invalid, NotFound},
    },
    model::{OneTimeFields, check_one_time},
};

/// The permission that callers need.
const PERMISSION: &str = "template";
/// The longest `reserved`, in bytes; WeChat's own limit.
const RESERVED_BYTES: usize = 128;

/// A message with who gets it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OneTimeSend {
    #[serde(flatten)]
    to: SendTo,
    #[serde(flatten)]
    message: OneTimeFields,
}

/// What the page asks for.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PageFields {
    /// 0 to 10000: what the message will be about.
    scene: u32,
    /// Where WeChat sends the user afterwards, with `openid`, `template_id`, `action` (`confirm` or `cancel`), `scene`
    /// and `reserved`. Its host must be entered at WeChat (业务域名).
    redirect_url: String,
    /// Comes back to `redirect_url`: make one for each visit and compare it there, so that nobody can make a visit up.
    reserved: Option<String>,
}

/// A page of WeChat's.
#[derive(Serialize, ToSchema)]
pub(super) struct SubscribePageView {
    /// To be opened inside WeChat.
    url: String,
}

/// Gives the address of the page where a user agrees to one message.
#[utoipa::path(get, operation_id = "read_subscribe_page", path = "/apps/{app}/one-time-subscriptions/{template}/page", tag = "templates", params(("app" = String, Path), ("template" = String, Path), PageFields),
    responses((status = 200, description = "Done", body = SubscribePageView), NotFound, Invalid))]
pub(super) async fn page(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, template)): Path<(String, String)>,
    Query(fields): Query<PageFields>,
) -> Result<Json<SubscribePageView>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let app = find_app(&state, &app).await?;
    let PageFields { scene, redirect_url, reserved } = fields;
    let reserved = reserved.unwrap_or_default();
    let mut wrong = check_one_time(&template, scene);
    if !redirect_url.parse::<reqwest::Url>().is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
        wrong.push(crate::model::FieldError::new("redirect_url", "an http or https URL"));
    }
    if reserved.len() > RESERVED_BYTES || !reserved.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        let rule = format!("at most {RESERVED_BYTES} letters and digits");
        wrong.push(crate::model::FieldError::new("reserved", rule));
    }
    if !wrong.is_empty() {
        return Err(super::invalid(wrong));
    }
    app.may(Ability::Templates)?;
    Ok(Json(SubscribePageView { url: page_url(&app.appid, &template, scene, &redirect_url, &reserved) }))
}

/// Sends the message to a user who agreed to it. The template is the one that WeChat's console shows for one-time
/// subscriptions (一次性订阅消息).
#[utoipa::path(post, operation_id = "send_one_time_subscription", path = "/apps/{app}/one-time-subscriptions/{template}/send", tag = "templates", params(("app" = String, Path), ("template" = String, Path)), request_body = OneTimeSend,
    responses((status = 200, description = "WeChat has taken it", body = SentView), (status = 202, description = "A job sends it", body = SendStartedView), NotFound,
        (status = 409, description = "The client_msg_id was used for another message", body = Problem), Invalid,
        (status = 502, description = "WeChat did not take it, or did not say so", body = Problem)))]
pub(super) async fn send(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, template)): Path<(String, String)>,
    Body(fields): Body<OneTimeSend>,
) -> Result<Response, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let app = find_app(&state, &app).await?;
    let message = fields.message.message(&template).map_err(super::invalid)?;
    send_to(&state, &caller, app, fields.to, message, Vec::new()).await
}
