//! `/plugins/{plugin}/receipts`: what became of single calls.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    http::{
        AppState,
        admin::{
            auth::Caller,
            invalid,
            page::{Page, PageQuery},
        },
        error::{Path, Problem, Query},
        responses::{Invalid, NotFound},
    },
    model::FieldError,
    plugins::{Receipt, ReceiptUse, Receipts},
};

/// Which receipts.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http::admin) struct ReceiptFilter {
    /// Only of calls for this app.
    app: Option<String>,
    /// Only of calls about this message or event: the `delivery` that the log names.
    delivery: Option<String>,
    /// `ok` or `failed`; both without.
    outcome: Option<String>,
}

/// A call in short.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct ReceiptSummary {
    id: String,
    /// RFC 3339.
    at: String,
    digest: String,
    /// handler, rule, hook, observer or page.
    kind: &'static str,
    entry: String,
    app: String,
    delivery_id: String,
    /// ok, or the kind of error.
    outcome: String,
    error: Option<String>,
    used: ReceiptUse,
    /// How many lines were logged.
    logs: usize,
    /// How many things were asked of the host.
    host_calls: usize,
}

impl From<&Receipt> for ReceiptSummary {
    fn from(receipt: &Receipt) -> Self {
        Self {
            id: receipt.id.clone(),
            at: receipt.at.to_string(),
            digest: receipt.digest.clone(),
            kind: receipt.kind.name(),
            entry: receipt.entry.clone(),
            app: receipt.app.name.clone(),
            delivery_id: receipt.delivery_id.clone(),
            outcome: receipt.outcome.clone(),
            error: receipt.error.clone(),
            used: receipt.used,
            logs: receipt.logs.len(),
            host_calls: receipt.host_calls.len(),
        }
    }
}

/// Lists the last calls of a plugin, newest first: of those that failed the last 100, and as many of those that went
/// well, of which a busy plugin keeps twenty a second; fewer, where they are longer than 1 MiB together. They are kept
/// for a week in the memory of the process that is asked, also when the plugin was removed.
/// Callers see the calls of the apps that they manage.
#[utoipa::path(get, operation_id = "list_receipts", path = "/plugins/{plugin}/receipts", tag = "plugins",
    params(("plugin" = String, Path), ReceiptFilter, PageQuery),
    responses((status = 200, description = "Done", body = Page<ReceiptSummary>), NotFound, Invalid))]
pub(in crate::http::admin) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Path(plugin): Path<String>,
    Query(filter): Query<ReceiptFilter>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<ReceiptSummary>>, Problem> {
    if let Some(app) = &filter.app {
        caller.require(Some(app), "manage")?;
    }
    let failed = match filter.outcome.as_deref() {
        None => None,
        Some("ok") => Some(false),
        Some("failed") => Some(true),
        Some(_) => return Err(invalid(vec![FieldError::new("outcome", "`ok` or `failed`")])),
    };
    let is_meant = |receipt: &Receipt| {
        is_seen(&state, &caller, receipt)
            && filter.app.as_ref().is_none_or(|app| receipt.app.name == *app)
            && filter.delivery.as_ref().is_none_or(|delivery| receipt.delivery_id == *delivery)
            && failed.is_none_or(|failed| receipt.error.is_some() == failed)
            && page.cursor().is_none_or(|cursor| receipt.id.as_str() < cursor)
    };
    let mut receipts = receipts_of(&state, &plugin)?.list();
    receipts.retain(is_meant);
    let page = Page::first(receipts, page.limit(), |last| last.id.clone());
    Ok(Json(page.map(|receipt| ReceiptSummary::from(&receipt))))
}

/// Reads all that is known of a call: the message, what was asked of the host and what it answered, what was logged.
/// `weft plugin replay` makes the call again from it.
#[utoipa::path(get, operation_id = "read_receipt", path = "/plugins/{plugin}/receipts/{id}", tag = "plugins",
    params(("plugin" = String, Path), ("id" = String, Path)),
    responses((status = 200, description = "Done", body = Receipt), (status = 404, description = "There is none of that id any more", body = Problem)))]
pub(in crate::http::admin) async fn read(
    State(state): State<AppState>,
    caller: Caller,
    Path((plugin, id)): Path<(String, String)>,
) -> Result<Json<Receipt>, Problem> {
    let found = receipts_of(&state, &plugin)?.find(&id);
    let receipt = found.filter(|receipt| is_seen(&state, &caller, receipt));
    Ok(Json(receipt.ok_or_else(|| Problem::not_found("receipt · 调用记录", &id))?))
}

fn receipts_of(state: &AppState, plugin: &str) -> Result<Arc<Receipts>, Problem> {
    state.plugins.receipts(plugin).ok_or_else(|| Problem::not_found("plugin · 插件", plugin))
}

fn is_seen(state: &AppState, caller: &Caller, receipt: &Receipt) -> bool {
    caller.sees_calls_of(&state.accounts, &receipt.app.name, &receipt.app.appid)
}
