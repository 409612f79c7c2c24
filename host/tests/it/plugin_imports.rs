//! What the host answers to plugins, and to which.

use reqwest::Method;
use serde_json::json;
use weft::simulator::{Incoming, Sender};
use weft_wechat::account::EncodingMode;

use crate::support::{TestApp, guests};

const OPENID: &str = "oUser";

async fn server() -> (TestApp, Sender) {
    let app = TestApp::start().await;
    app.drop_plugin("guest", guests::misbehave().await).await;
    let account = app.account("shop", EncodingMode::Safe, "guest").await;
    (app, account)
}

async fn ask(account: &Sender, text: &str) -> Option<String> {
    account.send(&Incoming::text(OPENID, text)).await.unwrap().text()
}

async fn set(app: &TestApp, name: &str, settings: serde_json::Value) {
    let (status, answer) = app.api(Method::PUT, &format!("/apps/{name}/plugins/guest"), Some(settings)).await;
    assert_eq!(status, 200, "{answer}");
}

async fn last_error(app: &TestApp) -> String {
    let (_, plugin) = app.api(Method::GET, "/plugins/guest", None).await;
    plugin["calls"]["last_error"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_knows_its_app_and_its_message() {
    let (_app, account) = server().await;
    let answer = ask(&account, "context").await.unwrap();
    assert!(answer.starts_with("shop wxshop shop/oUser/"), "{answer}");
    assert!(answer.ends_with(r#" Some("context") true true"#), "the decrypted message: {answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn configuration_reaches_the_plugin_of_its_app_alone() {
    let (app, account) = server().await;
    let other = app.account("other", EncodingMode::Plain, "guest").await;
    set(&app, "shop", json!({"config": {"greeting": "嗨"}})).await;
    assert_eq!(ask(&account, "config").await.as_deref(), Some("嗨"));
    assert_eq!(ask(&other, "config").await, None, "nothing was set there");
    set(&app, "shop", json!({"config": {"greeting": "您好"}})).await;
    assert_eq!(ask(&account, "config").await.as_deref(), Some("您好"), "a change takes effect at once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_is_there_only_by_grant_and_is_the_apps_own() {
    let (app, account) = server().await;
    assert_eq!(ask(&account, "kv-count").await, None);
    assert!(last_error(&app).await.contains("not granted `kv`"));

    set(&app, "shop", json!({"kv": true})).await;
    assert_eq!(ask(&account, "kv-count").await.as_deref(), Some("1"));
    assert_eq!(ask(&account, "kv-count").await.as_deref(), Some("2"), "it outlives the instance");
    let other = app.account("other", EncodingMode::Plain, "guest").await;
    set(&app, "other", json!({"kv": true})).await;
    assert_eq!(ask(&other, "kv-count").await.as_deref(), Some("1"), "each app has its own");

    assert_eq!(app.api(Method::DELETE, "/apps/shop/plugins/guest", None).await.0, 204);
    assert_eq!(ask(&account, "kv-count").await, None, "a grant that is taken away is gone at once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_call_uses_the_store_so_often_and_no_more() {
    let (app, account) = server().await;
    set(&app, "shop", json!({"kv": true})).await;
    for _ in 0..2 {
        let answer = ask(&account, "kv-flood").await.unwrap();
        assert!(answer.starts_with("256 written, then "), "{answer}");
        assert!(answer.contains("256 times"), "{answer}");
    }
    assert_eq!(ask(&account, "kv-count").await.as_deref(), Some("1"), "the next call counts anew");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compare_and_set_loses_no_count() {
    let (app, account) = server().await;
    set(&app, "shop", json!({"kv": true})).await;
    let counts = futures::future::join_all((0..40).map(|_| ask(&account, "kv-count"))).await;
    let mut numbers: Vec<u64> = counts.into_iter().map(|count| count.unwrap().parse().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=40).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_is_named_and_the_first_one_answers_for_the_plugin() {
    let app = TestApp::start().await;
    app.drop_plugin("greeter", guests::greeter().await).await;
    let account = app.account("shop", EncodingMode::Plain, "greeter").await;
    assert!(ask(&account, "hi").await.unwrap().contains("Hello"));
    for (handler, answers) in [("greeter/vip", true), ("greeter/nobody", false), ("nobody", false)] {
        let patch = json!({"message_handler": handler});
        assert_eq!(app.api(Method::PATCH, "/apps/shop", Some(patch)).await.0, 200);
        let answer = ask(&account, "hi").await;
        assert_eq!(answer.is_some(), answers, "{handler}: {answer:?}");
    }
    let (status, _) = app.api(Method::PATCH, "/apps/shop", Some(json!({"message_handler": "a/b/c"}))).await;
    assert_eq!(status, 422);
}
