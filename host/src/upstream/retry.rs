//! Trying again: a few times, with growing pauses, and only where it cannot do harm.

use std::time::Duration;

use weft_wechat::api::errcode::Class;
use weft_wechat::api::{RawAnswer, Refusal, Request, check_answer};

use super::TransportError;
use super::http::Http;
use crate::secret::Secret;

/// How often a request is sent at most.
const TRIES: u32 = 3;
/// The first pause; every other is three times the one before.
const PAUSE: Duration = Duration::from_millis(200);

/// Why a request came to nothing.
#[derive(Debug)]
pub(super) enum Failure {
    Refused(Refusal),
    Transport(TransportError),
}

/// Sends `request`, up to three times while WeChat is busy or cannot be reached. After a call that may have been
/// carried out only an idempotent one is sent again.
pub(super) async fn send(http: &Http, request: &Request, token: Option<&Secret>) -> Result<RawAnswer, Failure> {
    let mut tries = 1;
    loop {
        let failure = match http.send(request, token).await {
            Ok(answer) => match check_answer(&answer.body) {
                Ok(()) => return Ok(answer),
                Err(refusal) => Failure::Refused(without(token, refusal)),
            },
            Err(error) => Failure::Transport(error),
        };
        let again = match &failure {
            Failure::Refused(refusal) => refusal.class() == Class::Busy,
            Failure::Transport(error) => error.is_passing() && (request.idempotent || error.was_not_sent()),
        };
        if !again || tries == TRIES {
            return Err(failure);
        }
        tokio::time::sleep(pause(tries)).await;
        tries += 1;
    }
}

/// Between half and one and a half of the pause, so that many callers do not come again together.
fn pause(tries: u32) -> Duration {
    PAUSE * 3_u32.pow(tries - 1) * rand::random_range(50..=150) / 100
}

/// WeChat repeats no tokens, but whatever stands before it may.
fn without(token: Option<&Secret>, mut refusal: Refusal) -> Refusal {
    if let Some(token) = token.filter(|token| !token.expose().is_empty()) {
        refusal.errmsg = refusal.errmsg.replace(token.expose(), "***");
    }
    refusal
}
