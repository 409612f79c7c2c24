//! `/audit-log`: who changed what.

mod record;

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    auth::Caller,
    find_app,
    page::{Page, PageQuery},
    times::seconds,
};
use crate::{
    http::{
        AppState,
        error::{Problem, Query},
        responses::{Forbidden, Invalid},
    },
    model::{AuditEntry, AuditQuery, AuditRecord},
    time,
};

pub(super) use record::Notes;
pub(in crate::http) use record::{Recorder, record};

/// One change, or something that was handed out.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AuditView {
    id: String,
    /// RFC 3339.
    at: String,
    actor: ActorView,
    /// Null for what belongs to no app.
    app: Option<String>,
    /// What was done, as this document names the call.
    #[schema(example = "patch_app")]
    action: String,
    /// The path of the request; empty for the command line.
    path: String,
    /// What was answered; 504 when it took too long, and 502 when WeChat gave no answer or failed in the middle: it may
    /// have been done. Null for the command line.
    status: Option<u16>,
    /// Names the request in the log of the process, and in the header `x-request-id` of its answer.
    request_id: String,
    /// As the API shows it, without secrets; null where there was nothing, or where there is nothing to show. Of what
    /// is large only the size: `{"bytes": …}`.
    #[schema(value_type = Option<Object>)]
    before: Option<Value>,
    #[schema(value_type = Option<Object>)]
    after: Option<Value>,
}

/// Who it was.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ActorView {
    /// Of the token; null for the command line.
    id: Option<String>,
    /// Of the token.
    name: String,
}

/// Which entries: those that are all of this.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditFilter {
    /// Who manages only some apps has to name one.
    app: Option<String>,
    /// Name or id of the token.
    actor: Option<String>,
    /// As this document names the call, such as `patch_app`.
    action: Option<String>,
    /// RFC 3339: from this time on.
    since: Option<String>,
    /// RFC 3339: before this time.
    until: Option<String>,
}

/// Lists who changed what, newest first; kept for a year.
#[utoipa::path(get, operation_id = "list_audit_log", path = "/audit-log", tag = "audit-log", params(AuditFilter, PageQuery),
    responses((status = 200, description = "Done", body = Page<AuditView>), Forbidden, Invalid))]
pub(super) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Query(filter): Query<AuditFilter>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<AuditView>>, Problem> {
    caller.require(filter.app.as_deref(), "manage")?;
    let mut errors = Vec::new();
    let mut query = AuditQuery {
        since: seconds("since", filter.since, &mut errors),
        until: seconds("until", filter.until, &mut errors),
        app: filter.app,
        actor: filter.actor,
        action: filter.action,
        behind: page.cursor().map(str::to_owned),
    };
    if !errors.is_empty() {
        return Err(super::invalid(errors));
    }
    if let Some(app) = &query.app
        && caller.require(None, "manage").is_err()
    {
        // What was done to an app of that name before this one was made is not theirs to see.
        let app = find_app(&state, app).await?;
        query.since = query.since.max(Some(app.created_at));
    }
    let records = state.store.audit_log().list(&query, page.limit() + 1).await?;
    let page = Page::first(records, page.limit(), |record| record.id.clone());
    Ok(Json(page.map(AuditView::from)))
}

impl From<AuditRecord> for AuditView {
    fn from(record: AuditRecord) -> Self {
        let AuditEntry { actor, actor_id, app, action, path, status, request_id, before, after } = record.entry;
        Self {
            id: record.id,
            at: time::rfc3339(record.at),
            actor: ActorView { id: actor_id, name: actor },
            app,
            action,
            path,
            status,
            request_id,
            before,
            after,
        }
    }
}
