//! `GET, POST /wechat/{app}/`: where WeChat verifies the address and delivers messages.
//!
//! Whatever is wrong with a request is answered 400 with an empty body, so that an attacker learns
//! nothing from it; the log says more ([`refusals`](super::refusals)).

use std::{
    borrow::Cow,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    body::{Body, Bytes},
    extract::{Path, RawQuery, State, rejection::PathRejection},
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use weft_wechat::account::{EncodingMode, Query, Refusal};

use super::{
    AppState,
    metrics::Delivered,
    refusals::{self, Forged},
};
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
pub(super) enum Rejected {
    #[error("the query parameter `{0}` is missing or stands twice · 查询参数 `{0}` 缺失或重复")]
    Parameter(&'static str),
    #[error("the timestamp is not a number · timestamp 不是数字")]
    Timestamp,
    #[error(
        "the timestamp is {0} s away from this machine's clock (webhook.message_time_offset) · timestamp 与这台机器的时间相差 {0} 秒（webhook.message_time_offset）"
    )]
    Stale(u64),
    /// What of the account does not fit is for the log alone, which finds it out after the answer.
    #[error("the signature or the encryption does not fit this account · 签名或加密与这个账号不符")]
    Forged(Box<Forged>),
    #[error(
        "the message is encrypted, and the app's encoding_mode is plain · 消息是加密的，而账号的 encoding_mode 是 plain"
    )]
    Encrypted,
    #[error(transparent)]
    Refused(Refusal),
    #[error(transparent)]
    Replayed(#[from] Replayed),
    #[error("the body did not arrive, or is too large · 消息体没有收全，或者太大")]
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
    let Some(account) = find(&state, &app) else { return nowhere(&state, &app, query.as_deref()) };
    match echo(account, query.as_deref()) {
        Ok(echostr) => (
            [
                (header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8")),
                (HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff")),
            ],
            echostr,
        )
            .into_response(),
        Err(rejected) => reject(&state, &app, rejected),
    }
}

/// [`deliver`], for the router.
pub(super) async fn deliver_routed(
    State(state): State<AppState>,
    app: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
    body: Body,
) -> Response {
    // A name that is not even text names no app.
    let app = app.map_or_else(|_| String::new(), |Path(app)| app);
    deliver(&state, &app, query.as_deref(), body).await
}

/// Takes a message to an app and answers it.
pub(super) async fn deliver(state: &AppState, app: &str, query: Option<&str>, body: Body) -> Response {
    let began = Instant::now();
    let (outcome, response) = match find(state, app) {
        None => (Delivered::NoApp, nowhere(state, app, query)),
        Some(account) => match answer(state, account, query, body).await {
            Ok(Outcome::Answered(Some(xml))) => match state.replies.held_if_long(app, xml) {
                Some(xml) => {
                    let content_type = HeaderValue::from_static("text/xml; charset=utf-8");
                    (Delivered::Answered, ([(header::CONTENT_TYPE, content_type)], xml).into_response())
                }
                None => (Delivered::Late, not_now(state, app)),
            },
            Ok(Outcome::Answered(None)) => (Delivered::Empty, StatusCode::OK.into_response()),
            Ok(Outcome::Late) => (Delivered::Late, "success".into_response()),
            Err(rejected) => (Delivered::Refused, reject(state, app, rejected)),
        },
    };
    state.measures.delivered(outcome, began.elapsed());
    response
}

/// An app that takes no messages is as absent as one that does not exist.
fn find(state: &AppState, app: &str) -> Option<Arc<Account>> {
    state.accounts.find(app).filter(|account| account.webhook.is_some())
}

fn echo(account: Arc<Account>, query: Option<&str>) -> Result<String, Rejected> {
    let parameters = Parameters::read(query);
    let (query, echostr) = (parameters.signed()?, parameters.echostr.required()?);
    let verified = account.webhook.as_ref().map_or(Ok(()), |webhook| webhook.verify(&query).map(drop));
    match verified {
        Ok(()) => Ok(echostr),
        Err(refusal) => Err(refused(refusal, account, query, None)),
    }
}

async fn answer(state: &AppState, account: Arc<Account>, query: Option<&str>, body: Body) -> Result<Outcome, Rejected> {
    let query = Parameters::read(query).signed()?;
    let timestamp: u64 = query.timestamp.parse().map_err(|_| Rejected::Timestamp)?;
    let offset = state.clock.now().abs_diff(timestamp);
    if offset > state.config.webhook.message_time_offset {
        return Err(Rejected::Stale(offset));
    }
    let Some(webhook) = &account.webhook else { return Ok(Outcome::Answered(None)) };
    let opened = match webhook.verify(&query) {
        Ok(verified) => {
            let body = read(body).await?;
            verified.open(&body).map_err(|refusal| (refusal, Some(body)))
        }
        Err(refusal) => Err((refusal, None)),
    };
    match opened {
        Ok(delivery) => Ok(state.dispatcher.deliver(account, query, delivery).await?),
        Err((refusal, body)) => Err(refused(refusal, account, query, body)),
    }
}

/// A refusal with what the log needs to say more. It costs the same whatever does not fit.
fn refused(refusal: Refusal, account: Arc<Account>, query: Query, body: Option<Bytes>) -> Rejected {
    let is_plain = account.webhook.as_ref().is_some_and(|webhook| webhook.mode == EncodingMode::Plain);
    match refusal {
        Refusal::Forged => Rejected::Forged(Box::new(Forged { account, query, body })),
        Refusal::Unreadable(_) if is_plain && query.encrypt_type.as_deref() == Some("aes") => Rejected::Encrypted,
        refusal => Rejected::Refused(refusal),
    }
}

async fn read(body: Body) -> Result<Bytes, Rejected> {
    match tokio::time::timeout(BODY_TIMEOUT, axum::body::to_bytes(body, MESSAGE_BYTES)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        _ => Err(Rejected::Body),
    }
}

/// What WeChat writes into the URL of a webhook; the rest is nobody's.
struct Parameters<'q> {
    signature: Parameter<'q>,
    timestamp: Parameter<'q>,
    nonce: Parameter<'q>,
    encrypt_type: Parameter<'q>,
    msg_signature: Parameter<'q>,
    echostr: Parameter<'q>,
}

struct Parameter<'q> {
    name: &'static str,
    value: Option<Cow<'q, str>>,
    is_twice: bool,
}

