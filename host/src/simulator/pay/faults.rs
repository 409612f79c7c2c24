//! What goes wrong on purpose at the simulated WeChat Pay.

use axum::{
    body::{Body, to_bytes},
    http::{HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::MAX_BODY;

/// How a call goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PayFault {
    /// Nothing is done; the answer is this HTTP status.
    Status(u16),
    /// It is done, and something in between answers with status 502.
    LostAnswer,
    /// It is done, and no answer comes: the caller waits until it gives up.
    NoAnswer,
    /// It is done, and the signature of the answer is wrong.
    BadSignature,
}

/// Faults for calls whose path begins with `path`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedFault {
    /// Such as `/pay/orderquery` or `/v3/`; `/` for every call.
    pub path: String,
    /// What goes wrong.
    pub fault: PayFault,
    /// How many calls go wrong; one without.
    #[serde(default = "once")]
    pub times: u32,
}

fn once() -> u32 {
    1
}

/// The next fault that is planned for a call.
pub(super) fn next(planned: &mut [PlannedFault], target: &str) -> Option<PayFault> {
    let planned = planned.iter_mut().find(|planned| planned.times > 0 && target.starts_with(&planned.path))?;
    planned.times -= 1;
    Some(planned.fault)
}

impl PayFault {
    /// Whether the call is carried out nevertheless.
    pub(super) fn lets_through(self) -> bool {
        !matches!(self, Self::Status(_))
    }

    /// What the caller gets in the place of `right`.
    pub(super) async fn spoil(self, right: Response) -> Response {
        match self {
            Self::Status(status) => {
                StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR).into_response()
            }
            Self::LostAnswer => StatusCode::BAD_GATEWAY.into_response(),
            Self::NoAnswer => std::future::pending().await,
            Self::BadSignature => with_bad_signature(right).await,
        }
    }
}

/// The answer with a signature that looks like one: in the header of v3, in the XML of v2.
async fn with_bad_signature(right: Response) -> Response {
    let (mut head, body) = right.into_parts();
    if let Some(signature) = head.headers.get_mut("wechatpay-signature") {
        let other: String = signature.to_str().unwrap_or_default().chars().rev().collect();
        if let Ok(other) = HeaderValue::from_str(&other) {
            *signature = other;
        }
        return Response::from_parts(head, body);
    }
    let text = to_bytes(body, MAX_BODY).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&text).replace("<sign><![CDATA[", "<sign><![CDATA[0");
    head.headers.remove("content-length");
    Response::from_parts(head, Body::from(text))
}
