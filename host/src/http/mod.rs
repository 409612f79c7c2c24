//! The URL map of the server.

pub mod admin;
mod admission;
mod answers;
mod error;
mod failed_requests;
mod health;
mod json_errors;
mod listener;
mod metrics;
mod pages;
mod pay_notify;
mod problem_kind;
mod refusals;
mod responses;
mod routes;
mod upload;
mod webhook;

use std::{ops::Deref, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::Request,
    http::HeaderName,
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::{ServiceBuilder, util::MapRequestLayer};
use tower_http::{
    catch_panic::CatchPanicLayer,
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
    trace::TraceLayer,
};
use utoipa_axum::router::OpenApiRouter;

use crate::{
    accounts::Accounts, articles::Articles, audit_log::AuditLog, clock::Clock, config::Config, dispatch::Dispatcher,
    failure_lines::FailureLines, handler_sync::HandlerSync, jobs::Jobs, mass_messages::MassMessages,
    materials::Materials, menus::Menus, message_log::MessageLog, order_hooks::OrderHooks, outcomes::Outcomes, pay::Pay,
    plugins::Plugins, sends::Sends, shares::Room, storage::Store, templates::Templates, upstream::Wechat, users::Users,
};

pub use answers::Answers;
pub use health::Probes;
pub use listener::{ConnectionLimits, serve};
pub use metrics::Measures;
pub use routes::Routes;

/// What handlers ask for. Clones share it, and cost as little for every request.
#[derive(Clone)]
pub struct AppState(Arc<Parts>);

/// The parts of a running server.
pub struct Parts {
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
    /// Places for uploads, by app: each holds a whole file in memory.
    pub uploads: Room,
    /// Places for what is on its way to WeChat, by app: each may hold a file on the disk.
    pub spools: Room,
    /// Places for those who follow what plugins log, by token.
    pub log_readers: Room,
    /// Room for pages that visitors have not taken yet.
    pub pages: Answers,
    /// The same for WeChat's answers, which pages leave it.
    pub replies: Answers,
    /// Counts what WeChat sends.
    pub measures: Measures,
    /// Looks at what works.
    pub probes: Probes,
    /// Tells the log of what fails for an app.
    pub failures: FailureLines,
    /// Takes what is logged of messages.
    pub message_log: MessageLog,
    /// Who writes.
    pub users: Users,
    /// WeChat's API.
    pub wechat: Wechat,
    /// Takes WeChat's own auto-replies over.
    pub handler_sync: HandlerSync,
    /// Articles between here and WeChat.
    pub articles: Articles,
    /// Files between here and WeChat.
    pub materials: Materials,
    /// Menus between here and WeChat.
    pub menus: Menus,
    /// Who changed what.
    pub audit_log: AuditLog,
    /// Long work.
    pub jobs: Jobs,
    /// Templates between here and WeChat.
    pub templates: Templates,
    /// Messages made of templates.
    pub sends: Sends,
    /// Messages to many followers at once.
    pub mass_messages: MassMessages,
    /// What became of what was sent.
    pub outcomes: Outcomes,
    /// Orders between here and WeChat Pay.
    pub pay: Pay,
    /// Tells of orders that changed.
    pub order_hooks: OrderHooks,
    /// Finds answers.
    pub dispatcher: Dispatcher,
    /// Calls of pages that run: they go on when their visitors have gone.
    pub page_calls: TaskTracker,
    /// Cancelled when the process is asked to end: answers that would go on for ever end.
    pub stopping: CancellationToken,
}

impl From<Parts> for AppState {
    fn from(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for AppState {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// The longest that a request of the admin API may take.
const ADMIN_TIMEOUT: Duration = Duration::from_mins(1);

/// How many uploads are taken at a time, and how many of them of one app: a body may take its time.
pub(crate) const UPLOADS: (usize, usize) = (4, 2);

/// How many streams of logged lines are open at a time, and how many of them of one token.
pub(crate) const LOG_READERS: (usize, usize) = (256, 32);

/// How many bodies are on their way to WeChat at a time that are too long for memory, and how many of them of one app.
pub(crate) const SPOOLS: (usize, usize) = (16, 4);

/// The longest request id that is taken over from outside, in characters.
const REQUEST_ID_CHARACTERS: usize = 64;

/// Names each request in the log and in the answer.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// WeChat's side.
pub fn public(state: &AppState) -> Router {
    let health = health().split_for_parts().0.with_state(state.clone());
    let pages = pages::routes(state, false);
    webhooks(state).merge(observed(health.merge(pages)))
}

/// The operator's side.
pub fn operator(state: &AppState) -> Router {
    let (routes, document) = documented().split_for_parts();
    let document = admin::described(document);
    let recorder = admin::Recorder::new(state.clone(), &document);
    let routes = routes
        .route("/api/v1/openapi.json", get(async move || axum::Json(document)))
        .fallback(admin::no_such_path)
        .method_not_allowed_fallback(admin::no_such_method)
        .layer(middleware::from_fn(|request, next| within(ADMIN_TIMEOUT, request, next)))
        // Outside the time limit: a change goes on when its caller has gone, and has to be told all the same.
        .layer(middleware::from_fn_with_state(state.clone(), failed_requests::tell))
        .layer(middleware::from_fn_with_state(recorder, admin::record))
        .with_state(state.clone());
    observed(routes)
}

/// Both sides on one listener.
pub fn everything(state: &AppState) -> Router {
    operator(state).merge(webhooks(state)).merge(observed(pages::routes(state, true)))
}

/// Deliveries have an id of their own, which stands in whatever is logged of them: they go without
/// a request's id and span, which would cost each more than its signature.
fn webhooks(state: &AppState) -> Router {
    let webhook = get(webhook::verify).post(webhook::deliver_routed);
    let (notify, refund_notify) = (post(pay_notify::notify), post(pay_notify::refund_notify));
    Router::new()
        .route("/wechat/{app}", webhook.clone())
        .route("/wechat/{app}/", webhook)
        .route("/wechat/{app}/pay/{merchant}/notify", notify.clone())
        .route("/wechat/{app}/pay/{merchant}/notify/", notify)
        .route("/wechat/{app}/pay/{merchant}/refund-notify", refund_notify.clone())
        .route("/wechat/{app}/pay/{merchant}/refund-notify/", refund_notify)
        .layer(CatchPanicLayer::new())
        .with_state(state.clone())
}

/// The OpenAPI 3.1 document of the admin API.
pub fn openapi() -> utoipa::openapi::OpenApi {
    admin::described(documented().split_for_parts().1)
}

fn documented() -> OpenApiRouter<AppState> {
    admin::routes().merge(health()).routes(utoipa_axum::routes!(metrics::metrics))
}

fn health() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(utoipa_axum::routes!(health::healthz)).routes(utoipa_axum::routes!(health::readyz))
}

/// A panic is a bug, and costs one request; every request has an id and a span.
fn observed(routes: Router) -> Router {
    routes.layer(
        ServiceBuilder::new()
            .layer(MapRequestLayer::new(without_odd_id))
            .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
            // What fails says so itself, and why: problems (`error`) and pages (`pages`).
            .layer(TraceLayer::new_for_http().make_span_with(span).on_failure(()))
            .layer(PropagateRequestIdLayer::new(REQUEST_ID))
            .layer(CatchPanicLayer::new()),
    )
}

/// Answers 504 when a request takes longer than it may.
async fn within(limit: Duration, request: Request, next: Next) -> Response {
    let answered = tokio::time::timeout(limit, next.run(request)).await;
    answered.unwrap_or_else(|_| error::Problem::timeout(limit).into_response())
}

/// Drops a request id from outside that is too long or odd for a line of the log; the request then
/// gets one of ours.
fn without_odd_id(mut request: Request) -> Request {
    let headers = request.headers_mut();
    let is_sound = |id: &[u8]| (1..=REQUEST_ID_CHARACTERS).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic);
    if !headers.get_all(REQUEST_ID).iter().all(|id| is_sound(id.as_bytes())) {
        headers.remove(REQUEST_ID);
    }
    request
}

/// What every line that a request logs carries, at any level: a span is as visible as its level,
/// not as the lines in it. The path stands without its query: that holds signatures.
fn span(request: &Request) -> tracing::Span {
    let id = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()).unwrap_or_default();
    tracing::error_span!("request", method = %request.method(), path = request.uri().path(), id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_request_that_takes_too_long_is_answered_with_a_problem() {
        let slow = get(async || tokio::time::sleep(Duration::from_mins(1)).await);
        let limit = Duration::from_millis(20);
        let routes = Router::new()
            .route("/", slow)
            .layer(middleware::from_fn(move |request, next| within(limit, request, next)));
        let response = tower::ServiceExt::<Request>::oneshot(routes, Request::default()).await.unwrap();
        assert_eq!(response.status(), 504);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let body = axum::body::to_bytes(response.into_body(), 1000).await.unwrap();
        let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(problem["type"], "timeout");
    }
}
