//! `weft plugin replay`: calls of a server, and those that were tried, made again.

use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};
use weft::simulator::Incoming;
use weft_wechat::account::EncodingMode;

use super::{placed, run, tested};
use crate::support::{TestApp, guests};

/// The same call, made again by `weft plugin replay` from what came of it.
fn replayed(file: &Path, before: &Value) -> (Option<i32>, String) {
    std::fs::write(file.with_file_name("receipt.json"), before.to_string()).unwrap();
    run("replay", file, &["receipt.json", "--file", file.to_str().unwrap()])
}

/// The receipt of what a plugin of a server did last.
async fn last(app: &TestApp, plugin: &str) -> String {
    let (_, page) = app.api(Method::GET, &format!("/plugins/{plugin}/receipts"), None).await;
    format!("{plugin}/{}", page["items"][0]["id"].as_str().unwrap())
}

#[tokio::test]
async fn pages_and_order_hooks_are_made_again_as_handlers_are() {
    let (_folder, file) = placed("listener", guests::listener().await);
    for change in ["--order", "--refund"] {
        let before = tested(&file, &[change, "SUCCESS", "--grant", "kv"]);
        let (code, text) = replayed(&file, &before);
        assert!(code == Some(0) && text.contains("fulfil of listener") && text.contains("no differences"), "{text}");
    }
    let (_folder, file) = placed("pages", guests::pages().await);
    let before = tested(&file, &["--page", "/told/x?y=1", "--form", "name=a", "--grant", "pages"]);
    let (code, text) = replayed(&file, &before);
    assert!(code == Some(0) && text.contains("told of pages") && text.contains("no differences"), "{text}");
}

