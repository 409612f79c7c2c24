//! Requests to the admin API that fail on our side or elsewhere, in the log: a program that asks again and again has no
//! line for each.

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};

use super::AppState;

/// How a request failed. It stands in the extensions of its answer, for the layer.
#[derive(Debug, Clone)]
pub(super) struct Failed {
    /// The `type` of the problem.
    pub(super) problem: &'static str,
    /// What the caller is told.
    pub(super) detail: Box<str>,
    /// What failed on our side, which the caller is not told.
    pub(super) cause: Option<Box<str>>,
}

/// The layer.
pub(super) async fn tell(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    if let Some(failed) = response.extensions_mut().remove::<Failed>() {
        let route = route.as_ref().map_or("", MatchedPath::as_str);
        // Made-up names are no apps: they share their lines.
        let app = app_of(uri.path()).filter(|app| state.accounts.find(app).is_some()).unwrap_or("*");
        let status = response.status().as_u16();
        state.failures.tell(app, format_args!("{method} {route}"), failed.problem, || failed.line(status));
    }
    response
}

/// The app that a path names.
fn app_of(path: &str) -> Option<&str> {
    path.strip_prefix("/api/v1/apps/")?.split('/').next()
}

impl Failed {
    fn line(&self, status: u16) {
        let Self { problem, detail, cause } = self;
        if let Some(error) = cause {
            tracing::error!(%error, "a request failed");
        } else {
            tracing::warn!(status, problem, "a request failed: {detail}");
        }
    }
}
