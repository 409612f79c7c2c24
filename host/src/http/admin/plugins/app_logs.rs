//! `/apps/{app}/logs`: what all plugins log for an app, as it comes.

use std::convert::Infallible;

use axum::{
    extract::State,
    http::HeaderMap,
    response::sse::{Event, Sse},
};
use futures::{Stream, StreamExt};
use jiff::Timestamp;
use serde::Deserialize;

use super::logs::{LineView, answer, ends, event, last_event_id, missed};
use crate::{
    http::{
        AppState,
        admin::{auth::Caller, find_app},
        error::{Path, Problem, Query},
        responses::{Forbidden, NotFound},
    },
    plugins::AppLine,
};

/// Which lines.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http::admin) struct AppLogQuery {
    /// Whether to wait for lines that come; true without.
    follow: Option<bool>,
}

/// Tells what all plugins log for an app, as `/plugins/{plugin}/logs` does of one: the last lines first, by their time, then
/// those that come, also of plugins that come later. `Last-Event-ID` goes on behind the moment of a line.
#[utoipa::path(get, operation_id = "follow_app_logs", path = "/apps/{app}/logs", tag = "plugins",
    params(("app" = String, Path), AppLogQuery, ("Last-Event-ID" = Option<i64>, Header)),
    responses((status = 200, description = "Lines, for as long as somebody reads, and an hour at most", content_type = "text/event-stream", body = LineView),
        (status = 503, description = "As many streams are open as may be", body = Problem), Forbidden, NotFound))]
pub(in crate::http::admin) async fn follow(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
    Query(query): Query<AppLogQuery>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    caller.require(Some(&app), "manage")?;
    let app = find_app(&state, &app).await?;
    let after = last_event_id(&headers).and_then(|nanos| Timestamp::from_nanosecond(nanos).ok());
    let reader = state.plugins.read_app_log(app, after, query.follow.unwrap_or(true));
    let events = reader.into_stream().map(|line| match line {
        Ok(AppLine { plugin, line }) => event(&plugin, &line, line.at.as_nanosecond()),
        Err(lines) => missed(lines),
    });
    Ok(answer(ends(&state, &caller)?, events))
}
