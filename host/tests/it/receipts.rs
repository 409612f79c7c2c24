//! Receipts of plugins' calls, and what they log.

use std::{sync::Arc, time::Duration};

use futures::{StreamExt, future::join_all};
use reqwest::Method;
use serde_json::{Value, json};
use weft::{
    plugins::{CallError, Function, Receipts, Subject},
    simulator::{Incoming, Sender},
};
use weft_wechat::{account::EncodingMode, message::Message};

use crate::support::{PATIENCE, TestApp, guests, until};

/// A server with the guest, which answers the app `shop` and may keep things for it.
async fn server() -> (TestApp, Sender) {
    let app = TestApp::start_with(|config| config.plugins.limits.cpu_ms = 1_500).await;
    app.drop_plugin("guest", guests::misbehave().await).await;
    let sender = app.account("shop", EncodingMode::Safe, "guest").await;
    let set = json!({"kv": true, "config": {"greeting": "多谢", "api_key": "sk-1234"}});
    let (status, answer) = app.api(Method::PUT, "/apps/shop/plugins/guest", Some(set)).await;
    assert_eq!(status, 200, "{answer}");
    (app, sender)
}

async fn say(sender: &Sender, text: &str) {
    sender.send(&Incoming::text("oReceipt", text)).await.unwrap();
}

async fn list(app: &TestApp, query: &str) -> Vec<Value> {
    let (status, page) = app.api(Method::GET, &format!("/plugins/guest/receipts{query}"), None).await;
    assert_eq!(status, 200, "{page}");
    page["items"].as_array().unwrap().clone()
}

/// The receipt of the last call.
async fn last(app: &TestApp) -> Value {
    let id = list(app, "").await[0]["id"].as_str().unwrap().to_owned();
    let (status, receipt) = app.api(Method::GET, &format!("/plugins/guest/receipts/{id}"), None).await;
    assert_eq!(status, 200, "{receipt}");
    receipt
}

/// The functions of the interfaces that the world imports, as `kv.get`.
fn imported_functions() -> Vec<String> {
    let read = |name: &str| {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit").join(format!("{name}.wit"));
        std::fs::read_to_string(file).unwrap()
    };
    let world = read("world");
    let imports = world.lines().filter_map(|line| line.trim().strip_prefix("import ")?.strip_suffix(';'));
    let functions = imports.flat_map(|interface| {
        let functions: Vec<_> = read(interface)
            .lines()
            .filter_map(|line| line.trim().split_once(": func(").map(|(name, _)| format!("{interface}.{name}")))
            .collect();
        functions
    });
    functions.collect()
}

