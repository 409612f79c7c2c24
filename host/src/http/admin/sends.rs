//! `/apps/{app}/sends`: messages made of templates that were sent, and what became of them for each user.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use weft_wechat::api::{Ability, errcode, message::template_send::MAX_CLIENT_MSG_ID};

use super::{
    auth::Caller,
    find_app,
    jobs::StartedView,
    page::{Page, PageQuery},
};
use crate::{
    http::{
        AppState,
        error::{Path, Problem, Query},
        responses::NotFound,
    },
    model::{App, MessageSend, Recipient, Recipients, SendOutcome, TemplateMessage, is_openid},
    sends::{SendError, SentToOne},
    storage::NewSend,
    time,
};

/// The permission that callers need.
const PERMISSION: &str = "template";

/// The most users that a request may name.
const OPENIDS: usize = 20_000;

/// Who gets a message: one of these.
#[derive(Deserialize, ToSchema)]
pub(super) struct SendTo {
    /// One user: the message is sent at once.
    openid: Option<String>,
    /// At most 20000 users: a job sends it to each of them once.
    openids: Option<Vec<String>>,
    /// Whoever has the tag at WeChat: a job sends it to each of them once.
    tag_id: Option<u32>,
    /// By which you know the request when it comes again; at most 32 letters, digits, `-` and `_`.
    client_msg_id: Option<String>,
}

/// What became of a message to one user.
#[derive(Serialize, ToSchema)]
pub(super) struct SentView {
    /// Names it in `…/sends`.
    send: String,
    openid: String,
    outcome: SendOutcome,
    /// WeChat's id of it; null where WeChat tells none.
    msgid: Option<String>,
    /// What may be wrong with the values.
    warnings: Vec<String>,
}

/// A job that sends a message to many.
#[derive(Serialize, ToSchema)]
pub(super) struct SendStartedView {
    #[serde(flatten)]
    started: StartedView,
    /// What may be wrong with the values.
    warnings: Vec<String>,
}

/// A message that was sent, or is being sent.
#[derive(Serialize, ToSchema)]
pub(super) struct SendView {
    id: String,
    /// The job that sends it; null for a message to one user.
    job: Option<String>,
    template_id: String,
    /// As it is kept.
    #[schema(value_type = Object)]
    message: Value,
    to: Recipients,
    client_msg_id: Option<String>,
    /// How many users there are of each outcome; left out in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    outcomes: Option<BTreeMap<SendOutcome, u64>>,
    /// The name of the token that sent it.
    created_by: String,
    /// RFC 3339.
    created_at: String,
}

/// What became of a message for one user.
#[derive(Serialize, ToSchema)]
pub(super) struct RecipientView {
    openid: String,
    outcome: SendOutcome,
    /// WeChat's code, when it said no.
    #[serde(skip_serializing_if = "Option::is_none")]
    errcode: Option<i64>,
    /// What the code means, in both languages.
    #[serde(skip_serializing_if = "Option::is_none")]
    meaning: Option<String>,
    /// Why there is no better outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    msgid: Option<String>,
    /// RFC 3339: when WeChat was asked.
    tried_at: Option<String>,
    /// RFC 3339: when the outcome was known.
    settled_at: Option<String>,
}

/// Which users: those of the outcome.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct RecipientFilter {
    outcome: Option<SendOutcome>,
}

impl SendView {
    fn new(send: MessageSend, outcomes: Option<BTreeMap<SendOutcome, u64>>) -> Self {
        Self {
            message: serde_json::to_value(&send.message).unwrap_or_default(),
            template_id: send.message.template_id,
            id: send.id,
            job: send.job,
            to: send.to,
            client_msg_id: send.client_msg_id,
            outcomes,
            created_by: send.created_by,
            created_at: time::rfc3339(send.created_at),
        }
    }
}

impl From<Recipient> for RecipientView {
    fn from(recipient: Recipient) -> Self {
        let meaning = recipient.errcode.and_then(errcode::meaning);
        Self {
            openid: recipient.openid,
            outcome: recipient.outcome,
            errcode: recipient.errcode,
            meaning: meaning.map(|meaning| meaning.to_string()),
            reason: recipient.reason,
            msgid: recipient.msgid,
            tried_at: recipient.tried_at.map(time::rfc3339),
            settled_at: recipient.settled_at.map(time::rfc3339),
        }
    }
}

/// Lists the messages that were sent, newest first. They are kept for 30 days.
#[utoipa::path(get, operation_id = "list_sends", path = "/apps/{app}/sends", tag = "templates", params(("app" = String, Path), PageQuery),
    responses((status = 200, description = "Done", body = Page<SendView>), NotFound))]
pub(super) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<SendView>>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    find_app(&state, &app).await?;
    let sends = state.store.sends().list(&app, page.cursor(), page.limit() + 1).await?;
    let page = Page::first(sends, page.limit(), |send| send.id.clone());
    Ok(Json(page.map(|send| SendView::new(send, None))))
}

/// Reads a message with how many users there are of each outcome. It is named by its own id or by that of its job.
#[utoipa::path(get, operation_id = "read_send", path = "/apps/{app}/sends/{send}", tag = "templates", params(("app" = String, Path), ("send" = String, Path)),
    responses((status = 200, description = "Done", body = SendView), NotFound))]
