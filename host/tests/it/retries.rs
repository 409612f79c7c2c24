//! WeChat delivers again what is not answered within five seconds: one delivery is handled once.

use std::time::{SystemTime, UNIX_EPOCH};

use reqwest::Method;
use serde_json::json;
use weft::simulator::{Exchange, Incoming, Sender, Signed};
use weft_wechat::account::EncodingMode;

use crate::support::{ORIGINAL_ID, TestApp, guests};

const OPENID: &str = "oUser";

async fn server(mode: EncodingMode) -> (TestApp, Sender) {
    let app = TestApp::start().await;
    app.drop_plugin("guest", guests::misbehave().await).await;
    let account = app.account("shop", mode, "guest").await;
    let (status, _) = app.api(Method::PUT, "/apps/shop/plugins/guest", Some(json!({"kv": true}))).await;
    assert_eq!(status, 200);
    (app, account)
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

async fn deliver(account: &Sender, message: &str, signed: &Signed) -> Exchange {
    account.deliver(message.to_owned(), signed).await.unwrap()
}

async fn calls(app: &TestApp) -> u64 {
    app.api(Method::GET, "/plugins/guest", None).await.1["calls"]["total"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_deliveries_one_after_the_other_are_one_run_and_one_answer() {
    for mode in [EncodingMode::Plain, EncodingMode::Safe] {
        let (app, account) = server(mode).await;
        let message = Incoming::text(OPENID, "kv-count").xml(ORIGINAL_ID, now(), 1);
        let first = account.sign(&message);
        let one = deliver(&account, &message, &first).await;
        assert_eq!(one.text().as_deref(), Some("1"));
        // With the same nonce, and with fresh ones: what WeChat's retries carry is not documented.
        for signed in [first.clone(), account.sign(&message), account.sign(&message)] {
            assert_eq!(deliver(&account, &message, &signed).await.body, one.body, "{mode}");
        }
        assert_eq!(calls(&app).await, 1, "{mode}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_deliveries_at_once_are_one_run_and_one_answer() {
    let (app, account) = server(EncodingMode::Safe).await;
    let message = Incoming::text(OPENID, "sleep 1").xml(ORIGINAL_ID, now(), 2);
    let deliveries = (0..50).map(|_| {
        let signed = account.sign(&message);
        let (account, message) = (&account, &message);
        async move { deliver(account, message, &signed).await.body }
    });
    let bodies = futures::future::join_all(deliveries).await;
    assert!(bodies[0].contains("<Encrypt>"));
    assert!(bodies.iter().all(|body| *body == bodies[0]));
    assert_eq!(calls(&app).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_is_told_from_its_retry_and_from_another_of_the_same_second() {
    let (app, account) = server(EncodingMode::Plain).await;
    let at = now();
    let click = Incoming::click(OPENID, "a").xml(ORIGINAL_ID, at, 0);
    let other_key = Incoming::click(OPENID, "b").xml(ORIGINAL_ID, at, 0);
    let other_event = Incoming::event(OPENID, "VIEW", "<EventKey>a</EventKey>").xml(ORIGINAL_ID, at, 0);
    let other_user = Incoming::click("oOther", "a").xml(ORIGINAL_ID, at, 0);
    let later = Incoming::click(OPENID, "a").xml(ORIGINAL_ID, at + 1, 0);
    for (message, runs) in
        [(&click, 1), (&click, 1), (&other_key, 2), (&other_event, 3), (&other_user, 4), (&later, 5), (&click, 5)]
    {
        let signed = account.sign(message);
        assert_eq!(deliver(&account, message, &signed).await.status, 200);
        assert_eq!(calls(&app).await, runs, "{message}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_captured_request_cannot_carry_another_message() {
    let (app, account) = server(EncodingMode::Plain).await;
    let message = Incoming::text(OPENID, "ok").xml(ORIGINAL_ID, now(), 3);
    let signed = account.sign(&message);
    assert_eq!(deliver(&account, &message, &signed).await.text().as_deref(), Some("ok"));
    let forged = Signed { body: Incoming::text("oVictim", "ok").xml(ORIGINAL_ID, now(), 4), ..signed.clone() };
    let refused = deliver(&account, &message, &forged).await;
    assert_eq!((refused.status, refused.body.as_str()), (400, ""));
    assert_eq!(deliver(&account, &message, &signed).await.text().as_deref(), Some("ok"), "the genuine one goes on");
    assert_eq!(calls(&app).await, 1);

    let lenient = TestApp::start_with(|config| config.webhook.reject_replays = false).await;
    lenient.drop_plugin("guest", guests::misbehave().await).await;
    let account = lenient.account("shop", EncodingMode::Plain, "guest").await;
    let signed = account.sign(&message);
    assert_eq!(deliver(&account, &message, &signed).await.status, 200);
    let other = Signed { body: forged.body, ..signed };
    assert_eq!(deliver(&account, &message, &other).await.status, 200, "unless the operator allows it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_message_is_on_its_last_try_however_many_this_process_saw() {
    let (_app, account) = server(EncodingMode::Plain).await;
    let message = Incoming::text(OPENID, "sleep 6").xml(ORIGINAL_ID, now() - 10, 5);
    let exchange = deliver(&account, &message, &account.sign(&message)).await;
    assert_eq!((exchange.status, exchange.body.as_str()), (200, "success"));
}
