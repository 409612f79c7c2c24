//! The example `slow-assistant`: it asks another server, and the answer arrives after WeChat has given up.

use std::time::Duration;

use axum::{Json, Router, http::HeaderMap, routing::post};
use reqwest::Method;
use serde_json::{Value, json};
use weft::simulator::Incoming;

use super::grant;
use crate::support::{FAN, Inbox, guests, said, until};

/// How long the model thinks; longer than the host lets WeChat wait here.
const THINKING: Duration = Duration::from_millis(900);

/// A language model that tells what it was asked; returns its address.
async fn model() -> String {
    let answer = async |headers: HeaderMap, Json(asked): Json<Value>| {
        tokio::time::sleep(THINKING).await;
        let key = headers["authorization"].to_str().unwrap().to_owned();
        let turns = asked["messages"].as_array().unwrap();
        let content = format!("{} {} {} {}", asked["model"], key, turns.len(), turns.last().unwrap()["content"]);
        Json(json!({"choices": [{"message": {"role": "assistant", "content": content}}]}))
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = Router::new().route("/v1/chat/completions", post(answer));
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    format!("http://{address}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_answer_is_a_message_of_its_own_and_the_next_question_follows_it() {
    let inbox = Inbox::start_with(|config| config.webhook.reply_deadline_ms = 300).await;
    inbox.app.drop_plugin("assistant", guests::slow_assistant().await).await;
    let settings = json!({"message_handler": "assistant", "late_reply": "customer_service"});
    let account = inbox.account("shop", settings).await;
    let model = model().await;
    let config = json!({"url": format!("{model}/v1/chat/completions"), "api_key": "k1", "model": "small"});
    grant(&inbox, "assistant", json!({"kv": true, "http_hosts": [model], "config": config})).await;
    let (_, granted) = inbox.app.api(Method::GET, "/apps/shop/plugins/assistant", None).await;
    let missing = &granted["missing"];
    assert_eq!((&missing["kv"], &missing["http_hosts"]), (&json!(false), &json!([])), "wherever the model is");

    for (question, answer) in
        [("why?", "\"small\" Bearer k1 1 \"why?\""), ("really?", "\"small\" Bearer k1 3 \"really?\"")]
    {
        let exchange = account.send(&Incoming::text(FAN, question)).await.unwrap();
        assert_eq!(exchange.text(), None);
        until("the answer arrives", async || inbox.sent("shop").into_iter().find(|message| said(message) == answer))
            .await;
    }
}