pub(super) async fn read(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, send)): Path<(String, String)>,
) -> Result<Json<SendView>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let send = find(&state, &app, &send).await?;
    let outcomes = state.store.sends().counts(&send.id).await?;
    Ok(Json(SendView::new(send, Some(outcomes))))
}

/// Lists who gets a message and what became of it, in the order of openids.
#[utoipa::path(get, operation_id = "list_send_recipients", path = "/apps/{app}/sends/{send}/recipients", tag = "templates", params(("app" = String, Path), ("send" = String, Path), RecipientFilter, PageQuery),
    responses((status = 200, description = "Done", body = Page<RecipientView>), NotFound))]
pub(super) async fn recipients(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, send)): Path<(String, String)>,
    Query(filter): Query<RecipientFilter>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<RecipientView>>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let send = find(&state, &app, &send).await?;
    let limit = page.limit();
    let recipients = state.store.sends().recipients(&send.id, filter.outcome, page.cursor(), limit + 1).await?;
    let page = Page::first(recipients, limit, |recipient| recipient.openid.clone());
    Ok(Json(page.map(RecipientView::from)))
}

async fn find(state: &AppState, app: &str, send: &str) -> Result<MessageSend, Problem> {
    state.store.sends().find(app, send).await?.ok_or_else(|| Problem::not_found("sent message", send))
}

/// Sends a message that was checked to those who are named: at once to one, by a job to many.
pub(super) async fn send_to(
    state: &AppState,
    caller: &Caller,
    app: App,
    to: SendTo,
    message: TemplateMessage,
    warnings: Vec<String>,
) -> Result<Response, Problem> {
    app.may(Ability::Templates)?;
    let (openids, recipients) = match (to.openid, to.openids, to.tag_id) {
        (Some(openid), None, None) => (vec![openid], None),
        (None, Some(mut openids), None) => {
            openids.sort_unstable();
            openids.dedup();
            let count = u64::try_from(openids.len()).unwrap_or(u64::MAX);
            (openids, Some(Recipients::Openids(count)))
        }
        (None, None, Some(tag)) => (Vec::new(), Some(Recipients::TagId(tag))),
        _ => return Err(wrong("openid", "one of openid, openids and tag_id")),
    };
    let named = if recipients.is_none() { "openid" } else { "openids" };
    let is_empty = openids.is_empty() && !matches!(recipients, Some(Recipients::TagId(_)));
    if is_empty || openids.len() > OPENIDS || !openids.iter().all(|openid| is_openid(openid)) {
        return Err(wrong(named, format!("1 to {OPENIDS} openids")));
    }
    let new = NewSend {
        app: app.name.clone(),
        message,
        to: recipients.clone().unwrap_or(Recipients::Openids(1)),
        client_msg_id: to.client_msg_id.map(checked).transpose()?,
        created_by: caller.name().to_owned(),
    };
    if recipients.is_none() {
        return send_to_one(state, app, new, openids, warnings).await.map(|sent| Json(sent).into_response());
    }
    let started = state.sends.to_many(&state.jobs, &new, &openids).await?;
    let location = [(header::LOCATION, format!("/api/v1/jobs/{}", started.job.id))];
    let started = StartedView::new(state, started);
    Ok((StatusCode::ACCEPTED, location, Json(SendStartedView { started, warnings })).into_response())
}

async fn send_to_one(
    state: &AppState,
    app: App,
    new: NewSend,
    openids: Vec<String>,
    warnings: Vec<String>,
) -> Result<SentView, Problem> {
    let openid = openids.into_iter().next().unwrap_or_default();
    let SentToOne { send, recipient, error } = state.sends.to_one(app, new, openid).await?;
    let Recipient { openid, outcome, msgid, reason, .. } = recipient;
    match (error, outcome) {
        (Some(error), SendOutcome::Unknown) => {
            let detail = format!("{}. WeChat may have sent it: see …/sends/{}", error.explained(), send.id);
            Err(Problem::from(error).in_words(detail))
        }
        (Some(error), SendOutcome::Failed) => Err(error.into()),
        // It was tried before, and is not tried again.
        (None, SendOutcome::Unknown) => Err(Problem::conflict(reason.unwrap_or_default())),
        _ => Ok(SentView { send: send.id, openid, outcome, msgid, warnings }),
    }
}

fn wrong(field: &str, rule: impl Into<String>) -> Problem {
    Problem::invalid(vec![(field.to_owned(), rule.into())])
}

fn checked(client_msg_id: String) -> Result<String, Problem> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if (1..=MAX_CLIENT_MSG_ID).contains(&client_msg_id.len()) && client_msg_id.bytes().all(is_plain) {
        return Ok(client_msg_id);
    }
    Err(wrong("client_msg_id", format!("1 to {MAX_CLIENT_MSG_ID} letters, digits, `-` and `_`")))
}

impl From<SendError> for Problem {
    fn from(error: SendError) -> Self {
        let detail = error.to_string();
        match error {
            SendError::Reused(_) => Self::conflict(detail),
            SendError::Store(error) => error.into(),
            SendError::Ended(error) => Self::internal(&error),
        }
    }
}
