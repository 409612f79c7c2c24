//! `/apps/{app}/users/{openid}/messages`: a customer-service message (客服消息) to one user.

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;
use weft_wechat::{
    api::{
        Ability,
        message::custom_send::{CustomMessage, CustomSend, Media},
    },
    reply::Reply,
};

use super::{auth::Caller, find_app};
use crate::{
    http::{
        AppState,
        error::{Body, Path, Problem},
        responses::{Invalid, NotFound},
    },
    model::{FieldError, MessageLogEntry, Outcome, ReplyContent, ReplyFields, Via, is_openid},
};

/// What callers need a permission for: who writes what is answered may write.
const PERMISSION: &str = "messagehandler";
/// Where the fields stand of which [`ReplyFields`] speaks.
const BODY: &str = "message";

/// A message that WeChat has taken.
#[derive(Serialize, ToSchema)]
pub(super) struct UserMessageView {
    openid: String,
    /// As WeChat got it.
    msgtype: &'static str,
}

/// Sends a customer-service message to a user, in the shape of a handler's reply: `text`, `image`, `voice`, `video`,
/// `music`, or `news` with `articles` or the `media_id` of a material.
///
/// WeChat takes it for 48 hours after the user wrote (45015 later), five messages at most until they write again
/// (45047), and for a minute after they followed, scanned or tapped.
#[utoipa::path(post, operation_id = "send_user_message", path = "/apps/{app}/users/{openid}/messages", tag = "users", params(("app" = String, Path), ("openid" = String, Path)), request_body = ReplyFields,
    responses((status = 200, description = "WeChat has taken it", body = UserMessageView), NotFound,
        Invalid, (status = 502, description = "WeChat did not take it, or did not say so", body = Problem)))]
pub(super) async fn send(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, openid)): Path<(String, String)>,
    Body(fields): Body<ReplyFields>,
) -> Result<Json<UserMessageView>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let app = find_app(&state, &app).await?;
    if !is_openid(&openid) {
        return Err(Problem::not_found("user", &openid));
    }
    let (message, reply) = message(fields)?;
    app.may(Ability::CustomerService)?;
    let msgtype = msgtype(&message);
    let sent = state.wechat.call(&app, &CustomSend::new(openid.as_str(), message)).await;
    if app.settings.log_replies {
        let outcome = sent.as_ref().map_or_else(|error| Outcome::Failed(error.to_string()), |_| Outcome::Sent);
        let now = state.clock.now_ms();
        let entry = MessageLogEntry::outgoing(&app.name, now, &openid, &reply, Via::CustomerService, outcome);
        state.message_log.record_as_configured(vec![entry]).await;
    }
    match sent {
        Ok(_) => Ok(Json(UserMessageView { openid, msgtype })),
        Err(error) if error.outcome_is_unknown() => {
            let detail = format!("{}. WeChat may have sent it: ask the user before you send again", error.explained());
            Err(Problem::from(error).in_words(detail))
        }
        Err(error) => Err(error.into()),
    }
}

/// The message, and what the log says of it.
fn message(fields: ReplyFields) -> Result<(CustomMessage, Reply), Problem> {
    let mut errors = Vec::new();
    let content = fields.read(BODY, &mut errors).content;
    if errors.is_empty() {
        errors.extend(content.check().into_iter().map(|(field, rule)| FieldError::new(field, rule)));
    }
    let none =
        || FieldError::new("type", "a message that can be sent by itself: text, image, voice, video, music or news");
    let message = match content {
        ReplyContent::Static(reply) => CustomMessage::from_reply(&reply).map(|message| (message, reply)),
        ReplyContent::Material { media_id } => {
            Some((CustomMessage::MpNews { mpnews: Media { media_id } }, Reply::News(Vec::new())))
        }
        ReplyContent::Custom(_) | ReplyContent::Forward { .. } => None,
    };
    match message {
        Some(message) if errors.is_empty() => Ok(message),
        Some(_) => Err(super::invalid(errors.into_iter().map(without_body).collect())),
        None => Err(super::invalid(vec![none()])),
    }
}

/// The body is the message itself.
fn without_body(error: FieldError) -> FieldError {
    let field = error.field.strip_prefix(BODY).and_then(|field| field.strip_prefix('.'));
    match field.map(str::to_owned) {
        Some(field) => FieldError::new(field, error.message),
        None => error,
    }
}

fn msgtype(message: &CustomMessage) -> &'static str {
    match message {
        CustomMessage::Text { .. } => "text",
        CustomMessage::Image { .. } => "image",
        CustomMessage::Voice { .. } => "voice",
        CustomMessage::Video { .. } => "video",
        CustomMessage::Music { .. } => "music",
        CustomMessage::MpNews { .. } => "mpnews",
        _ => "news",
    }
}
