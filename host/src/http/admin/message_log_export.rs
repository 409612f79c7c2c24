//! `/apps/{app}/message-logs/export`: the message log as a file, written while it is read.

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use futures::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;
use uuid::Uuid;

use super::{
    auth::Caller,
    find_app,
    message_logs::{MessageLogFilter, MessageLogView},
};
use crate::{
    http::{
        AppState,
        error::{Path, Problem, Query},
        responses::{Invalid, NotFound},
    },
    model::FieldError,
    storage::{MessageLogQuery, Store, StoreError, with_causes},
};

/// How many entries are in memory at once, and read by one query.
const PAGE: u32 = 500;

/// With it Excel reads the file as UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What the file is.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ExportQuery {
    /// `ndjson` (one JSON object in each line, the default) or `csv`.
    format: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Ndjson,
    Csv,
}

/// Why a file ends before its end.
#[derive(Debug, thiserror::Error)]
enum ExportError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Csv(#[from] csv::Error),
}

/// Exports what was logged, newest first, as NDJSON or CSV. In CSV a cell that a spreadsheet would take for a formula
/// begins with an apostrophe.
#[utoipa::path(get, operation_id = "export_message_logs", path = "/apps/{app}/message-logs/export", tag = "message-logs",
    params(("app" = String, Path), ExportQuery, MessageLogFilter),
    responses((status = 200, description = "The file; if it cannot be read to its end the connection is cut", content((String = "application/x-ndjson"), (String = "text/csv"))), NotFound, Invalid))]
pub(super) async fn export(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
    Query(export): Query<ExportQuery>,
    Query(filter): Query<MessageLogFilter>,
) -> Result<Response, Problem> {
    caller.require(Some(&app), "messagelog")?;
    let (format, name, content_type) = match export.format.as_deref() {
        None | Some("" | "ndjson") => (Format::Ndjson, "ndjson", "application/x-ndjson"),
        Some("csv") => (Format::Csv, "csv", "text/csv; charset=utf-8"),
        Some(_) => return Err(super::invalid(vec![FieldError::new("format", "`ndjson` or `csv`")])),
    };
    let query = filter.query()?;
    find_app(&state, &app).await?;
    let disposition = format!("attachment; filename=\"message-logs-{app}.{name}\"");
    let export = Export { store: state.store.clone(), app, query, format, after: None, begun: false };
    // The first page before the status: a database that fails is told with words.
    let mut pages = Box::pin(stream::try_unfold(Some(export), Export::next));
    let first = pages.next().await.transpose().map_err(|error| Problem::internal(&error))?;
    let body = stream::iter(first.map(Ok)).chain(pages).inspect_err(|error: &ExportError| {
        tracing::error!(error = %with_causes(error), "an export of the message log ends half-way");
    });
    let headers = [(header::CONTENT_TYPE, content_type.to_owned()), (header::CONTENT_DISPOSITION, disposition)];
    Ok((headers, Body::from_stream(body)).into_response())
}

/// A file that is being written.
struct Export {
    store: Store,
    app: String,
    query: MessageLogQuery,
    format: Format,
    after: Option<Uuid>,
    begun: bool,
}

impl Export {
    /// The next piece of the file, and what comes after it. Every page is a query of its own: nothing is held open
    /// while the other side is slow.
    async fn next(export: Option<Self>) -> Result<Option<(Bytes, Option<Self>)>, ExportError> {
        let Some(mut export) = export else { return Ok(None) };
        let found = export.store.message_logs().search(&export.app, &export.query, export.after, PAGE).await?;
        let more = found.len() == PAGE as usize;
        export.after = found.last().map(|last| last.id);
        let views = found.into_iter().map(MessageLogView::from);
        let bytes = match export.format {
            Format::Ndjson => ndjson(views)?,
            Format::Csv => csv(views, !export.begun)?,
        };
        export.begun = true;
        Ok(Some((bytes.into(), more.then_some(export))))
    }
}

fn ndjson(views: impl Iterator<Item = MessageLogView>) -> Result<Vec<u8>, ExportError> {
    let mut lines = Vec::new();
    for view in views {
        serde_json::to_writer(&mut lines, &view)?;
        lines.push(b'\n');
    }
    Ok(lines)
}

fn csv(views: impl Iterator<Item = MessageLogView>, with_head: bool) -> Result<Vec<u8>, ExportError> {
    const HEAD: [&str; 15] = [
        "id",
        "at",
        "direction",
        "openid",
        "msg_type",
        "event",
        "event_key",
        "msg_id",
        "content",
        "handler_id",
        "handler_name",
        "via",
        "outcome",
        "reason",
        "delivery_id",
    ];
    let bytes = if with_head { BYTE_ORDER_MARK.to_vec() } else { Vec::new() };
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(bytes);
    if with_head {
        writer.write_record(HEAD)?;
    }
    for view in views {
        let (handler_id, handler_name) = view.handler.map_or((None, None), |handler| (handler.id, Some(handler.name)));
        let cells = [
            Some(view.id.to_string()),
            Some(view.at),
            Some(view.direction.to_string()),
            Some(view.openid),
            Some(view.msg_type),
            view.event,
            view.event_key,
            view.msg_id,
            Some(view.content),
            handler_id,
            handler_name,
            view.via.map(|via| via.as_str().to_owned()),
            view.outcome.map(str::to_owned),
            view.reason,
            view.delivery_id,
        ];
        writer.write_record(cells.map(|cell| harmless(cell.unwrap_or_default())))?;
    }
    writer.into_inner().map_err(|error| csv::Error::from(error.into_error()).into())
}

/// A cell that no spreadsheet runs: some run what begins like a formula, whoever wrote it.
fn harmless(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']) {
        format!("'{cell}")
    } else {
        cell
    }
}
