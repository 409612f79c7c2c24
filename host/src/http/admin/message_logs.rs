//! `/apps/{app}/message-logs`: what users and the account sent each other.

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    auth::Caller,
    find_app,
    page::{Page, PageQuery},
    times::timestamp,
};
use crate::{
    http::{
        AppState,
        error::{Path, Problem, Query},
        responses::{Invalid, NotFound},
    },
    model::{Direction, FieldError, LoggedMessage, Outcome, Via},
    storage::MessageLogQuery,
    time,
};

/// Longest text that is looked for, in bytes.
const TEXT_BYTES: usize = 1000;

/// One message that a user sent or was sent.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MessageLogView {
    /// Names it in this API, and sorts by time.
    #[schema(value_type = String)]
    pub id: Uuid,
    /// RFC 3339.
    pub at: String,
    /// `in` from the user, `out` to the user.
    #[schema(value_type = String, example = "in")]
    pub direction: Direction,
    /// The user.
    pub openid: String,
    /// text, image, …, event; of replies also music, news and `transfer_customer_service`.
    pub msg_type: String,
    /// The name of an event.
    pub event: Option<String>,
    /// The key of an event: of a menu button, a QR code, …
    pub event_key: Option<String>,
    /// WeChat's id of the message; a text, because many programs round numbers of this size.
    pub msg_id: Option<String>,
    /// The text, or in short what it is instead.
    pub content: String,
    /// Who answered.
    pub handler: Option<HandlerView>,
    /// How a reply went out: passive, `customer_service` or forward.
    #[schema(value_type = Option<String>, example = "passive")]
    pub via: Option<Via>,
    /// What became of a reply: sent, failed or late.
    #[schema(value_type = Option<String>, example = "sent")]
    pub outcome: Option<&'static str>,
    /// Why it failed.
    pub reason: Option<String>,
    /// Ties a message to its replies.
    pub delivery_id: Option<String>,
}

/// Who answered.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HandlerView {
    /// The id of the handler; null for a plugin that answers what no rule matched.
    pub id: Option<String>,
    /// The handler's name, or the plugin's.
    pub name: String,
}

/// A message with all that was kept of it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WholeMessageLogView {
    #[serde(flatten)]
    view: MessageLogView,
    /// The message as it came, decrypted; null when the app does not keep it (`log_raw`).
    raw: Option<String>,
}

impl From<LoggedMessage> for MessageLogView {
    fn from(LoggedMessage { id, entry }: LoggedMessage) -> Self {
        Self {
            id,
            at: time::rfc3339_of_ms(entry.at),
            direction: entry.direction,
            openid: entry.openid,
            msg_type: entry.msg_type,
            event: entry.event,
            event_key: entry.event_key,
            msg_id: entry.msg_id.map(|id| id.to_string()),
            content: entry.content,
            handler: entry.handler.map(|handler| HandlerView { id: handler.id, name: handler.name }),
            via: entry.via,
            outcome: entry.outcome.as_ref().map(Outcome::as_str),
            reason: entry.outcome.as_ref().and_then(Outcome::reason).map(str::to_owned),
            delivery_id: entry.delivery_id,
        }
    }
}

/// Which messages: those that are all of this.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct MessageLogFilter {
    /// The user.
    openid: Option<String>,
    /// `in` or `out`.
    direction: Option<String>,
    /// text, image, …, event.
    msg_type: Option<String>,
    /// The name of an event, in upper or lower case.
    event: Option<String>,
    /// Stands somewhere in the content; ASCII letters in upper or lower case. Entries are read for it, the newest first and
    /// back to `since`, until the page is full.
    text: Option<String>,
    /// Id or name of the handler that answered.
    handler: Option<String>,
    /// RFC 3339: from this time on.
    since: Option<String>,
    /// RFC 3339: before this time.
    until: Option<String>,
}

impl MessageLogFilter {
    /// The query that it stands for; parameters without a value count as absent.
    ///
    /// # Errors
    /// 422 with every parameter that is wrong.
    pub(super) fn query(self) -> Result<MessageLogQuery, Problem> {
        let mut errors = Vec::new();
        let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
        let direction = filled(self.direction).and_then(|text| {
            let direction = Direction::of(&text);
            errors.extend(direction.is_none().then(|| FieldError::new("direction", "`in` or `out`")));
            direction
        });
        let mut time =
            |field, text| Some(u64::try_from(timestamp(field, text, &mut errors)?.as_millisecond()).unwrap_or(0));
        let (since, until) = (time("since", self.since), time("until", self.until));
        let text = filled(self.text);
        if text.as_ref().is_some_and(|text| text.len() > TEXT_BYTES) {
            errors.push(FieldError::new("text", format!("at most {TEXT_BYTES} bytes")));
        }
        if !errors.is_empty() {
            return Err(super::invalid(errors));
        }
        Ok(MessageLogQuery {
            openid: filled(self.openid),
            direction,
            msg_type: filled(self.msg_type),
            event: filled(self.event),
            text,
            handler: filled(self.handler),
            since,
            until,
        })
    }
}

/// Lists what was logged, newest first. What is rare takes long to find in a long log, which is read for it: `since` or
/// `openid` makes that short.
#[utoipa::path(get, operation_id = "list_message_logs", path = "/apps/{app}/message-logs", tag = "message-logs",
    params(("app" = String, Path), MessageLogFilter, PageQuery),
    responses((status = 200, description = "Done", body = Page<MessageLogView>), NotFound, Invalid))]
pub(super) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
    Query(filter): Query<MessageLogFilter>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<MessageLogView>>, Problem> {
    caller.require(Some(&app), "messagelog")?;
    let query = filter.query()?;
    let cursor: Option<Uuid> = page
        .cursor()
        .map(str::parse)
        .transpose()
        .map_err(|_| super::invalid(vec![FieldError::new("cursor", "the next_cursor of the page before")]))?;
    find_app(&state, &app).await?;
    let limit = page.limit();
    // One more than is wanted: whether there is a next page.
    let one_more = u32::try_from(limit + 1).unwrap_or(u32::MAX);
    let found = state.store.message_logs().search(&app, &query, cursor, one_more).await?;
    Ok(Json(Page::first(found, limit, |last| last.id.to_string()).map(MessageLogView::from)))
}

/// Reads one message with all that was kept of it.
#[utoipa::path(get, operation_id = "read_message_log", path = "/apps/{app}/message-logs/{id}", tag = "message-logs",
    params(("app" = String, Path), ("id" = String, Path)),
    responses((status = 200, description = "Done", body = WholeMessageLogView), NotFound))]
pub(super) async fn read(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, id)): Path<(String, String)>,
) -> Result<Json<WholeMessageLogView>, Problem> {
    caller.require(Some(&app), "messagelog")?;
    let found = match id.parse() {
        Ok(id) => state.store.message_logs().find(&app, id).await?,
        Err(_) => None,
    };
    let mut found = found.ok_or_else(|| Problem::not_found("logged message", &id))?;
    let raw = found.entry.raw.take();
    Ok(Json(WholeMessageLogView { view: found.into(), raw }))
}
