//! Calls of WeChat's API for an app.

use std::sync::Arc;

use weft_wechat::api::errcode::Class;
use weft_wechat::api::{Answer, ApiError, Endpoint, RawAnswer, Refusal, Request};

use super::access_tokens::AccessTokens;
use super::answer::{AnswerStream, Beginning};
use super::http::Http;
use super::pauses::{Pause, Pauses};
use super::retry::{self, Exchange};
use super::{CallError, TokenError};
use crate::clock::Clock;
use crate::config::WechatConfig;
use crate::model::{AccessToken, App};
use crate::storage::Store;

/// WeChat's API. Clones share connections, tokens and what is known of quotas.
#[derive(Debug, Clone)]
pub struct Wechat(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    http: Http,
    tokens: AccessTokens,
    pauses: Arc<Pauses>,
    clock: Clock,
}

/// What came of a call.
#[derive(Debug)]
pub struct Passed {
    exchange: Exchange,
    tries: u32,
}

impl Passed {
    /// How often the call was sent, those before a new access token included.
    pub fn tries(&self) -> u32 {
        self.tries
    }

    /// What WeChat says in the answer when it refuses.
    pub fn refusal(&self) -> Option<&Refusal> {
        self.exchange.refusal.as_ref()
    }

    /// The answer.
    pub fn into_answer(self) -> AnswerStream {
        self.exchange.answer
    }
}

impl Wechat {
    /// The API that `config` names; tokens are kept in `store`.
    ///
    /// # Errors
    /// When the system has no TLS roots, or the proxy is none.
    pub fn new(config: &WechatConfig, store: Store, clock: Clock) -> reqwest::Result<Self> {
        let http = Http::new(config)?;
        let pauses = Arc::<Pauses>::default();
        let tokens = AccessTokens::new(http.clone(), store, clock.clone(), Arc::clone(&pauses));
        Ok(Self(Arc::new(Inner { http, tokens, pauses, clock })))
    }

    /// Calls the API for `app`: with its access token, which is replaced once when WeChat refuses it, and with a few
    /// more tries where that does no harm. Ends by itself; who has less time may drop the call.
    ///
    /// # Errors
    /// Why there is no answer; the text says what to do. Nothing is sent for an app that may not do it
    /// ([`App::may`]), nor while WeChat has said that it is called too often.
    pub async fn call<E: Endpoint>(&self, app: &App, endpoint: &E) -> Result<E::Answer, CallError> {
        let request = Request::of(endpoint).map_err(|_| CallError::Encoding { path: E::PATH.to_owned() })?;
        let path = || E::PATH.to_owned();
        E::Answer::read(self.exchange(app, &request).await?).map_err(|error| match error {
            ApiError::Refused(refusal) => CallError::Refused { path: path(), refusal },
            ApiError::Unreadable(what) => CallError::Unreadable { path: path(), what },
        })
    }

    /// As [`call`](Self::call), with the answer as it came.
    ///
    /// # Errors
    /// As there; a body with an `errcode` is an error.
    pub async fn exchange(&self, app: &App, request: &Request) -> Result<RawAnswer, CallError> {
        let Passed { exchange, .. } = self.carry_out(app, request, Beginning::All).await?;
        exchange.granted().map_err(|refusal| CallError::Refused { path: request.path.clone(), refusal })
    }

    /// As [`call`](Self::call), with whatever WeChat answers while it arrives: what it refuses, and pages of what
    /// stands before it, are answers too.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn pass(&self, app: &App, request: &Request) -> Result<Passed, CallError> {
        self.carry_out(app, request, Beginning::Some).await
    }

    async fn carry_out(&self, app: &App, request: &Request, beginning: Beginning) -> Result<Passed, CallError> {
        let Inner { http, tokens, pauses, clock } = &*self.0;
        app.may(request.needs)?;
        let (path, now) = (|| request.path.clone(), clock.now());
        if let Some(Pause { errcode, until }) = pauses.find(&app.name, &request.path, now) {
            return Err(CallError::Paused { path: path(), errcode, until, wait: until.saturating_sub(now) });
        }
        let mut access = None;
        if request.host.takes_token() {
            access = Some(tokens.get(app).await.map_err(CallError::Token)?);
        }
        let (mut replaced, mut tries) = (false, 0);
        loop {
            let token = access.as_ref().map(|access| &access.token);
            let exchange = retry::send(http, request, token, beginning).await;
            let exchange = exchange.map_err(|error| CallError::Transport { path: path(), error: Arc::new(error) })?;
            tries += exchange.tries;
            if let Some(refusal) = &exchange.refusal {
                match &access {
                    Some(refused) if refusal.class() == Class::Token && !replaced => {
                        access = Some(tokens.replace(app, refused).await.map_err(CallError::Token)?);
                        replaced = true;
                        continue;
                    }
                    _ => pauses.note(&app.name, &request.path, refusal, clock.now()),
                }
            }
            return Ok(Passed { exchange, tries });
        }
    }

    /// The app's access token, for those who call WeChat by themselves.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn access_token(&self, app: &App) -> Result<Arc<AccessToken>, Arc<TokenError>> {
        self.0.tokens.get(app).await
    }

    /// Lets calls of `app` through again that paused because of their number; to be called after its quota was
    /// cleared at WeChat.
    pub fn resume(&self, app: &App) {
        self.0.pauses.forget(&app.name);
    }

    /// Replaces the tokens of apps that are in use before they end, for as long as it is polled.
    pub async fn keep_fresh(self) {
        self.0.tokens.keep_fresh().await;
    }
}
