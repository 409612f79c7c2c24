//! What goes wrong on purpose.

use std::{io, time::Duration};

use axum::{
    body::Body,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures::stream;

use super::{State, account::No};

/// How a call goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// WeChat says no with this code, and does nothing.
    Errcode(i64),
    /// The answer is the right one and comes late.
    Delay(Duration),
    /// WeChat does what was asked; the connection is cut before the answer is there.
    Disconnect,
    /// A gateway in between answers with this HTTP status.
    Status(u16),
    /// A page, with status 200.
    Html,
    /// A billion bytes.
    Huge,
    /// Any text, with status 200.
    Text(String),
    /// Another address, with status 302.
    Redirect(String),
}

pub(super) struct Planned {
    pub(super) path: String,
    pub(super) fault: Fault,
    pub(super) times: u32,
}

/// The next fault that is planned for `path`.
pub(super) fn next(state: &mut State, path: &str) -> Option<Fault> {
    let planned = state.faults.iter_mut().find(|planned| planned.path == path && planned.times > 0)?;
    planned.times -= 1;
    Some(planned.fault.clone())
}

impl Fault {
    /// Whether the call is carried out nevertheless.
    pub(super) fn lets_through(&self) -> bool {
        matches!(self, Self::Delay(_) | Self::Disconnect)
    }

    /// What the caller gets in the place of `right`.
    pub(super) async fn spoil(self, right: Option<Response>) -> Response {
        match self {
            Self::Errcode(errcode) => axum::Json(No(errcode, "planned").json()).into_response(),
            Self::Delay(time) => {
                tokio::time::sleep(time).await;
                right.unwrap_or_default()
            }
            Self::Disconnect => {
                let cut = stream::iter([Err::<Bytes, _>(io::Error::other("planned"))]);
                ([("content-length", "100")], Body::from_stream(cut)).into_response()
            }
            Self::Status(status) => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
                (status, "planned").into_response()
            }
            Self::Html => axum::response::Html("<html><body>502 Bad Gateway</body></html>").into_response(),
            Self::Huge => {
                let chunk = Bytes::from(vec![b' '; 1 << 20]);
                let chunks = stream::iter((0..1000).map(move |_| Ok::<_, io::Error>(chunk.clone())));
                ([(CONTENT_TYPE, "application/json")], Body::from_stream(chunks)).into_response()
            }
            Self::Text(text) => text.into_response(),
            Self::Redirect(to) => (StatusCode::FOUND, [("location", to)]).into_response(),
        }
    }
}
