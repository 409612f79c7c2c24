//! `POST /wechat/{app}/pay/{merchant}/notify/` and `…/refund-notify/`: where WeChat tells of payments and refunds.
//!
//! The answer leaves after the commit. Whoever does not prove to be WeChat learns which merchants there are, and nothing of
//! their orders.

use std::time::Duration;

use axum::{
    body::{Body, Bytes},
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use weft_wechat::pay::v2;

use super::AppState;
use crate::pay::{Answer, Notified, Shop};
use crate::storage::with_causes;

/// The largest notification that is read, in bytes; WeChat's are a few thousand.
const NOTIFICATION_BYTES: usize = 1 << 20;

/// How long a sender may take for the body.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);

/// How long WeChat waits; it tries again after that.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(4500);

type Place = Result<Path<(String, String)>, PathRejection>;

/// Takes what WeChat tells of a payment.
pub(super) async fn notify(State(state): State<AppState>, place: Place, headers: HeaderMap, body: Body) -> Response {
    answered(&state, place, &headers, body, false).await
}

/// Takes what WeChat tells of a refund.
pub(super) async fn refund_notify(
    State(state): State<AppState>,
    place: Place,
    headers: HeaderMap,
    body: Body,
) -> Response {
    answered(&state, place, &headers, body, true).await
}

async fn answered(state: &AppState, place: Place, headers: &HeaderMap, body: Body, is_refund: bool) -> Response {
    let Ok(Path((app, merchant))) = place else { return StatusCode::NOT_FOUND.into_response() };
    let Ok(body) = read(body).await else { return StatusCode::BAD_REQUEST.into_response() };
    let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    let posted = Notified { headers: &headers, body: &body };
    let answer = match state.pay.shop(&app, &merchant).await {
        Ok(Some(shop)) => take(state, &shop, posted, is_refund).await,
        Ok(None) => Answer::Refused("there is no such merchant"),
        Err(error) => {
            // Anybody can make names up: all of them are one failure.
            state.failures.tell("unknown", format_args!("notification of WeChat Pay"), "database", || {
                tracing::error!(app, merchant, error = %with_causes(&error), "a notification of WeChat Pay is not taken");
            });
            Answer::Failed
        }
    };
    state.measures.notified(&answer);
    if posted.is_v2() { xml(answer) } else { json(answer) }
}

async fn take(state: &AppState, shop: &Shop, posted: Notified<'_>, is_refund: bool) -> Answer {
    let taken = async {
        if is_refund { state.pay.refund_notified(shop, posted).await } else { state.pay.notified(shop, posted).await }
    };
    tokio::time::timeout(ANSWER_TIMEOUT, taken).await.unwrap_or(Answer::Failed)
}

async fn read(body: Body) -> Result<Bytes, ()> {
    let reading = axum::body::to_bytes(body, NOTIFICATION_BYTES);
    tokio::time::timeout(BODY_TIMEOUT, reading).await.map_err(|_| ())?.map_err(|_| ())
}

fn words(answer: Answer) -> &'static str {
    match answer {
        Answer::Taken => "OK",
        Answer::NotProven => "the signature is wrong",
        Answer::Refused(why) => why,
        Answer::Failed => "try again later",
    }
}

/// v2 looks at the body alone.
fn xml(answer: Answer) -> Response {
    let body = match answer {
        Answer::Taken => v2::success().to_owned(),
        answer => v2::failure(words(answer)),
    };
    ([(header::CONTENT_TYPE, "text/xml; charset=utf-8")], body).into_response()
}

/// v3 looks at the status alone.
fn json(answer: Answer) -> Response {
    let (status, code, message) = match answer {
        Answer::Taken => (StatusCode::OK, "SUCCESS", "成功"),
        Answer::NotProven => (StatusCode::UNAUTHORIZED, "FAIL", words(answer)),
        Answer::Refused(why) => (StatusCode::BAD_REQUEST, "FAIL", why),
        Answer::Failed => (StatusCode::INTERNAL_SERVER_ERROR, "FAIL", words(answer)),
    };
    (status, axum::Json(serde_json::json!({"code": code, "message": message}))).into_response()
}
