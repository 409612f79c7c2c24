//! A server of an operator's that answers messages, and takes its time.

use std::time::Duration;

use axum::{Router, routing::post};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use weft_wechat::reply::Reply;

use super::{OPENID, ORIGINAL_ID, REPLY_DEADLINE_MS};

/// It runs until it is dropped.
pub(super) struct SlowServer {
    /// `127.0.0.1:…`
    pub(super) host: String,
    _stop: DropGuard,
}

impl SlowServer {
    /// Answers every message with `text`, a little later than WeChat waits.
    pub(super) async fn start(text: &str) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let host = listener.local_addr()?.to_string();
        let xml = Reply::Text(text.to_owned()).to_xml(OPENID, ORIGINAL_ID, 0);
        let answer = async move || {
            tokio::time::sleep(Duration::from_millis(REPLY_DEADLINE_MS + 200)).await;
            xml
        };
        let stop = CancellationToken::new();
        let serving = axum::serve(listener, Router::new().route("/", post(answer))).into_future();
        tokio::spawn(stop.clone().run_until_cancelled_owned(serving));
        Ok(Self { host, _stop: stop.drop_guard() })
    }
}
