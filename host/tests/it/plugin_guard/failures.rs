//! What users and operators see of a plugin that fails.

use reqwest::Method;
use serde_json::{Value, json};
use weft::simulator::Incoming;
use weft_wechat::account::EncodingMode;

use super::{ask, last_error, plugin};
use crate::support::{FAN, Inbox, TestApp, guests, until};

fn fallback() -> Value {
    json!({"fallback_reply": {"type": "text", "content": "请稍后再试"}})
}

async fn patch(app: &TestApp, change: Value) -> (u16, Value) {
    app.api(Method::PATCH, "/apps/shop", Some(change)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_fails_the_user_gets_the_apps_fallback_reply() {
    let app = TestApp::start_with(|config| {
        config.plugins.limits.cpu_ms = 200;
        config.plugins.limits.call_timeout_ms = 1000;
        config.plugins.limits.breaker_failures = 4;
        config.plugins.breaker_pause_ms = 600_000;
    })
    .await;
    app.drop_plugin("guest", guests::misbehave().await).await;
    let shop = app.account("shop", EncodingMode::Safe, "guest").await;
    assert_eq!(ask(&shop, "error").await, None, "nothing without one");
    assert_eq!(patch(&app, fallback()).await.0, 200);
    for text in ["error", "empty-reply", "panic", "loop", "sleep", "exit", "the breaker is open"] {
        assert_eq!(ask(&shop, text).await.as_deref(), Some("请稍后再试"), "{text}");
    }
    let keeps_failing = plugin(&app, "guest").await;
    assert_eq!(keeps_failing["breakers"][0]["app"], "shop", "{keeps_failing}");
    let unsubscribe = shop.send(&Incoming::event("oUser", "unsubscribe", "")).await.unwrap();
    assert_eq!((unsubscribe.status, unsubscribe.text()), (200, None), "nobody is there to read it");

    let handler = json!({
        "name": "asks", "rules": [{"type": "equal", "pattern": "rule"}], "replies": [{"type": "custom", "handler": "nobody"}],
    });
    assert_eq!(app.api(Method::POST, "/apps/shop/handlers", Some(handler)).await.0, 201);
    assert_eq!(ask(&shop, "rule").await.as_deref(), Some("请稍后再试"), "a reply of a handler, too");
    let server = json!({
        "name": "forwards", "rules": [{"type": "equal", "pattern": "far"}],
        "replies": [{"type": "forward", "url": "http://127.0.0.1:9/"}],
    });
    assert_eq!(app.api(Method::POST, "/apps/shop/handlers", Some(server)).await.0, 201);
    assert_eq!(ask(&shop, "far").await, None, "it is for plugins");

    assert_eq!(patch(&app, json!({"message_handler": null})).await.0, 200);
    assert_eq!(ask(&shop, "hi").await, None, "no plugin, no failure");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_that_nobody_can_be_sent_counts_as_the_plugins_failure() {
    let app = TestApp::start().await;
    app.drop_plugin("guest", guests::misbehave().await).await;
    let shop = app.account("shop", EncodingMode::Plain, "guest").await;
    assert_eq!(ask(&shop, "ok").await.as_deref(), Some("ok"));
    assert_eq!(ask(&shop, "empty-reply").await, None);
    let error = last_error(&app).await;
    assert!(error.contains("the plugin's reply is not one: the text is empty"), "{error}");
    // The guest has nothing to say to who left, either, and nobody misses it.
    let unsubscribe = shop.send(&Incoming::event("oUser", "unsubscribe", "")).await.unwrap();
    assert_eq!((unsubscribe.status, unsubscribe.text()), (200, None));
    let calls = plugin(&app, "guest").await["calls"].clone();
    assert_eq!((&calls["total"], &calls["entries"][0]["errors"]), (&json!(3), &json!({"bad_reply": 1})), "{calls}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fallback_reply_stands_as_it_is() {
    let app = TestApp::start().await;
    app.account("shop", EncodingMode::Plain, "guest").await;
    for (wrong, field) in [
        (json!({"type": "custom", "handler": "guest"}), "fallback_reply"),
        (json!({"type": "forward", "url": "https://example.com/"}), "fallback_reply"),
        (json!({"type": "news", "media_id": "m1"}), "fallback_reply"),
        (json!({"type": "text", "content": "x".repeat(2049)}), "fallback_reply.content"),
        (json!({"type": "text"}), "fallback_reply"),
        (json!("sorry"), "fallback_reply"),
    ] {
        let (status, problem) = patch(&app, json!({"fallback_reply": wrong})).await;
        assert_eq!(status, 422, "{problem}");
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
    let (_, before) = app.api(Method::GET, "/apps/shop", None).await;
    assert_eq!(before["fallback_reply"], Value::Null);
    let (_, set) = patch(&app, fallback()).await;
    assert_eq!(set["fallback_reply"], fallback()["fallback_reply"]);
    let (_, kept) = patch(&app, json!({"title": "店"})).await;
    assert_eq!(kept["fallback_reply"], fallback()["fallback_reply"]);
    let (_, gone) = patch(&app, json!({"fallback_reply": null})).await;
    assert_eq!(gone["fallback_reply"], Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fallback_reply_that_is_late_is_not_sent_after_the_user() {
    let inbox = Inbox::start_with(|config| {
        config.webhook.reply_deadline_ms = 300;
        config.plugins.limits.call_timeout_ms = 4000;
    })
    .await;
    inbox.app.drop_plugin("guest", guests::misbehave().await).await;
    let fields = json!({"message_handler": "guest", "late_reply": "customer_service"});
    let account = inbox.account("shop", fields).await;
    assert_eq!(patch(&inbox.app, fallback()).await.0, 200);
    let send = async |text| account.send(&Incoming::text(FAN, text)).await.unwrap();
    let exchange = send("sleep").await;
    assert_eq!((exchange.status, exchange.text()), (200, None));
    until("the call has failed", async || (plugin(&inbox.app, "guest").await["calls"]["failed"] == 1).then_some(()))
        .await;
    // What is late and is an answer does come.
    assert_eq!(send("nap 900").await.text(), None);
    until("the late answer is sent", async || (!inbox.sent("shop").is_empty()).then_some(())).await;
    let sent: Vec<_> = inbox.sent("shop").iter().map(|message| message["text"]["content"].clone()).collect();
    assert_eq!(sent, ["napped 900 ms"]);
}

/// The receipt of the last call of the plugin `guest` that failed, as an operator reads it.
async fn last_receipt(app: &TestApp) -> Value {
    let (_, page) = app.api(Method::GET, "/plugins/guest/receipts?outcome=failed&limit=1", None).await;
    let id = page["items"][0]["id"].as_str().unwrap();
    let (status, receipt) = app.api(Method::GET, &format!("/plugins/guest/receipts/{id}"), None).await;
    assert_eq!(status, 200, "{receipt}");
    receipt
}

/// One of the guest's own functions is in a receipt's backtrace, and all have the names that their authors gave them.
fn assert_named(receipt: &Value) {
    let functions: Vec<_> = receipt["backtrace"].as_str().unwrap().lines().collect();
    assert!(functions.iter().any(|name| name.starts_with("misbehave::")), "{functions:?}");
    let is_hash = |last: &str| last.len() == 17 && last.starts_with('h') && u64::from_str_radix(&last[1..], 16).is_ok();
    let is_symbol = |name: &str| ["_R", "_ZN"].iter().any(|beginning| name.starts_with(beginning));
    let is_mangled = |name: &str| is_symbol(name) || name.rsplit("::").next().is_some_and(is_hash);
    assert!(!functions.iter().any(|name| is_mangled(name)), "{functions:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_tells_the_panics_words_and_the_functions_by_their_names() {
    let app = TestApp::start().await;
    app.drop_plugin("guest", guests::misbehave().await).await;
    let shop = app.account("shop", EncodingMode::Plain, "guest").await;
    assert_eq!(ask(&shop, "panic").await, None);
    let crashed = last_receipt(&app).await;
    assert_eq!((&crashed["outcome"], &crashed["app"]["name"]), (&json!("crashed"), &json!("shop")), "{crashed}");
    assert!(crashed["error"].as_str().unwrap().contains("plugin bug: order 42 missing"), "{crashed}");
    assert_named(&crashed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_call_printed_before_the_operator_reads_why_it_ended_and_where() {
    let app = TestApp::start_with(|config| config.plugins.limits.cpu_ms = 200).await;
    app.drop_plugin("guest", guests::misbehave().await).await;
    let shop = app.account("shop", EncodingMode::Plain, "guest").await;
    for (text, why) in [
        ("print, then panic", "plugin bug: after much was printed"),
        ("print, then reply", "has been exhausted (plugins.host_call_kib); it printed last: step 3"),
        ("print, then loop", "200 ms of CPU time"),
    ] {
        assert_eq!(ask(&shop, text).await, None, "{text}");
        let error = last_error(&app).await;
        assert!(error.contains(why), "{text}: {error}");
    }
    let looped = last_receipt(&app).await;
    assert_eq!(
        (&looped["outcome"], &looped["logs"][0]["text"]),
        (&json!("cpu_exhausted"), &json!("step 3")),
        "{looped}"
    );
    assert_named(&looped);
}
