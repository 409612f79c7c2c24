//! The least that could answer WeChat: axum, the protocol and wasmtime, with nothing of what makes a server of them. It
//! remembers no delivery, no nonce and no user, keeps no answer and no log, and limits, counts and records no call.

use std::{path::Path, sync::Arc};

use anyhow::Context;
use axum::{
    Router,
    body::Bytes,
    extract::{Query, State},
    http::StatusCode,
    routing::post,
};
use weft::clock::Clock;
use weft_wechat::{
    account::{Account, EncodingMode, Query as Signed},
    message::{Content, Message},
    reply::Reply,
};

use super::{
    floor::Bare,
    server::{AES_KEY, ENTRY, RULE_REPLY, RULE_WORD, TOKEN, appid},
};

struct Least {
    plain: Account,
    safe: Account,
    greeter: Bare,
}

/// Answers `/least/rule`, `/least/plain` and `/least/safe`.
pub(crate) fn routes(folder: &Path) -> anyhow::Result<Router> {
    let account = |name: &str, mode| {
        let keys = vec![AES_KEY.parse()?];
        anyhow::Ok(Account { token: TOKEN.parse()?, appid: appid(name), mode, keys })
    };
    let least = Least {
        plain: account("plain", EncodingMode::Plain)?,
        safe: account("safe", EncodingMode::Safe)?,
        greeter: Bare::new(&folder.join("plugins/greeter.wasm"))?,
    };
    Ok(Router::new()
        .route("/least/rule", post(rule))
        .route("/least/plain", post(plain))
        .route("/least/safe", post(safe))
        .with_state(Arc::new(least)))
}

async fn rule(State(least): State<Arc<Least>>, query: Query<Signed>, body: Bytes) -> Result<String, StatusCode> {
    let delivery = least.plain.open(&query, &body).map_err(|_| StatusCode::BAD_REQUEST)?;
    let Message { sender, receiver, content, .. } = &delivery.message;
    match content {
        Content::Text(text) if text.content.contains(RULE_WORD) => {
            Ok(Reply::Text(RULE_REPLY.to_owned()).to_xml(sender, receiver, Clock::system().now()))
        }
        _ => Ok(String::new()),
    }
}

async fn plain(State(least): State<Arc<Least>>, query: Query<Signed>, body: Bytes) -> Result<String, StatusCode> {
    let delivery = least.plain.open(&query, &body).map_err(|_| StatusCode::BAD_REQUEST)?;
    least.greet(delivery.message).await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

async fn safe(State(least): State<Arc<Least>>, query: Query<Signed>, body: Bytes) -> Result<String, StatusCode> {
    let delivery = least.safe.open(&query, &body).map_err(|_| StatusCode::BAD_REQUEST)?;
    let xml = least.greet(delivery.message).await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(least.safe.seal_reply(&xml, Clock::system().now(), &query.nonce, rand::random()))
}

impl Least {
    async fn greet(&self, message: Message) -> anyhow::Result<String> {
        let (sender, receiver) = (message.sender.clone(), message.receiver.clone());
        let text = self.greeter.answer(ENTRY, message).await.context("the greeter")?;
        Ok(Reply::Text(text).to_xml(&sender, &receiver, Clock::system().now()))
    }
}
