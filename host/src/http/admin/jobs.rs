//! `/jobs`: long work, and how far it is.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    auth::Caller,
    page::{Page, PageQuery},
};
use crate::{
    http::{
        AppState,
        error::{Path, Problem, Query},
        responses::NotFound,
    },
    jobs::Started,
    model::{Ability, App, Job, JobState, NewJob},
    storage::JobQuery,
    time,
};

/// Long work.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct JobView {
    id: String,
    app: String,
    /// What work it is, such as `user_sync`.
    kind: String,
    state: JobState,
    progress: ProgressView,
    /// What is to be done; left out in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    input: Option<Value>,
    /// Null until it is done.
    #[schema(value_type = Option<Object>)]
    result: Option<Value>,
    /// Why it failed; or why it waits.
    error: Option<String>,
    /// Whether somebody has cancelled it, and it has not come to its end yet.
    cancelling: bool,
    /// RFC 3339: when it is tried again. Null when it does not wait.
    waits_until: Option<String>,
    /// RFC 3339.
    created_at: String,
    /// RFC 3339.
    started_at: Option<String>,
    /// RFC 3339.
    finished_at: Option<String>,
    /// The name of the token that started it.
    created_by: String,
}

/// How far a job is, in what its kind counts.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProgressView {
    done: u64,
    /// Null when it is not known.
    total: Option<u64>,
}

/// A job that a caller asks for.
pub(super) struct Asked {
    pub(super) kind: &'static str,
    pub(super) key: String,
    pub(super) permission: &'static str,
    pub(super) input: Value,
}

/// A job that was asked for: 202, with its address.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StartedView {
    #[serde(flatten)]
    job: JobView,
    /// Whether it was there already: then it goes on, and nothing was started.
    existed: bool,
}

/// Which jobs: those that are all of this.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct JobFilter {
    app: Option<String>,
    kind: Option<String>,
    /// queued, running, done, failed or cancelled.
    state: Option<String>,
}

impl JobView {
    fn new(state: &AppState, job: Job) -> Self {
        let waits = job.state == JobState::Queued && job.due_at > state.clock.now();
        Self {
            waits_until: waits.then(|| time::rfc3339(job.due_at)),
            cancelling: job.cancelled && !job.state.is_over(),
            progress: ProgressView { done: job.done, total: job.total },
            id: job.id,
            app: job.app,
            kind: job.kind,
            state: job.state,
            input: Some(job.input),
            result: job.result,
            error: job.error,
            created_at: time::rfc3339(job.created_at),
            started_at: job.started_at.map(time::rfc3339),
            finished_at: job.finished_at.map(time::rfc3339),
            created_by: job.created_by,
        }
    }
}

impl StartedView {
    /// What is answered to those who asked for a job.
    pub(super) fn new(state: &AppState, started: Started) -> Self {
        Self { job: JobView::new(state, started.job), existed: started.existed }
    }
}

/// Starts a job for an app that has the ability, or answers the one that is there.
pub(super) async fn start(
    state: &AppState,
    caller: &Caller,
    app: &App,
    ability: Ability,
    asked: Asked,
) -> Result<StartedView, Problem> {
    app.may(ability)?;
    let Asked { kind, key, permission, input } = asked;
    let created_by = caller.name().to_owned();
    let new = NewJob { app: app.name.clone(), kind, key, permission, created_by, input };
    Ok(StartedView::new(state, state.jobs.start(&new).await?))
}

impl IntoResponse for StartedView {
    fn into_response(self) -> Response {
        let location = format!("/api/v1/jobs/{}", self.job.id);
        (StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(self)).into_response()
    }
}

/// Lists the jobs that the token may see, newest first. Those that are over are kept for 30 days.
#[utoipa::path(get, operation_id = "list_jobs", path = "/jobs", tag = "jobs", params(JobFilter, PageQuery),
    responses((status = 200, description = "Done", body = Page<JobView>), (status = 422, description = "There is no such state", body = Problem)))]
pub(super) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Query(filter): Query<JobFilter>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<JobView>>, Problem> {
    let wrong = |_| Problem::invalid(vec![("state".to_owned(), crate::model::UnknownJobState.to_string())]);
    let query = JobQuery {
        app: filter.app,
        kind: filter.kind,
        state: filter.state.map(|text| text.parse()).transpose().map_err(wrong)?,
        granted: caller.granted(),
        behind: page.cursor().map(str::to_owned),
    };
    let jobs = state.store.jobs().list(&query, page.limit() + 1).await?;
    let page = Page::first(jobs, page.limit(), |job| job.id.clone());
    Ok(Json(page.map(|job| JobView { input: None, ..JobView::new(&state, job) })))
}

/// Reads a job.
#[utoipa::path(get, operation_id = "read_job", path = "/jobs/{id}", tag = "jobs", params(("id" = String, Path)),
    responses((status = 200, description = "Done", body = JobView), NotFound))]
pub(super) async fn read(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<JobView>, Problem> {
    let job = find(&state, &caller, &id).await?;
    Ok(Json(JobView::new(&state, job)))
}

/// Cancels a job. One that runs ends within seconds; what it has done stays done.
#[utoipa::path(post, operation_id = "cancel_job", path = "/jobs/{id}/cancel", tag = "jobs", params(("id" = String, Path)),
    responses((status = 200, description = "Done", body = JobView), NotFound,
        (status = 409, description = "It is over already", body = Problem)))]
pub(super) async fn cancel(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<JobView>, Problem> {
    let before = find(&state, &caller, &id).await?;
    caller.notes.app(&before.app);
    caller.notes.before(&JobView { input: None, ..JobView::new(&state, before) });
    let job = match state.jobs.cancel(&id).await? {
        Some(job) => {
            tracing::info!(app = job.app, kind = job.kind, id, by = caller.name(), "a job is cancelled");
            job
        }
        None => find(&state, &caller, &id).await?,
    };
    if matches!(job.state, JobState::Done | JobState::Failed) {
        return Err(Problem::conflict(format!("the job is over: {}", job.state.as_str())));
    }
    let view = JobView::new(&state, job);
    caller.notes.after(&view);
    Ok(Json(view))
}

/// A job that the caller may see; others are told the same as of one that does not exist.
async fn find(state: &AppState, caller: &Caller, id: &str) -> Result<Job, Problem> {
    let job = state.store.jobs().find(id).await?;
    let sees = |job: &Job| {
        let may = |permission: &str| caller.require(Some(&job.app), permission).is_ok();
        may(&job.permission) || may("manage")
    };
    job.filter(sees).ok_or_else(|| Problem::not_found("job", id))
}
