//! One call of WeChat's API, with the app's access token, from what the app may do to what came of it.

use std::sync::Arc;

use weft_wechat::api::errcode::Class;
use weft_wechat::api::{Answer, ApiError, Endpoint, RawAnswer, Refusal, Request};

use super::CallError;
use super::answer::{AnswerStream, Beginning};
use super::credentials::{Credentials, FetchToken};
use super::on_the_way::OnTheWay;
use super::pauses::{Pause, Pauses};
use super::retry::{Exchange, Sender};
use crate::clock::Clock;
use crate::model::App;

/// Makes calls. Clones share connections, access tokens and what is known of quotas.
#[derive(Debug, Clone)]
pub(super) struct Calls {
    pub(super) sender: Sender,
    pub(super) tokens: Credentials<FetchToken>,
    pub(super) pauses: Arc<Pauses>,
    pub(super) on_the_way: OnTheWay,
    pub(super) clock: Clock,
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

impl Calls {
    pub(super) async fn call<E: Endpoint>(&self, app: &App, endpoint: &E) -> Result<E::Answer, CallError> {
        let request = Request::of(endpoint).map_err(|_| CallError::Encoding { path: E::PATH.to_owned() })?;
        let path = || E::PATH.to_owned();
        E::Answer::read(self.exchange(app, &request).await?).map_err(|error| match error {
            ApiError::Refused(refusal) => CallError::Refused { path: path(), refusal },
            ApiError::Unreadable(what) => CallError::Unreadable { path: path(), what },
        })
    }

    pub(super) async fn exchange(&self, app: &App, request: &Request) -> Result<RawAnswer, CallError> {
        let Passed { exchange, .. } = self.carry_out(app, request, Beginning::All).await?;
        exchange.granted().map_err(|refusal| CallError::Refused { path: request.path.clone(), refusal })
    }

    pub(super) async fn carry_out(
        &self,
        app: &App,
        request: &Request,
        beginning: Beginning,
    ) -> Result<Passed, CallError> {
        let Self { sender, tokens, pauses, on_the_way, clock } = self;
        app.may(request.needs)?;
        let (path, now) = (|| request.path.clone(), clock.now());
        if let Some(Pause { errcode, until }) = pauses.find(&app.name, &request.path, now) {
            return Err(CallError::Paused { path: path(), errcode, until, wait: until.saturating_sub(now) });
        }
        let mut access = None;
        if request.host.takes_token() {
            access = Some(tokens.get(app).await.map_err(CallError::Token)?);
        }
        let lost = |error| CallError::Transport { path: path(), error: Arc::new(error) };
        let turn = on_the_way.turn(&app.name, request.timeout).await.map_err(lost)?;
        let (mut replaced, mut tries) = (false, 0);
        loop {
            let token = access.as_ref().map(|access| &access.secret);
            let mut exchange = sender.send(app, request, token, beginning).await.map_err(lost)?;
            tries += exchange.tries;
            if let Some(refusal) = &exchange.refusal {
                match &access {
                    Some(refused) if refusal.class() == Class::Token && !replaced => {
                        access = Some(tokens.replace(app, refused).await.map_err(CallError::Token)?);
                        replaced = true;
                        continue;
                    }
                    _ => pauses.note(&app.name, &request.path, refusal, clock.now()).await,
                }
            }
            exchange.answer.keep(turn);
            return Ok(Passed { exchange, tries });
        }
    }
}
