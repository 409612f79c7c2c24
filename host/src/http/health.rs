//! `/healthz` and `/readyz`: for load balancers and supervisors.

use axum::{Json, extract::State, http::StatusCode, response::IntoResponse};
use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::watch;
use utoipa::ToSchema;

use super::AppState;

/// What works.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct Readiness {
    /// The database answers.
    database: bool,
    /// The plugins folder has been read. Plugins that fail do not make the process unready.
    plugins: bool,
}

/// Looks at what works: once for all who ask meanwhile. The log tells of it when it changes.
#[derive(Debug, Default)]
pub struct Probes {
    /// What comes of the look that goes on, or of the one before.
    looking: Mutex<Option<watch::Receiver<Option<Readiness>>>>,
    /// What the last look saw; none before the first.
    seen: Mutex<Option<Readiness>>,
}

/// 200 for as long as the process answers at all.
#[utoipa::path(get, path = "/healthz", tag = "health", security(()), responses((status = 200, description = "The process answers")))]
pub(super) async fn healthz() -> &'static str {
    "ok"
}

/// 200 when the process can do its work, 503 otherwise.
#[utoipa::path(get, path = "/readyz", tag = "health", security(()), responses((status = 200, body = Readiness), (status = 503, body = Readiness)))]
pub(super) async fn readyz(State(state): State<AppState>) -> impl IntoResponse {
    let mut looking = state.probes.look(&state);
    // A look that was cut off counts as nothing working.
    let seen = looking.wait_for(Option::is_some).await.ok().and_then(|seen| *seen);
    let readiness = seen.unwrap_or_default();
    let status = if readiness.is_whole() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness))
}

impl Readiness {
    fn is_whole(self) -> bool {
        self.database && self.plugins
    }
}

impl Probes {
    /// Begins a look, unless one goes on. It ends by itself: a database takes longer to fail than many wait who ask, and
    /// the log has to tell why.
    fn look(&self, state: &AppState) -> watch::Receiver<Option<Readiness>> {
        let mut looking = self.looking.lock();
        if let Some(seen) = looking.as_ref().filter(|seen| seen.has_changed().is_ok()) {
            return seen.clone();
        }
        let (told, seen) = watch::channel(None);
        *looking = Some(seen.clone());
        tokio::spawn(look(state.clone(), told));
        seen
    }

    /// What the look before saw.
    fn replace(&self, readiness: Readiness) -> Option<Readiness> {
        self.seen.lock().replace(readiness)
    }
}

async fn look(state: AppState, told: watch::Sender<Option<Readiness>>) {
    let database = state.store.ping().await;
    let readiness = Readiness { database: database.is_ok(), plugins: state.plugins.is_ready() };
    told.send_replace(Some(readiness));
    let before = state.probes.replace(readiness);
    if before != Some(readiness) {
        if let Err(error) = database {
            let error = state.store.why(&error).await;
            tracing::error!(error, "not ready: the database does not serve");
        } else if !readiness.plugins {
            tracing::info!("not ready yet: the plugins folder is still being read");
        } else if before.is_some() {
            tracing::info!("ready again: the database serves, and the plugins folder has been read");
        }
    }
    // From here on whoever asks begins another look. The log was told of this one first, so that its last line is true.
    drop(told);
}
