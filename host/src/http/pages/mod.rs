//! `ANY /wechat/{app}/pages/{plugin}/*`: pages served by a plugin in an app's name.
//!
//! A plugin serves pages of the apps that grant it `pages`, and of no others: an app, a plugin or a grant that is not
//! there looks the same from outside. Plugins share an origin with each other, and with the operator's side where
//! `admin_listen` is not set; `answer` says what follows from that.

mod answer;
mod body;
mod cookies;
mod failure;
mod request;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Request, State},
    http::{Method, StatusCode},
    response::{IntoResponse, Response},
    routing::any,
};
use reqwest::Url;
use tracing::Instrument;
use uuid::Uuid;

use self::{answer::Origin, body::Budget, failure::Failure};
use super::AppState;
use crate::{
    accounts::Account,
    model::AppPlugin,
    plugins::{CallError, Page, PageRequest, Subject},
};

/// What stands before an app's name in the path, and between it and the plugin's.
const PATH: [&str; 2] = ["wechat", "pages"];

/// What the door knows without asking.
#[derive(Clone)]
struct Door {
    state: AppState,
    /// Scheme, host and maybe a path, as the world sees it.
    public_url: Option<Url>,
    origin: Origin,
    bodies: Budget,
}

/// Whose page is asked for.
struct Place<'r> {
    app: &'r str,
    plugin: &'r str,
    /// What stands behind the plugin's name, as it came; begins with `/`.
    path: String,
}

impl<'r> Place<'r> {
    /// Names are compared as they stand on the wire: they have no characters that would be escaped.
    fn of(path: &'r str) -> Option<Self> {
        let mut parts = path.strip_prefix('/')?.splitn(5, '/');
        let mut next = || parts.next();
        let (wechat, app, pages, plugin) = (next()?, next()?, next()?, next()?);
        let path = format!("/{}", next().unwrap_or_default());
        ([wechat, pages] == PATH).then_some(Self { app, plugin, path })
    }
}

/// The routes, with every method. `is_shared`: the operator's side is on the same listener.
pub(super) fn routes(state: &AppState, is_shared: bool) -> Router {
    let public_url = state.config.public_url.parse().ok();
    let origin = if is_shared { Origin::WithOperator } else { Origin::Public };
    let door = Door { state: state.clone(), public_url, origin, bodies: Budget::new() };
    Router::new()
        .route("/wechat/{app}/pages/{plugin}", any(serve))
        .route("/wechat/{app}/pages/{plugin}/", any(serve))
        .route("/wechat/{app}/pages/{plugin}/{*path}", any(serve))
        .with_state(door)
}

async fn serve(State(door): State<Door>, request: Request) -> Response {
    let uri = request.uri().clone();
    let found = Place::of(uri.path()).and_then(|place| door.find(place));
    let Some((place, account, granted)) = found else { return Failure::nothing_here().into_response() };
    let (base, plugin) = (door.base(&place), place.plugin);
    let answered = door.answered(place, &account, granted, request).await;
    match answered.and_then(|page| door.response(page, &account.app.name, plugin, &base)) {
        Ok(response) => response,
        Err(failure) => failure.into_response(),
    }
}

