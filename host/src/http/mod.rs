//! The URL map of the server.

pub mod admin;
mod error;
mod health;
mod listener;
mod webhook;

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use axum::{
    Router,
    http::{HeaderName, StatusCode},
    routing::get,
};
use tower::ServiceBuilder;
use tower_http::{
    catch_panic::CatchPanicLayer,
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
    timeout::TimeoutLayer,
    trace::TraceLayer,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{accounts::Accounts, clock::Clock, config::Config, dispatch::Dispatcher, plugins::Plugins, storage::Store};

pub use listener::{ConnectionLimits, serve};

/// What handlers ask for. Clones share it.
#[derive(Clone)]
pub struct AppState {
    /// The settings that the process was started with.
    pub config: Arc<Config>,
    /// The time.
    pub clock: Clock,
    /// The database.
    pub store: Store,
    /// The apps in memory.
    pub accounts: Accounts,
    /// The plugin platform.
    pub plugins: Plugins,
    /// Whether the plugins folder has been read once.
    pub plugins_ready: Arc<AtomicBool>,
    /// Finds answers.
    pub dispatcher: Dispatcher,
}

/// The longest that a request of the admin API may take.
const ADMIN_TIMEOUT: Duration = Duration::from_mins(1);

/// Names each request in the log and in the answer.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// WeChat's side.
pub fn public(state: &AppState) -> Router {
    let webhook = get(webhook::verify).post(webhook::deliver);
    let routes = Router::new()
        .route("/wechat/{app}", webhook.clone())
        .route("/wechat/{app}/", webhook)
        .merge(health().split_for_parts().0)
        .with_state(state.clone());
    observed(routes)
}

/// The operator's side.
pub fn operator(state: &AppState) -> Router {
    let (routes, document) = documented().split_for_parts();
    let document = admin::described(document);
    let routes = routes
        .route("/api/v1/openapi.json", get(async move || axum::Json(document)))
        .fallback(admin::no_such_path)
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, ADMIN_TIMEOUT))
        .with_state(state.clone());
    observed(routes)
}

/// Both sides on one listener.
pub fn everything(state: &AppState) -> Router {
    let webhook = get(webhook::verify).post(webhook::deliver);
    let webhooks = Router::new()
        .route("/wechat/{app}", webhook.clone())
        .route("/wechat/{app}/", webhook)
        .with_state(state.clone());
    operator(state).merge(observed(webhooks))
}

/// The OpenAPI 3.1 document of the admin API.
pub fn openapi() -> utoipa::openapi::OpenApi {
    admin::described(documented().split_for_parts().1)
}

fn documented() -> OpenApiRouter<AppState> {
    admin::routes().merge(health())
}

fn health() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(health::healthz)).routes(routes!(health::readyz))
}

/// A panic is a bug, and costs one request; every request has an id and a span.
fn observed(routes: Router) -> Router {
    routes.layer(
        ServiceBuilder::new()
            .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
            .layer(TraceLayer::new_for_http().make_span_with(span))
            .layer(PropagateRequestIdLayer::new(REQUEST_ID))
            .layer(CatchPanicLayer::new()),
    )
}

/// The path without its query: that holds signatures.
fn span(request: &axum::extract::Request) -> tracing::Span {
    let id = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()).unwrap_or_default();
    tracing::debug_span!("request", method = %request.method(), path = request.uri().path(), id)
}