impl<'q> Parameters<'q> {
    fn read(query: Option<&'q str>) -> Self {
        let named = |name| Parameter { name, value: None, is_twice: false };
        let mut parameters = Self {
            signature: named("signature"),
            timestamp: named("timestamp"),
            nonce: named("nonce"),
            encrypt_type: named("encrypt_type"),
            msg_signature: named("msg_signature"),
            echostr: named("echostr"),
        };
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            if let Some(parameter) = parameters.all().into_iter().find(|parameter| parameter.name == name) {
                parameter.is_twice |= parameter.value.replace(value).is_some();
            }
        }
        parameters
    }

    fn all(&mut self) -> [&mut Parameter<'q>; 6] {
        let Self { signature, timestamp, nonce, encrypt_type, msg_signature, echostr } = self;
        [signature, timestamp, nonce, encrypt_type, msg_signature, echostr]
    }

    fn signed(&self) -> Result<Query, Rejected> {
        Ok(Query {
            signature: self.signature.required()?,
            timestamp: self.timestamp.required()?,
            nonce: self.nonce.required()?,
            encrypt_type: self.encrypt_type.value()?,
            msg_signature: self.msg_signature.value()?,
        })
    }
}

impl Parameter<'_> {
    /// One that stands twice has no defined value.
    fn value(&self) -> Result<Option<String>, Rejected> {
        if self.is_twice { Err(Rejected::Parameter(self.name)) } else { Ok(self.value.as_deref().map(str::to_owned)) }
    }

    fn required(&self) -> Result<String, Rejected> {
        self.value()?.ok_or(Rejected::Parameter(self.name))
    }
}

fn nowhere(state: &AppState, app: &str, query: Option<&str>) -> Response {
    refusals::nowhere(&state.failures, app, query);
    StatusCode::NOT_FOUND.into_response()
}

/// There is no room for the answer. WeChat asks again, and it may be there then.
fn not_now(state: &AppState, app: &str) -> Response {
    state.failures.tell(app, format_args!("answers"), "answers", || {
        tracing::warn!(app, "no answer: there is no memory left for long ones that have not been taken yet");
    });
    StatusCode::SERVICE_UNAVAILABLE.into_response()
}

fn reject(state: &AppState, app: &str, rejected: Rejected) -> Response {
    refusals::rejected(&state.failures, app, rejected);
    StatusCode::BAD_REQUEST.into_response()
}