impl Door {
    /// The app and what it grants the plugin, if that has pages in it.
    fn find<'r>(&self, place: Place<'r>) -> Option<(Place<'r>, Arc<Account>, Arc<AppPlugin>)> {
        let account = self.state.accounts.find(place.app)?;
        let granted = account.plugins.get(place.plugin).filter(|granted| granted.grants.pages).map(Arc::clone)?;
        Some((place, account, granted))
    }

    /// The path below which browsers see the plugin's pages.
    fn base(&self, place: &Place<'_>) -> String {
        let [wechat, pages] = PATH;
        let prefix = self.public_url.as_ref().map_or("", |url| url.path().trim_end_matches('/'));
        format!("{prefix}/{wechat}/{}/{pages}/{}", place.app, place.plugin)
    }

    /// The answer, if there is room for it until the visitor has it.
    fn response(&self, page: Page, app: &str, plugin: &str, base: &str) -> Result<Response, Failure> {
        let Page { status, headers, body } = page;
        let Some(body) = self.state.pages.held(app, body) else {
            self.state.failures.tell(app, format_args!("page {plugin}"), "answers", || {
                tracing::warn!(app, plugin, "no page: there is no memory left for what visitors have not taken yet");
            });
            return Err(Failure::busy(Duration::from_secs(1)));
        };
        Ok(answer::response(status, headers, body, base, self.origin))
    }

    async fn answered(
        &self,
        place: Place<'_>,
        account: &Account,
        granted: Arc<AppPlugin>,
        request: Request,
    ) -> Result<Page, Failure> {
        let (head, body) = request.into_parts();
        if !is_passed_on(&head.method) {
            return Err(Failure::new(StatusCode::NOT_IMPLEMENTED));
        }
        let limits = self.state.plugins.limits_of(place.plugin, Some(&granted));
        let read = self.bodies.read(place.app, &head.headers, body, limits.page_request_kib).await;
        let (body, room) = read.inspect_err(|failure| {
            if failure.status() == StatusCode::SERVICE_UNAVAILABLE {
                let (app, plugin) = (place.app, place.plugin);
                self.state.failures.tell(app, format_args!("page {plugin}"), "bodies", || {
                    tracing::warn!(app, plugin, "no page: there is no memory left for what visitors send");
                });
            }
        })?;
        let request = PageRequest { body, ..request::head(&head, place.path, self.public_url.as_ref())? };
        let call = Call {
            state: self.state.clone(),
            plugin: place.plugin.to_owned(),
            subject: Subject {
                app: Arc::clone(&account.app),
                granted: Some(granted),
                delivery_id: Uuid::now_v7().to_string().into(),
                raw: "".into(),
            },
            request,
        };
        // It goes on to its end when the visitor has gone: what it has begun to do is not left half done.
        let running = async move {
            let _room = room;
            call.run().await
        };
        self.state.page_calls.spawn(running.in_current_span()).await.unwrap_or_else(|error| {
            tracing::error!(%error, "no page: its task ended early");
            Err(Failure::new(StatusCode::INTERNAL_SERVER_ERROR))
        })
    }
}

/// Whether plugins may be asked so. CONNECT would open a tunnel, TRACE would show what is hidden from scripts, and what is
/// not in capitals is another method than it looks like.
fn is_passed_on(method: &Method) -> bool {
    *method != Method::CONNECT
        && *method != Method::TRACE
        && !method.as_str().bytes().any(|byte| byte.is_ascii_lowercase())
}

/// A call that is to be made.
struct Call {
    state: AppState,
    plugin: String,
    subject: Subject,
    request: PageRequest,
}

impl Call {
    async fn run(self) -> Result<Page, Failure> {
        let Self { state, plugin, subject, request } = self;
        let page = state.plugins.page_of(&plugin, &request.path);
        let (app, delivery) = (Arc::clone(&subject.app), Arc::clone(&subject.delivery_id));
        let method = request.method.clone();
        let error = match state.plugins.serve(&plugin, subject, request).await {
            Ok(page) => return Ok(page),
            Err(error) => error,
        };
        let (app, delivery) = (&app.name, &*delivery);
        let named = page.as_deref().unwrap_or_default();
        state.failures.tell(app, format_args!("page {plugin}/{named}"), error.code(), || {
            let (backtrace, why) = (error.backtrace(), error.in_log());
            match &error {
                // The reason is in the log already, is a matter of load, or is to be expected.
                CallError::KeepsFailing { .. }
                | CallError::Shed { .. }
                | CallError::NotLoaded(_)
                | CallError::Disabled(_)
                | CallError::NoSuchEntry { .. }
                | CallError::NotForApp { .. }
                | CallError::PagesNotGranted { .. } => {
                    tracing::warn!(app, plugin, page, delivery, method, "no page: {why}");
                }
                _ => tracing::error!(app, plugin, page, delivery, method, backtrace, "no page: {why}"),
            }
        });
        Err(Failure::of(&error, delivery))
    }
}
