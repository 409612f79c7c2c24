//! `/plugins/{plugin}/logs`: what a plugin logs, and why its calls fail, as it comes.

use std::{convert::Infallible, fmt::Display, str::FromStr, time::Duration};

use axum::{
    extract::State,
    http::HeaderMap,
    response::sse::{Event, KeepAlive, Sse},
};
use futures::{Stream, StreamExt};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    http::{
        AppState,
        admin::auth::Caller,
        error::{Path, Problem, Query},
        responses::{Forbidden, NotFound},
    },
    model::App,
    plugins::{LoggedLine, Missed},
};

/// How long somebody reads before the token has to be shown again.
const LONGEST: Duration = Duration::from_hours(1);

/// Which lines.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http::admin) struct LogQuery {
    /// Only of calls for this app.
    app: Option<String>,
    /// Whether to wait for lines that come; true without.
    follow: Option<bool>,
}

/// A line.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct LineView {
    /// RFC 3339.
    at: String,
    /// debug, info, warn or error.
    level: &'static str,
    text: String,
    plugin: String,
    /// Whom the call was for.
    app: String,
    /// Which message or event it was about.
    delivery_id: String,
    /// handler, rule, hook, observer or page.
    kind: &'static str,
    entry: String,
}

/// Tells what a plugin logs, and why its calls fail, as server-sent events: the last lines first, then those that come.
/// Each is an event `line` with a JSON object. Who reads more slowly than the plugin logs gets the event `missed`, with how
/// many lines, and the end; the header `Last-Event-ID` goes on behind a line. A token that is revoked ends it. Callers see
/// the lines of the apps that they manage.
#[utoipa::path(get, operation_id = "follow_plugin_logs", path = "/plugins/{plugin}/logs", tag = "plugins",
    params(("plugin" = String, Path), LogQuery, ("Last-Event-ID" = Option<u64>, Header)),
    responses((status = 200, description = "Lines, for as long as somebody reads, and an hour at most", content_type = "text/event-stream", body = LineView),
        (status = 503, description = "As many streams are open as may be", body = Problem), Forbidden, NotFound))]
pub(in crate::http::admin) async fn follow(
    State(state): State<AppState>,
    caller: Caller,
    Path(plugin): Path<String>,
    Query(query): Query<LogQuery>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    match &query.app {
        Some(app) => caller.require(Some(app), "manage")?,
        None => caller.require_any("manage")?,
    }
    let found = super::find(&state, &plugin)?;
    let after = last_event_id(&headers);
    let reader = found.log.read(after);
    let reader = if query.follow.unwrap_or(true) { reader } else { reader.without_coming() };
    let ends = ends(&state, &caller)?;
    let is_meant = move |line: &LoggedLine| {
        let App { name, appid, .. } = &*line.app;
        query.app.as_ref().is_none_or(|meant| meant == name) && caller.sees_calls_of(&state.accounts, name, appid)
    };
    let events = reader.into_stream().filter_map(move |line| {
        let event = match line {
            Ok(line) => is_meant(&line).then(|| event(&plugin, &line, line.number)),
            Err(lines) => Some(missed(lines)),
        };
        async { event }
    });
    Ok(answer(ends, events))
}

/// Behind which line who comes again has to read on.
pub(super) fn last_event_id<T: FromStr>(headers: &HeaderMap) -> Option<T> {
    headers.get("last-event-id")?.to_str().ok()?.parse().ok()
}

/// For how long the caller may read: as long as the token is valid and the server runs.
///
/// # Errors
/// 503 when as many read as may: each wakes up with every line, and asks for the token.
pub(super) fn ends(state: &AppState, caller: &Caller) -> Result<impl Future<Output = ()> + Send + use<>, Problem> {
    let (stopping, token_is_over) = (state.stopping.clone().cancelled_owned(), caller.is_over(state));
    let place = state.log_readers.place(caller.token_id()).ok_or_else(|| {
        Problem::busy("as many streams of lines are open as may be: close some · 打开的日志流已达上限，请先关闭一些")
    })?;
    Ok(async move {
        let _place = place;
        tokio::select! {
            () = stopping => {}
            () = token_is_over => {}
            () = tokio::time::sleep(LONGEST) => {}
        }
    })
}

/// Sends events for as long as somebody reads, until `ends`.
pub(super) fn answer(
    ends: impl Future<Output = ()> + Send + 'static,
    events: impl Stream<Item = Event> + Send + 'static,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    Sse::new(events.map(Ok).take_until(ends)).keep_alive(KeepAlive::default())
}

/// Says how many lines were missed.
pub(super) fn missed(Missed(lines): Missed) -> Event {
    Event::default().event("missed").data(lines.to_string())
}

/// A line that `plugin` logged.
pub(super) fn event(plugin: &str, line: &LoggedLine, id: impl Display) -> Event {
    let view = LineView {
        at: line.at.to_string(),
        level: line.line.level.name(),
        text: line.line.text.clone(),
        plugin: plugin.to_owned(),
        app: line.app.name.clone(),
        delivery_id: line.delivery_id.to_string(),
        kind: line.kind.name(),
        entry: line.entry.to_string(),
    };
    let event = Event::default().id(id.to_string()).event("line");
    // A view has no keys but texts, so it is always JSON.
    event.json_data(view).unwrap_or_default()
}
