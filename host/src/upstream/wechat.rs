//! Calls of WeChat's API for an app.

use std::sync::Arc;
use std::time::Duration;

use weft_wechat::api::ticket::TicketType;
use weft_wechat::api::{Endpoint, RawAnswer, Request};

use super::answer::Beginning;
use super::calls::{Calls, Passed};
use super::counts::Counts;
use super::credentials::{Credentials, FetchTicket, FetchToken};
use super::files::Files;
use super::http::Http;
use super::pauses::Pauses;
use super::retry::Sender;
use super::{CallError, TokenError};
use crate::clock::Clock;
use crate::config::WechatConfig;
use crate::model::{App, Credential};
use crate::storage::{Store, StoreError, with_causes};

/// WeChat's API. Clones share connections, tokens and what is known of quotas.
#[derive(Debug, Clone)]
pub struct Wechat(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    calls: Calls,
    jsapi_tickets: Credentials<FetchTicket>,
    card_tickets: Credentials<FetchTicket>,
    files: Files,
}

/// How often counts are written, and how many times before old ones are forgotten.
const WRITE: Duration = Duration::from_secs(5);
const BETWEEN_FORGETTING: u32 = 720;

fn warn(what: &str, outcome: Result<(), StoreError>) {
    if let Err(error) = outcome {
        tracing::warn!(error = %with_causes(&error), "counts or pauses of WeChat's calls could not be {what}");
    }
}

impl Wechat {
    /// The API that `config` names; tokens and tickets are kept in `store`.
    ///
    /// # Errors
    /// When the system has no TLS roots, or the proxy's address is no URL.
    pub fn new(config: &WechatConfig, store: Store, clock: Clock) -> reqwest::Result<Self> {
        let (http, files) = (Http::new(config)?, Files::new(config)?);
        let counts = Arc::new(Counts::new(store.clone(), clock.clone()));
        let (sender, pauses) = (Sender { http, counts }, Arc::new(Pauses::new(store.clone())));
        let fetch = FetchToken { sender: sender.clone(), pauses: Arc::clone(&pauses), clock: clock.clone() };
        let tokens = Credentials::new(fetch, store.clone(), clock.clone());
        let calls = Calls { sender, tokens, pauses, clock: clock.clone() };
        let jsapi = FetchTicket { calls: calls.clone(), ticket_type: TicketType::Jsapi };
        let card = FetchTicket { calls: calls.clone(), ticket_type: TicketType::Card };
        let jsapi_tickets = Credentials::new(jsapi, store.clone(), clock.clone());
        let card_tickets = Credentials::new(card, store, clock);
        Ok(Self(Arc::new(Inner { calls, jsapi_tickets, card_tickets, files })))
    }

    /// Calls the API for `app`: with its access token, which is replaced once when WeChat refuses it, and with a few
    /// more tries where that does no harm. Ends by itself; who has less time may drop the call.
    ///
    /// # Errors
    /// Why there is no answer; the text says what to do. Nothing is sent for an app that may not do it
    /// ([`App::may`]), nor while WeChat has said that it is called too often.
    pub async fn call<E: Endpoint>(&self, app: &App, endpoint: &E) -> Result<E::Answer, CallError> {
        self.0.calls.call(app, endpoint).await
    }

    /// As [`call`](Self::call), with the answer as it came.
    ///
    /// # Errors
    /// As there; a body with an `errcode` is an error.
    pub async fn exchange(&self, app: &App, request: &Request) -> Result<RawAnswer, CallError> {
        self.0.calls.exchange(app, request).await
    }

    /// As [`call`](Self::call), with whatever WeChat answers while it arrives: what it refuses, and pages of what
    /// stands before it, are answers too.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn pass(&self, app: &App, request: &Request) -> Result<Passed, CallError> {
        self.0.calls.carry_out(app, request, Beginning::Some).await
    }

    /// The file at `url`, an address from an answer of WeChat's to the call of `path`; of at most `limit` bytes.
    ///
    /// # Errors
    /// Why there is none: it is no address in the internet, or the file does not come.
    pub async fn file(&self, path: &str, url: &str, limit: usize) -> Result<RawAnswer, CallError> {
        let what = || "the address of the file is not a public http or https URL".to_owned();
        let got = self.0.files.get(url, limit).await;
        let got = got.ok_or_else(|| CallError::Unreadable { path: path.to_owned(), what: what() })?;
        got.map_err(|error| CallError::Transport { path: path.to_owned(), error: Arc::new(error) })
    }

    /// The app's access token, for those who call WeChat by themselves.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn access_token(&self, app: &App) -> Result<Arc<Credential>, Arc<TokenError>> {
        self.0.calls.tokens.get(app).await
    }

    /// Ends the app's access token, and gives another: for when somebody has it who should not. WeChat allows that
    /// rarely; count before ([`LimitedActions`](crate::storage::LimitedActions)). An app whose tokens come from an
    /// operator's server is only asked for again.
    ///
    /// # Errors
    /// Why there is none; the one before may have ended.
    pub async fn force_access_token(&self, app: &App) -> Result<Arc<Credential>, Arc<TokenError>> {
        self.0.calls.tokens.force(app).await
    }

    /// The app's ticket.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn ticket(&self, app: &App, ticket_type: TicketType) -> Result<Arc<Credential>, Arc<TokenError>> {
        match ticket_type {
            TicketType::Jsapi => self.0.jsapi_tickets.get(app).await,
            TicketType::Card => self.0.card_tickets.get(app).await,
        }
    }

    /// Lets calls of `app` through again that paused because of their number; to be called after its quota was
    /// cleared at WeChat.
    ///
    /// # Errors
    /// When the database does not answer; this process makes the calls nevertheless.
    pub async fn resume(&self, app: &App) -> Result<(), StoreError> {
        self.0.calls.pauses.end(&app.name).await
    }

    /// Takes over what paused before the process started.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn restore(&self) -> Result<(), StoreError> {
        self.0.calls.pauses.read().await
    }

    /// How often WeChat was called since the start, every try, by what came of it: ok, refused or unanswered.
    pub fn calls_made(&self) -> [(&'static str, u64); 3] {
        self.0.calls.sender.counts.made()
    }

    /// Writes down how often what was called.
    ///
    /// # Errors
    /// When the database does not answer; what was counted is not lost.
    pub async fn write_counts(&self) -> Result<(), StoreError> {
        self.0.calls.sender.counts.write().await
    }

    /// Writes down what is counted when the process ends.
    pub async fn close(&self) {
        warn("written", self.write_counts().await);
    }

    /// Writes the counts every few seconds and follows the pauses of other processes, for as long as it is polled.
    pub async fn keep_counts(self, is_shared: bool) {
        loop {
            for _ in 0..BETWEEN_FORGETTING {
                tokio::time::sleep(WRITE).await;
                warn("written", self.write_counts().await);
                if is_shared {
                    warn("read", self.restore().await);
                }
            }
            warn("forgotten", self.0.calls.sender.counts.forget().await);
            warn("forgotten", self.0.calls.pauses.forget().await);
        }
    }

    /// Replaces the tokens and tickets of apps that are in use before they end, for as long as it is polled.
    pub async fn keep_fresh(self) {
        let Inner { calls, jsapi_tickets, card_tickets, .. } = &*self.0;
        tokio::join!(calls.tokens.keep_fresh(), jsapi_tickets.keep_fresh(), card_tickets.keep_fresh());
    }
}
