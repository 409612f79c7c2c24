//! `/healthz` and `/readyz`: for load balancers and supervisors.

use axum::{Json, extract::State, http::StatusCode, response::IntoResponse};
use serde::Serialize;
use utoipa::ToSchema;

use super::AppState;

/// What works.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Readiness {
    /// The database answers.
    database: bool,
    /// The plugins folder has been read. Plugins that fail do not make the process unready.
    plugins: bool,
}

/// 200 for as long as the process answers at all.
#[utoipa::path(get, path = "/healthz", tag = "health", security(()), responses((status = 200, description = "The process answers")))]
pub(super) async fn healthz() -> &'static str {
    "ok"
}

/// 200 when the process can do its work, 503 otherwise.
#[utoipa::path(get, path = "/readyz", tag = "health", security(()), responses((status = 200, body = Readiness), (status = 503, body = Readiness)))]
pub(super) async fn readyz(State(state): State<AppState>) -> impl IntoResponse {
    let readiness = Readiness { database: state.store.ping().await.is_ok(), plugins: state.plugins.is_ready() };
    let status = if readiness.database && readiness.plugins { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness))
}