#[tokio::test]
async fn what_a_receipt_hides_of_inputs_and_answers_is_said_where_the_call_goes_otherwise() {
    let (_folder, file) = placed("pages", guests::pages().await);
    let mut before = tested(&file, &["--page", "/told?token=hunter2", "--grant", "pages"]);
    assert_eq!(before["input"]["query"], "token=***", "{before}");
    let (code, text) = replayed(&file, &before);
    assert!(code == Some(0) && text.contains("differs   answer: "), "{text}");
    assert!(text.contains("hint") && text.contains("put them back into its `input`"), "{text}");
    before["input"]["query"] = "token=hunter2".into();
    let (code, text) = replayed(&file, &before);
    assert!(code == Some(0) && text.contains("no differences") && !text.contains("hint"), "{text}");

    let (_folder, file) = placed("asker", guests::asker().await);
    let codes = r#"{"ask":"qr_codes","id":1,"text":"shop"}"#;
    let before = tested(&file, &["--message", codes, "--grant", "wechat_apis=/cgi-bin/qrcode/create"]);
    let (code, text) = replayed(&file, &before);
    assert!(code == Some(0) && text.contains("differs   answer: "), "{text}");
    assert!(text.contains("put them back into the answers of its `host_calls`"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_of_a_server_is_made_again_with_the_recorded_answers() {
    let app = TestApp::start().await;
    app.drop_plugin("guest", guests::misbehave().await).await;
    let sender = app.account("shop", EncodingMode::Plain, "guest").await;
    app.api(Method::PUT, "/apps/shop/plugins/guest", Some(json!({"kv": true}))).await;
    sender.send(&Incoming::text("oReplayed", "kv-count")).await.unwrap();
    let receipt = last(&app, "guest").await;
    let (_folder, file) = placed("guest", guests::misbehave().await);
    let path = file.to_str().unwrap();
    let replay = |arguments: &[&str]| run("replay", &file, &[arguments, &["--json"]].concat());
    let server = ["--server", &app.base, "--token", &app.token];

    let (code, text) = replay(&[&[receipt.as_str(), "--file", path][..], &server].concat());
    assert_eq!(code, Some(0), "{text}");
    let replayed: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(replayed["after"]["answer"], json!({"Text": "1"}), "as the other time: {text}");
    assert_eq!(replayed["differences"], json!([]), "{text}");
    let kept = app.state.store.plugin_kv().get("shop", "guest", "count").await.unwrap().unwrap();
    assert_eq!(kept.value, b"1", "nothing was done again");

    // From a file, in which it asked otherwise.
    let saved = file.with_file_name("receipt.json");
    let compared = |change: fn(&mut Vec<Value>)| {
        let mut before = replayed["before"].clone();
        change(before["host_calls"].as_array_mut().unwrap());
        std::fs::write(&saved, before.to_string()).unwrap();
        run("replay", &file, &[saved.to_str().unwrap(), "--file", path])
    };
    let (code, text) = compared(|calls| calls.reverse());
    assert!(code == Some(0) && text.contains("differs   host: in another order"), "{text}");
    let (code, text) = compared(|calls| calls.push(calls[0].clone()));
    assert!(code == Some(0) && text.contains(r#"differs   host: - kv.get ["count"]"#), "asked once more: {text}");
    let (code, text) = compared(|calls| drop(calls.remove(0)));
    assert_eq!(code, Some(1), "without an answer that it needs: {text}");
    assert!(text.contains(r#"it asks for kv.get ["count"], which was not recorded"#), "{text}");

    let (code, text) = replay(&[&[receipt.as_str()][..], &server].concat());
    assert!(code == Some(1) && text.contains("name the .wasm with --file"), "no plugins folder: {text}");
    let (code, text) = replay(&["guest/nothing", "--file", path, "--server", &app.base, "--token", &app.token]);
    assert!(code == Some(1) && text.contains("there is no receipt `nothing`"), "{text}");
    assert_eq!(replay(&[&receipt, "--file", path]).0, Some(1), "no token");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_failed_exits_1_until_a_version_mends_it() {
    let app = TestApp::start().await;
    app.drop_plugin("guest", guests::misbehave().await).await;
    let sender = app.account("shop", EncodingMode::Plain, "guest").await;
    sender.send(&Incoming::text("oReplayed", "kv-count")).await.unwrap();
    let receipt = last(&app, "guest").await;
    let (_folder, file) = placed("guest", guests::misbehave().await);
    let arguments = [&receipt, "--file", "guest.wasm", "--server", &app.base, "--token", &app.token];
    let (code, text) = run("replay", &file, &arguments);
    assert!(code == Some(1) && text.contains("it fails as it did before"), "{text}");
    let (code, text) = run("replay", &file, &[&arguments[..], &["--json"]].concat());
    assert_eq!(code, Some(1), "{text}");
    let replayed: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(replayed["before"]["host_calls"][0]["outcome"], "denied", "{text}");
    assert_eq!(replayed["differences"], json!([]), "{text}");

    // With another message the plugin does what a version does that was mended.
    let mended = replayed["before"].to_string().replace("kv-count", "ok");
    std::fs::write(file.with_file_name("mended.json"), mended).unwrap();
    let (code, text) = run("replay", &file, &["mended.json", "--file", "guest.wasm"]);
    assert!(code == Some(0) && text.contains("differs   error: "), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_version_is_compared_with_what_was() {
    let app = TestApp::start().await;
    app.drop_plugin("greeter", guests::greeter().await).await;
    let sender = app.account("shop", EncodingMode::Plain, "greeter").await;
    sender.send(&Incoming::text("oReplayed", "hi")).await.unwrap();
    let receipt = last(&app, "greeter").await;
    let (_folder, file) = placed("new", guests::formal_greeter().await);
    let arguments = [&receipt, "--file", "new.wasm", "--server", &app.base, "--token", &app.token];
    let (code, text) = run("replay", &file, &arguments);
    assert_eq!(code, Some(0), "{text}");
    let differs = "differs   answer: Hello / 你好：hi → Good day / 您好：hi";
    assert!(text.contains(differs) && text.matches("differs").count() == 1, "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_made_again_has_what_it_could_use_and_as_much_time_passes() {
    let app = TestApp::start().await;
    app.drop_plugin("guest", guests::misbehave().await).await;
    app.drop_plugin("asker", guests::asker().await).await;
    let shop = app.account("shop", EncodingMode::Plain, "guest").await;
    let far = app.account("far", EncodingMode::Plain, "asker").await;
    // Who connects is not answered.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = format!("http://{}", silent.local_addr().unwrap());
    for (path, set) in [
        ("/apps/shop/plugins/guest", json!({"limits": {"memory_mib": 128}})),
        ("/apps/far/plugins/asker", json!({"http_hosts": [host]})),
    ] {
        assert_eq!(app.api(Method::PUT, path, Some(set)).await.0, 200);
    }
    let wait = json!({"ask": "wait", "url": format!("{host}/"), "timeout_ms": 700}).to_string();
    for (sender, text, answer) in
        [(&shop, "hold 100 MiB for 0 ms", "held 100 MiB"), (&far, wait.as_str(), "true [true, true, true]")]
    {
        let exchange = sender.send(&Incoming::text("oReplayed", text)).await.unwrap();
        assert_eq!(exchange.text().as_deref(), Some(answer));
    }
    for (plugin, bytes) in [("guest", guests::misbehave().await), ("asker", guests::asker().await)] {
        let receipt = last(&app, plugin).await;
        let (_folder, file) = placed(plugin, bytes);
        let path = file.to_str().unwrap();
        let arguments = [&receipt, "--file", path, "--server", &app.base, "--token", &app.token];
        let (code, text) = run("replay", &file, &arguments);
        assert!(code == Some(0) && text.contains("no differences"), "{plugin}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_that_a_receipt_hides_are_said_by_who_makes_the_call_again() {
    let app = TestApp::start().await;
    app.drop_plugin("guest", guests::misbehave().await).await;
    let sender = app.account("shop", EncodingMode::Plain, "guest").await;
    let set = json!({"config": {"greeting": "token=abc"}});
    assert_eq!(app.api(Method::PUT, "/apps/shop/plugins/guest", Some(set)).await.0, 200);
    let exchange = sender.send(&Incoming::text("oReplayed", "config")).await.unwrap();
    assert_eq!(exchange.text().as_deref(), Some("token=abc"));
    let receipt = last(&app, "guest").await;
    let (_folder, file) = placed("guest", guests::misbehave().await);
    let arguments = [&receipt, "--file", "guest.wasm", "--server", &app.base, "--token", &app.token];
    let (code, text) = run("replay", &file, &arguments);
    assert_eq!(code, Some(0), "{text}");
    for told in ["differs   answer: token=abc → token=***", "hidden in the receipt: --plugin-config says them"] {
        assert!(text.contains(told), "no {told} in {text}");
    }
    let (code, text) =
        run("replay", &file, &[&arguments[..], &["--plugin-config", r#"{"greeting":"token=abc"}"#]].concat());
    assert!(code == Some(0) && text.contains("no differences") && !text.contains("hint"), "{text}");
    let (code, text) = run("replay", &file, &[&arguments[..], &["--plugin-config", "{"]].concat());
    assert!(code == Some(2) && text.contains("this is not JSON"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_version_that_ran_is_found_although_its_file_was_replaced() {
    let app = TestApp::start().await;
    app.drop_plugin("greeter", guests::greeter().await).await;
    let sender = app.account("shop", EncodingMode::Plain, "greeter").await;
    sender.send(&Incoming::text("oReplayed", "hi")).await.unwrap();
    let receipt = last(&app, "greeter").await;
    app.drop_plugin("greeter", guests::formal_greeter().await).await;
    let elsewhere = tempfile::tempdir().unwrap();
    let [data, plugins] = [&app.state.config.data_dir, &app.plugins].map(|folder| folder.to_str().unwrap());
    let arguments =
        [&receipt, "--data-dir", data, "--plugins-dir", plugins, "--server", &app.base, "--token", &app.token];
    let (code, text) = run("replay", &elsewhere.path().join("greeter.wasm"), &arguments);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("the one that ran") && text.contains("no differences"), "{text}");
}
