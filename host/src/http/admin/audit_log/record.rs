//! Writes down every request that changes something: a layer around all routes, so that none can be forgotten.
//!
//! A request is recorded when its method is none that only reads, or it has WeChat change something, and it succeeded,
//! or may have. Who it was comes from the check of the token ([`Caller`](crate::http::admin::auth::Caller)), what was
//! before and after from the handler.

use std::{collections::HashMap, sync::Arc};

use axum::{
    extract::{FromRequestParts, MatchedPath, RawPathParams, Request, State},
    http::{Method, StatusCode},
    middleware::Next,
    response::Response,
};
use parking_lot::Mutex;
use serde::Serialize;
use tracing::Instrument;
use utoipa::openapi::OpenApi;

use crate::{
    http::{AppState, REQUEST_ID, admin::wechat, error::MayBeDone},
    model::AuditEntry,
};

/// What a request tells of itself while it is handled. Clones tell the same.
#[derive(Clone, Default)]
pub(in crate::http::admin) struct Notes(Arc<Mutex<Noted>>);

#[derive(Default)]
struct Noted {
    entry: AuditEntry,
    /// Whether it is recorded; by its method without.
    recorded: Option<bool>,
}

impl Notes {
    /// A token was good.
    pub(in crate::http::admin) fn actor(&self, id: &str, name: &str) {
        self.note(|noted| {
            name.clone_into(&mut noted.entry.actor);
            noted.entry.actor_id = Some(id.to_owned());
        });
    }

    /// The app that it is about, where the path does not say it.
    pub(in crate::http::admin) fn app(&self, name: &str) {
        self.note(|noted| noted.entry.app = Some(name.to_owned()));
    }

    /// What there was before.
    pub(in crate::http::admin) fn before(&self, document: &impl Serialize) {
        let document = serde_json::to_value(document).ok();
        self.note(|noted| noted.entry.before = document);
    }

    /// What there is now.
    pub(in crate::http::admin) fn after(&self, document: &impl Serialize) {
        let document = serde_json::to_value(document).ok();
        self.note(|noted| noted.entry.after = document);
    }

    /// Whether it is recorded, whatever its method.
    pub(in crate::http::admin) fn recorded(&self, is: bool) {
        self.note(|noted| noted.recorded = Some(is));
    }

    fn note(&self, note: impl FnOnce(&mut Noted)) {
        note(&mut self.0.lock());
    }

    /// The entry, when there is to be one; to be taken once.
    fn take(&self, changes: bool) -> Option<AuditEntry> {
        let mut noted = self.0.lock();
        noted.recorded.unwrap_or(changes).then(|| std::mem::take(&mut noted.entry))
    }
}

/// What records.
#[derive(Clone)]
pub(in crate::http) struct Recorder {
    state: AppState,
    /// Method and path of each call, and its name.
    actions: Arc<HashMap<(Method, String), String>>,
}

impl Recorder {
    /// Names actions as `document` does.
    pub(in crate::http) fn new(state: AppState, document: &OpenApi) -> Self {
        let mut actions = HashMap::new();
        for (path, item) in &document.paths.paths {
            let operations = [
                (Method::GET, &item.get),
                (Method::PUT, &item.put),
                (Method::POST, &item.post),
                (Method::DELETE, &item.delete),
                (Method::PATCH, &item.patch),
            ];
            for (method, operation) in operations {
                if let Some(id) = operation.as_ref().and_then(|operation| operation.operation_id.clone()) {
                    actions.insert((method, as_documented(path)), id);
                }
            }
        }
        Self { state, actions: Arc::new(actions) }
    }

    fn action(&self, method: &Method, path: &str) -> String {
        let known = self.actions.get(&(method.clone(), as_documented(path)));
        known.cloned().unwrap_or_else(|| format!("{method} {path}"))
    }
}

/// A path of the router as the document has it, which knows no parameter that takes several segments.
fn as_documented(path: &str) -> String {
    path.replace("{*", "{")
}

/// The layer.
pub(in crate::http) async fn record(State(recorder): State<Recorder>, request: Request, next: Next) -> Response {
    let Some(path) = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned()) else {
        return next.run(request).await;
    };
    let method = request.method().clone();
    let changes = !method.is_safe() || wechat::get_changes(&path, request.uri());
    let log = recorder.state.audit_log.clone();
    let handled = async move {
        let notes = Notes::default();
        let (mut parts, body) = request.into_parts();
        parts.extensions.insert(notes.clone());
        let app = app_of(&mut parts).await;
        let target = parts.uri.path().to_owned();
        let id = parts.headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).unwrap_or_default().to_owned();
        let response = next.run(Request::from_parts(parts, body)).await;
        let status = response.status();
        // A request that took too long may have changed what it was to change.
        let may_be_done = status == StatusCode::GATEWAY_TIMEOUT || response.extensions().get::<MayBeDone>().is_some();
        if (status.is_success() || may_be_done)
            && let Some(entry) = notes.take(changes)
        {
            let action = recorder.action(&method, &path);
            let entry = AuditEntry {
                app: entry.app.clone().or(app),
                action,
                path: target,
                status: Some(status.as_u16()),
                request_id: id,
                ..entry
            };
            recorder.state.audit_log.record(entry).await;
        }
        response
    };
    if !changes {
        return handled.await;
    }
    match log.to_its_end(handled.in_current_span()).await {
        Ok(response) => response,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Only the end of the process ends it early.
            Err(_) => Response::default(),
        },
    }
}

/// The app that the path names.
async fn app_of(parts: &mut axum::http::request::Parts) -> Option<String> {
    let params = RawPathParams::from_request_parts(parts, &()).await.ok()?;
    params.iter().find(|(name, _)| *name == "app").map(|(_, app)| app.to_owned())
}
