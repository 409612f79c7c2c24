//! Trying again: a few times, with growing pauses, and only where it cannot do harm.

use std::sync::Arc;
use std::time::Duration;

use weft_wechat::api::errcode::Class;
use weft_wechat::api::{RawAnswer, Refusal, Request, check_answer};

use super::TransportError;
use super::answer::{AnswerStream, Beginning};
use super::counts::Counts;
use super::http::Http;
use crate::model::{App, CallOutcome};
use crate::secret::Secret;

/// How often a request is sent at most.
const TRIES: u32 = 3;
/// The first pause; every other is three times the one before.
const PAUSE: Duration = Duration::from_millis(200);

/// How WeChat says that there is no such call.
const INVALID_URL: i64 = 40066;
const NOT_FOUND: u16 = 404;

/// What came of a request.
#[derive(Debug)]
pub(super) struct Exchange {
    /// The last answer.
    pub(super) answer: AnswerStream,
    /// What it says when WeChat refuses.
    pub(super) refusal: Option<Refusal>,
    /// How often the request was sent.
    pub(super) tries: u32,
}

impl Exchange {
    /// The answer, unless it is a refusal.
    pub(super) fn granted(self) -> Result<RawAnswer, Refusal> {
        match self.refusal {
            Some(refusal) => Err(refusal),
            None => Ok(self.answer.into_raw()),
        }
    }
}

/// Sends requests of apps, and counts them.
#[derive(Debug, Clone)]
pub(super) struct Sender {
    pub(super) http: Http,
    pub(super) counts: Arc<Counts>,
}

impl Sender {
    /// Sends `request`, up to three times while WeChat is busy or cannot be reached. After a call that may have been
    /// carried out only an idempotent one is sent again.
    pub(super) async fn send(
        &self,
        app: &App,
        request: &Request,
        token: Option<&Secret>,
        beginning: Beginning,
    ) -> Result<Exchange, TransportError> {
        let mut tries = 1;
        loop {
            let answer = self.http.send(request, token, beginning).await;
            let outcome = answer.map(|answer| Exchange::read(answer, token, tries));
            self.count(app, request, &outcome);
            let again = match &outcome {
                Ok(Exchange { refusal: Some(refusal), .. }) => refusal.class() == Class::Busy,
                Ok(exchange) => exchange.answer.status >= 500 && request.idempotent,
                Err(error) => error.is_passing() && (request.idempotent || error.was_not_sent()),
            };
            if !again || tries == TRIES {
                return outcome;
            }
            tokio::time::sleep(pause(tries)).await;
            tries += 1;
        }
    }

    /// WeChat counts every try, too.
    fn count(&self, app: &App, request: &Request, outcome: &Result<Exchange, TransportError>) {
        let (outcome, is_known) = match outcome {
            Ok(Exchange { refusal: Some(refusal), .. }) => {
                (CallOutcome::Refused(refusal.errcode), refusal.errcode != INVALID_URL)
            }
            Ok(exchange) if exchange.answer.status < 300 => (CallOutcome::Done, true),
            Ok(exchange) => (CallOutcome::Unanswered, exchange.answer.status != NOT_FOUND),
            Err(TransportError::Status(status)) => (CallOutcome::Unanswered, *status != NOT_FOUND),
            Err(_) => (CallOutcome::Unanswered, true),
        };
        self.counts.note(&app.name, is_known.then_some(request.path.as_str()), outcome);
    }
}

impl Exchange {
    fn read(mut answer: AnswerStream, token: Option<&Secret>, tries: u32) -> Self {
        if let Some(token) = token {
            answer.hide(token);
        }
        // A refusal is short: an answer that is not here whole is none.
        let refusal = answer.whole().and_then(|body| check_answer(body).err());
        Self { answer, refusal, tries }
    }
}

/// Between half and one and a half of the pause, so that many callers do not come again together.
fn pause(tries: u32) -> Duration {
    PAUSE * 3_u32.pow(tries - 1) * rand::random_range(50..=150) / 100
}
