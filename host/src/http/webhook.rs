//! `GET, POST /wechat/{app}/`: where WeChat verifies the address and delivers messages.
//!
//! Whatever is wrong with a request is answered 400 with an empty body, so that an attacker learns
//! nothing from it; the log says more at debug level.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    body::{Body, Bytes},
    extract::{Path, RawQuery, State, rejection::PathRejection},
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use weft_wechat::account::{Query, Refusal};

use super::{AppState, metrics::Delivered};
use crate::{
    accounts::Account,
    dispatch::{Outcome, Replayed},
};

/// The largest message that is read, in bytes; WeChat's are a few thousand.
const MESSAGE_BYTES: usize = 1 << 20;

/// How long a sender may take for the body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a request is answered 400.
#[derive(Debug, thiserror::Error)]
enum Rejected {
    #[error("the query parameter `{0}` is missing or stands twice")]
    Parameter(&'static str),
    #[error("the timestamp is not a number")]
    Timestamp,
    #[error("the timestamp is {0} s away from this machine's clock (webhook.message_time_offset)")]
    Stale(u64),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Replayed(#[from] Replayed),
    #[error("the body did not arrive, or is too large")]
    Body,
}

/// Answers `echostr` when the signature is right.
pub(super) async fn verify(
    State(state): State<AppState>,
    app: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Response {
    // A name that is not even text names no app.
    let Ok(Path(app)) = app else { return StatusCode::NOT_FOUND.into_response() };
    let Some((account, parameters)) = find(&state, &app, query.as_deref()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match echo(&account, &parameters) {
        Ok(echostr) => (
            [
                (header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8")),
                (HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff")),
            ],
            echostr,
        )
            .into_response(),
        Err(rejected) => reject(&app, &rejected),
    }
}

/// Takes a message and answers it.
pub(super) async fn deliver(
    State(state): State<AppState>,
    app: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
    body: Body,
) -> Response {
    let began = Instant::now();
    let (outcome, response) = delivered(&state, app, query.as_deref(), body).await;
    state.measures.delivered(outcome, began.elapsed());
    response
}

async fn delivered(
    state: &AppState,
    app: Result<Path<String>, PathRejection>,
    query: Option<&str>,
    body: Body,
) -> (Delivered, Response) {
    let no_app = || (Delivered::NoApp, StatusCode::NOT_FOUND.into_response());
    // A name that is not even text names no app.
    let Ok(Path(app)) = app else { return no_app() };
    let Some((account, parameters)) = find(state, &app, query) else { return no_app() };
    match answer(state, account, &parameters, body).await {
        Ok(Outcome::Answered(Some(xml))) => {
            let content_type = HeaderValue::from_static("text/xml; charset=utf-8");
            (Delivered::Answered, ([(header::CONTENT_TYPE, content_type)], xml).into_response())
        }
        Ok(Outcome::Answered(None)) => (Delivered::Empty, StatusCode::OK.into_response()),
        Ok(Outcome::Late) => (Delivered::Late, "success".into_response()),
        Err(rejected) => (Delivered::Refused, reject(&app, &rejected)),
    }
}

type Parameters = Vec<(String, String)>;

/// An app that takes no messages is as absent as one that does not exist.
fn find(state: &AppState, app: &str, query: Option<&str>) -> Option<(Arc<Account>, Parameters)> {
    let account = state.accounts.find(app).filter(|account| account.webhook.is_some())?;
    let parameters = form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    Some((account, parameters))
}

fn echo(account: &Account, parameters: &Parameters) -> Result<String, Rejected> {
    let query = signed(parameters)?;
    let echostr = parameter(parameters, "echostr")?.ok_or(Rejected::Parameter("echostr"))?;
    if let Some(webhook) = &account.webhook {
        webhook.verify(&query)?;
    }
    Ok(echostr)
}

async fn answer(
    state: &AppState,
    account: Arc<Account>,
    parameters: &Parameters,
    body: Body,
) -> Result<Outcome, Rejected> {
    let query = signed(parameters)?;
    let timestamp: u64 = query.timestamp.parse().map_err(|_| Rejected::Timestamp)?;
    let offset = state.clock.now().abs_diff(timestamp);
    if offset > state.config.webhook.message_time_offset {
        return Err(Rejected::Stale(offset));
    }
    let Some(webhook) = &account.webhook else { return Ok(Outcome::Answered(None)) };
    webhook.verify(&query)?;
    let body = read(body).await?;
    let delivery = webhook.open(&query, &body)?;
    Ok(state.dispatcher.deliver(account, query, delivery).await?)
}

async fn read(body: Body) -> Result<Bytes, Rejected> {
    match tokio::time::timeout(BODY_TIMEOUT, axum::body::to_bytes(body, MESSAGE_BYTES)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        _ => Err(Rejected::Body),
    }
}

fn signed(parameters: &Parameters) -> Result<Query, Rejected> {
    let required = |name| parameter(parameters, name)?.ok_or(Rejected::Parameter(name));
    Ok(Query {
        signature: required("signature")?,
        timestamp: required("timestamp")?,
        nonce: required("nonce")?,
        encrypt_type: parameter(parameters, "encrypt_type")?,
        msg_signature: parameter(parameters, "msg_signature")?,
    })
}

/// A parameter that stands twice has no defined value.
fn parameter(parameters: &Parameters, name: &'static str) -> Result<Option<String>, Rejected> {
    let mut values = parameters.iter().filter(|(own, _)| own == name).map(|(_, value)| value);
    match (values.next(), values.next()) {
        (value, None) => Ok(value.cloned()),
        _ => Err(Rejected::Parameter(name)),
    }
}

fn reject(app: &str, rejected: &Rejected) -> Response {
    tracing::debug!(app, reason = %rejected, "a webhook request is refused");
    StatusCode::BAD_REQUEST.into_response()
}