#[test]
fn whatever_a_plugin_can_ask_for_is_recorded() {
    let told = ["context.", "config.", "log."];
    let mut missing = imported_functions();
    assert!(missing.len() > 20, "{missing:?}");
    missing.retain(|name| !told.iter().any(|told| name.starts_with(told)));
    missing.retain(|name| !Function::ALL.iter().any(|function| function.name() == name));
    assert!(missing.is_empty(), "calls that ask for these cannot be made again: {missing:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_leaves_a_receipt_with_all_that_happened() {
    let (app, sender) = server().await;
    say(&sender, "kv-count").await;
    let receipt = last(&app).await;
    for (field, value) in [
        ("plugin", json!("guest")),
        ("kind", json!("handler")),
        ("entry", json!("misbehave")),
        ("outcome", json!("ok")),
        ("error", Value::Null),
        ("answer", json!({"Text": "1"})),
        ("config", json!({"greeting": "多谢", "api_key": "***"})),
    ] {
        assert_eq!(receipt[field], value, "{field}: {receipt}");
    }
    assert_eq!(receipt["app"], json!({"name": "shop", "title": "shop", "type": "service", "appid": "wxshop"}));
    assert_eq!(receipt["input"]["content"]["Text"]["content"], "kv-count");
    assert!(receipt["raw"].as_str().unwrap().contains("<![CDATA[kv-count]]>"), "{receipt}");
    assert!(receipt["used"]["memory_bytes"].as_u64().unwrap() > 1 << 20, "{receipt}");
    assert_eq!(receipt["limits"]["cpu_ms"], 1_500, "{receipt}");
    let (_, plugin) = app.api(Method::GET, "/plugins/guest", None).await;
    assert_eq!(receipt["digest"], plugin["digest"]);

    let [get, set] = receipt["host_calls"].as_array().unwrap().as_slice() else { panic!("{receipt}") };
    assert_eq!((&get["function"], &get["arguments"]), (&json!("kv.get"), &json!(["count"])));
    assert_eq!((&get["outcome"], &get["answer"]), (&json!("ok"), &json!({"ok": null})));
    assert_eq!((&set["function"], &set["outcome"]), (&json!("kv.compare-and-set"), &json!("ok")));
    assert_eq!(set["arguments"], json!(["count", null, {"$text": "1"}, null]), "bytes can be read");
    let functions: Vec<_> =
        plugin["calls"]["host_calls"].as_array().unwrap().iter().map(|of| &of["function"]).collect();
    assert_eq!(functions, ["kv.get", "kv.compare-and-set"]);
    let metrics = app.get("/metrics").await.text().await.unwrap();
    let counted = r#"weft_plugin_host_calls_total{plugin="guest",function="kv.get",outcome="ok"} 1"#;
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_fail_leave_receipts_however_fast_they_come() {
    let (app, sender) = server().await;
    for text in ["panic", "error", "ok", "loop", "log-flood", "panic"] {
        say(&sender, text).await;
    }
    let failed = list(&app, "?outcome=failed").await;
    let outcomes: Vec<_> = failed.iter().map(|receipt| receipt["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["crashed", "cpu_exhausted", "failed", "crashed"], "newest first");
    assert!(failed[3]["error"].as_str().unwrap().contains("order 42 missing"), "{}", failed[3]);
    let flood = list(&app, "?outcome=ok").await;
    assert_eq!(flood[0]["logs"], 65, "what a call may log, and that there was more: {flood:?}");
    let page = app.api(Method::GET, "/plugins/guest/receipts?limit=2&outcome=failed", None).await.1;
    let rest = list(&app, &format!("?outcome=failed&cursor={}", page["next_cursor"].as_str().unwrap())).await;
    assert_eq!(rest, failed[2..]);
    let delivery = failed[1]["delivery_id"].as_str().unwrap();
    assert_eq!(list(&app, &format!("?delivery={delivery}")).await, failed[1..2]);
    let (status, problem) = app.api(Method::GET, "/plugins/guest/receipts?outcome=bad", None).await;
    assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!("outcome")), "{problem}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_became_of_calls_outlasts_the_plugin() {
    let (app, sender) = server().await;
    say(&sender, "panic").await;
    let receipt = last(&app).await;
    assert_eq!(app.api(Method::DELETE, "/plugins/guest", None).await.0, 204);
    assert_eq!(app.api(Method::GET, "/plugins/guest", None).await.0, 404);
    assert_eq!(last(&app).await, receipt, "who looks for why it failed may have removed it first");

    app.drop_plugin("guest", guests::misbehave().await).await;
    assert_eq!(last(&app).await, receipt);
    say(&sender, "ok").await;
    assert_eq!(list(&app, "").await.len(), 2);
    let metrics = app.get("/metrics").await.text().await.unwrap();
    for outcome in ["crashed", "ok"] {
        let counted = format!(
            r#"weft_plugin_calls_total{{plugin="guest",kind="handler",entry="misbehave",outcome="{outcome}"}} 1"#
        );
        assert!(metrics.contains(&counted), "{metrics}");
    }
}

/// A server whose guest is set more than secrets are looked for in at once, and where its receipts are.
async fn server_with_much_to_search() -> (TestApp, Arc<Receipts>) {
    let (app, _) = server().await;
    let much = json!({"config": {"notes": "x".repeat(8 << 10)}});
    assert_eq!(app.api(Method::PUT, "/apps/shop/plugins/guest", Some(much)).await.0, 200);
    let receipts = Arc::clone(&app.state.plugins.find("guest").unwrap().receipts);
    (app, receipts)
}

/// A call that fails, with nothing between who asks and what is answered.
async fn fail(app: &TestApp) {
    let account = app.state.accounts.find("shop").unwrap();
    let subject =
        Subject { app: account.app.clone(), granted: None, delivery_id: "shop/oReceipt/1".into(), raw: "".into() };
    let message = Message::parse(
        "<xml><ToUserName>gh_test</ToUserName><FromUserName>oReceipt</FromUserName><CreateTime>1700000000</CreateTime>\
         <MsgType>text</MsgType><Content>error</Content><MsgId>1</MsgId></xml>",
    )
    .unwrap();
    let answered = app.state.plugins.handle(&"guest".parse().unwrap(), subject, &message).await;
    assert!(matches!(answered, Err(CallError::Failed(_))), "{answered:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_waits_for_a_receipt_that_takes_its_time() {
    let (app, receipts) = server_with_much_to_search().await;
    let newest = || receipts.list().first().map(|receipt| receipt.id.clone());
    // It may be quick, too, while nothing else is to be done.
    let before = until("an answer is there before its receipt", async || {
        let before = newest();
        fail(&app).await;
        (newest() == before).then_some(before)
    })
    .await;
    until("the receipt comes", async || (newest() != before).then_some(())).await;
    assert_eq!(receipts.list()[0].config["notes"].as_str().map(str::len), Some(8 << 10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_calls_that_fail_at_once_leave_receipts_before_the_server_ends() {
    let (app, receipts) = server_with_much_to_search().await;
    join_all((0..40).map(|_| fail(&app))).await;
    app.stop().await;
    let left = receipts.list();
    assert_eq!(left.len(), 40);
    // Of those that come too fast it is said what they lack.
    for receipt in left.iter().filter(|receipt| receipt.config["notes"].is_null()) {
        assert!(receipt.input.is_null() && receipt.logs.last().unwrap().text.contains("left out"), "{receipt:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_is_shown_is_not_kept() {
    let (app, sender) = server().await;
    say(&sender, "many-articles").await;
    let answer = &last(&app).await["answer"]["News"];
    assert_eq!(answer.as_array().map(Vec::len), Some(8), "WeChat shows no more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_of_one_app_sees_its_calls_and_no_others() {
    let (app, sender) = server().await;
    let other = app.account("other", EncodingMode::Plain, "guest").await;
    say(&sender, "log-flood").await;
    say(&other, "log-flood").await;
    say(&other, "panic").await;
    let token = app.token_for(&["shop"]).await;
    let (status, page) = app.api_as(&token, Method::GET, "/plugins/guest/receipts", None).await;
    assert_eq!(status, 200, "{page}");
    let seen: Vec<_> = page["items"].as_array().unwrap().iter().map(|receipt| &receipt["app"]).collect();
    assert_eq!(seen, ["shop"]);
    let (status, _) = app.api_as(&token, Method::GET, "/plugins/guest/receipts?app=other", None).await;
    assert_eq!(status, 403);
    let hidden = list(&app, "?app=other").await[0]["id"].as_str().unwrap().to_owned();
    let (status, _) = app.api_as(&token, Method::GET, &format!("/plugins/guest/receipts/{hidden}"), None).await;
    assert_eq!(status, 404);
    let (status, lines) = app.api_as(&token, Method::GET, "/plugins/guest/logs?follow=false", None).await;
    let lines = lines.as_str().unwrap();
    assert_eq!((status, lines.matches("event: line").count()), (200, 65), "{lines}");
    assert!(!lines.contains(r#""app":"other""#), "{lines}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_made_under_the_name_of_a_former_one_sees_none_of_its_calls() {
    let (app, sender) = server().await;
    say(&sender, "log-flood").await;
    let former = list(&app, "").await[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(app.api(Method::DELETE, "/apps/shop", None).await.0, 204);
    app.create_app("shop", json!({"appid": "wxanother", "token": "sometoken"})).await;

    let token = app.token_for(&["shop"]).await;
    let (status, page) = app.api_as(&token, Method::GET, "/plugins/guest/receipts", None).await;
    assert_eq!((status, &page["items"]), (200, &json!([])));
    let one = format!("/plugins/guest/receipts/{former}");
    assert_eq!(app.api_as(&token, Method::GET, &one, None).await.0, 404);
    for logs in ["/plugins/guest/logs?follow=false", "/apps/shop/logs?follow=false"] {
        let (status, lines) = app.api_as(&token, Method::GET, logs, None).await;
        assert_eq!((status, lines.to_string().contains("event: line")), (200, false), "{logs}: {lines}");
    }
    assert_eq!(app.api(Method::GET, &one, None).await.0, 200, "who manages all apps sees what there was");
    let (_, lines) = app.api(Method::GET, "/plugins/guest/logs?follow=false", None).await;
    assert_eq!(lines.as_str().unwrap().matches("event: line").count(), 65);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reads_along_gets_the_last_lines_and_those_that_come() {
    let (app, sender) = server().await;
    say(&sender, "log-flood").await;
    let url = format!("{}/api/v1/plugins/guest/logs", app.base);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let response = client.get(url).bearer_auth(&app.token).header("last-event-id", "62").send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    say(&sender, "log-flood").await;
    let mut body = response.bytes_stream();
    let mut text = String::new();
    let read = async {
        while !text.contains("id: 127\n") {
            text.push_str(std::str::from_utf8(&body.next().await.unwrap().unwrap()).unwrap());
        }
    };
    tokio::time::timeout(PATIENCE, read).await.unwrap();
    assert!(text.starts_with("id: 63\nevent: line\ndata: {"), "{text}");
    let data: Value = serde_json::from_str(text.lines().nth(2).unwrap().trim_start_matches("data: ")).unwrap();
    assert_eq!((&data["level"], &data["app"], &data["entry"]), (&json!("info"), &json!("shop"), &json!("misbehave")));

    // The end of the process ends it.
    app.stop().await;
    while let Some(Ok(_)) = body.next().await {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reads_along_reads_why_calls_fail() {
    let (app, sender) = server().await;
    for text in ["panic", "error", "ok", "loop"] {
        say(&sender, text).await;
    }
    let lines = app.logged("plugins/guest").await;
    let why =
        ["(crashed): the plugin crashed: panicked at ", "(failed): the plugin answered", "(cpu_exhausted): the call"];
    assert_eq!(lines.len(), why.len(), "{lines:?}");
    for (line, why) in lines.iter().zip(why) {
        assert_eq!(
            (&line["level"], &line["app"], &line["entry"]),
            (&json!("error"), &json!("shop"), &json!("misbehave"))
        );
        assert!(line["text"].as_str().unwrap().starts_with(&format!("the call failed {why}")), "{line}");
        assert!(line["delivery_id"].as_str().unwrap().starts_with("shop/"), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reads_along_reads_no_further_than_the_token_is_valid() {
    let (app, _sender) = server().await;
    let (token, text) = app.state.store.tokens().create("shop", &["shop".to_owned()], None).await.unwrap();
    let url = format!("{}/api/v1/plugins/guest/logs", app.base);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let response = client.get(url).bearer_auth(text.expose()).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let mut body = response.bytes_stream();
    let open = tokio::time::timeout(Duration::from_millis(2500), body.next()).await;
    assert!(open.is_err(), "a token that is valid reads on: {open:?}");
    let (status, _) = app.api(Method::DELETE, &format!("/tokens/{}", token.id), None).await;
    assert_eq!(status, 204);
    let ended = tokio::time::timeout(PATIENCE, body.next()).await;
    assert!(ended.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_manages_no_app_reads_no_log_and_nobody_opens_streams_without_end() {
    let (app, _sender) = server().await;
    let token = app.token_for(&["shop|material"]).await;
    assert_eq!(app.api_as(&token, Method::GET, "/plugins/guest/logs?follow=false", None).await.0, 403);

    let token = app.token_for(&["shop"]).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let open = async |of: &str| {
        let url = format!("{}/api/v1/{of}/logs", app.base);
        client.get(url).bearer_auth(&token).send().await.unwrap()
    };
    let mut streams = Vec::new();
    for number in 0..32 {
        let stream = open(if number % 2 == 0 { "plugins/guest" } else { "apps/shop" }).await;
        assert_eq!(stream.status(), 200, "{number}");
        streams.push(stream);
    }
    for of in ["plugins/guest", "apps/shop"] {
        assert_eq!(open(of).await.status(), 503, "{of}");
    }
    assert_eq!(app.api(Method::GET, "/plugins/guest/logs?follow=false", None).await.0, 200, "others read as before");
    drop(streams);
    until("there is room again", async || (open("apps/shop").await.status() == 200).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reads_the_log_of_an_app_sees_all_its_plugins_and_no_other_app() {
    let (app, sender) = server().await;
    let other = app.account("other", EncodingMode::Safe, "guest").await;
    say(&sender, "log-flood").await;
    say(&other, "log-flood").await;
    let token = app.token_for(&["shop"]).await;
    let (status, there) = app.api_as(&token, Method::GET, "/apps/shop/logs?follow=false", None).await;
    let there = there.as_str().unwrap();
    assert_eq!((status, there.matches("event: line").count()), (200, 65), "{there}");
    assert_eq!(app.api_as(&token, Method::GET, "/apps/other/logs?follow=false", None).await.0, 403);
    assert_eq!(app.api(Method::GET, "/apps/nobody/logs?follow=false", None).await.0, 404);

    let last = there.lines().rev().find_map(|line| line.strip_prefix("id: ")).unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/api/v1/apps/shop/logs", app.base);
    let response = client.get(url).bearer_auth(&token).header("last-event-id", last).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    say(&other, "log-flood").await;
    say(&sender, "log-flood").await;
    // A plugin that comes while somebody reads.
    app.drop_plugin("late", guests::misbehave().await).await;
    let (status, _) = app.api(Method::PATCH, "/apps/shop", Some(json!({"message_handler": "late"}))).await;
    assert_eq!(status, 200);
    say(&sender, "log-flood").await;
    let mut body = response.bytes_stream();
    let mut text = String::new();
    let read = async {
        while text.matches("event: line").count() < 130 || !text.ends_with("\n\n") {
            text.push_str(std::str::from_utf8(&body.next().await.unwrap().unwrap()).unwrap());
        }
    };
    tokio::time::timeout(PATIENCE, read).await.unwrap();
    let lines: Vec<Value> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    assert!(lines.iter().all(|line| line["app"] == "shop"), "{text}");
    let of = |plugin: &str| lines.iter().filter(|line| line["plugin"] == plugin).count();
    assert_eq!((lines.len(), of("guest"), of("late")), (130, 65, 65));
}
