//! `POST /apps/{app}/handlers/sync`: takes the auto-replies over that were set in WeChat's console.

use std::time::Duration;

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    handler_sync::{Kept, KeptBecause, Skipped, SyncError, SyncReport},
    http::{
        AppState,
        admin::{auth::Caller, find_app},
        error::{Path, Problem},
        responses::{NotFound, WechatRefused},
    },
    model::Handler,
};

/// The permission that callers need.
const PERMISSION: &str = "messagehandler_sync";
/// How long an answer waits for the sync, which goes on.
const WAIT: Duration = Duration::from_secs(50);

/// What a sync has done.
#[derive(Serialize, ToSchema)]
pub(in crate::http::admin) struct SyncView {
    /// New handlers.
    created: Vec<SyncedView>,
    /// Handlers whose auto-reply has changed at WeChat. They have the ids that they had.
    replaced: Vec<SyncedView>,
    /// Handlers that are what WeChat has.
    unchanged: Vec<SyncedView>,
    /// Handlers whose auto-reply WeChat has no more.
    removed: Vec<SyncedView>,
    /// Handlers that do not follow WeChat.
    kept: Vec<KeptView>,
    /// What could not be taken over.
    skipped: Vec<SkippedView>,
    /// How many pictures and voice messages were made permanent materials.
    uploaded: usize,
}

#[derive(Serialize, ToSchema)]
struct SyncedView {
    id: String,
    name: String,
}

#[derive(Serialize, ToSchema)]
struct KeptView {
    id: String,
    name: String,
    /// edited: somebody has changed it here. incomplete: what WeChat has now could not be had whole.
    reason: &'static str,
}

#[derive(Serialize, ToSchema)]
struct SkippedView {
    /// What the handler is called.
    handler: String,
    /// Where it stands in WeChat's answer, such as `reply_list_info[1]`; empty for the whole handler.
    part: String,
    reason: String,
}

/// Takes the auto-replies over that were set in WeChat's console, as handlers with the source mp. Handlers of an earlier
/// sync follow what has changed there, unless somebody has edited them here. To sync again changes nothing and uploads
/// nothing.
#[utoipa::path(post, operation_id = "sync_handlers", path = "/apps/{app}/handlers/sync", tag = "handlers", params(("app" = String, Path)),
    responses((status = 200, description = "Done", body = SyncView), NotFound,
        (status = 409, description = "Another one runs", body = Problem), (status = 422, description = "The account has no such settings, or too many of them", body = Problem),
        WechatRefused, (status = 504, description = "It takes long, and goes on", body = Problem)))]
pub(in crate::http::admin) async fn sync(
    State(state): State<AppState>,
    caller: Caller,
    Path(app): Path<String>,
) -> Result<Json<SyncView>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let app = find_app(&state, &app).await?;
    let report = match tokio::time::timeout(WAIT, state.handler_sync.run(app)).await {
        Ok(outcome) => outcome?,
        Err(_) => return Err(Problem::goes_on(WAIT)),
    };
    state.accounts.take_over().await;
    let view = SyncView::from(report);
    caller.notes.after(&view);
    Ok(Json(view))
}

impl From<SyncError> for Problem {
    fn from(error: SyncError) -> Self {
        match error {
            SyncError::Running => Self::conflict(error.to_string()),
            SyncError::Call(error) => error.into(),
            SyncError::Store(error) => error.into(),
            SyncError::Ended(error) => Self::internal(&error),
        }
    }
}

impl From<SyncReport> for SyncView {
    fn from(report: SyncReport) -> Self {
        let views = |handlers: Vec<Handler>| handlers.into_iter().map(SyncedView::from).collect();
        Self {
            created: views(report.created),
            replaced: views(report.replaced),
            unchanged: views(report.unchanged),
            removed: views(report.removed),
            kept: report.kept.into_iter().map(KeptView::from).collect(),
            skipped: report.skipped.into_iter().map(SkippedView::from).collect(),
            uploaded: report.uploaded,
        }
    }
}

impl From<Handler> for SyncedView {
    fn from(handler: Handler) -> Self {
        Self { id: handler.id, name: handler.name }
    }
}

impl From<Kept> for KeptView {
    fn from(kept: Kept) -> Self {
        let reason = match kept.because {
            KeptBecause::Edited => "edited",
            KeptBecause::Incomplete => "incomplete",
        };
        Self { id: kept.handler.id, name: kept.handler.name, reason }
    }
}

impl From<Skipped> for SkippedView {
    fn from(skipped: Skipped) -> Self {
        let Skipped { handler, part, reason } = skipped;
        Self { handler, part, reason }
    }
}
