//! `weft plugin test` and `weft plugin replay`, as an author runs them.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use weft::simulator::Incoming;
use weft_wechat::account::EncodingMode;

use crate::support::{TestApp, guests};

/// A folder with a plugin's file in it.
fn placed(name: &str, bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(format!("{name}.wasm"));
    std::fs::write(&file, bytes).unwrap();
    (folder, file)
}

/// Runs `weft plugin …` beside a file, and away from the settings of this process.
fn run(command: &str, file: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output: Output = Command::new(env!("CARGO_BIN_EXE_weft"))
        .args(["plugin", command])
        .args(arguments)
        .current_dir(file.parent().unwrap())
        .env_clear()
        .output()
        .unwrap();
    let [out, error] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    (output.status.code(), format!("{out}{error}"))
}

fn test(file: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    run("test", file, &[&[file.to_str().unwrap()], arguments].concat())
}

fn tested(file: &Path, arguments: &[&str]) -> Value {
    let (code, text) = test(file, &[arguments, &["--json"]].concat());
    assert_eq!(code, Some(0), "{text}");
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn a_plugin_answers_without_a_server() {
    let (_folder, file) = placed("greeter", guests::greeter().await);
    let first = tested(&file, &["--message", "hi"]);
    assert_eq!((&first["outcome"], &first["answer"]), (&json!("ok"), &json!({"Text": "Hello / 你好：hi"})));
    let xml = first["reply_xml"].as_str().unwrap();
    assert!(
        xml.contains("<ToUserName><![CDATA[oSimulated]]></ToUserName>") && xml.contains("Hello / 你好：hi"),
        "{xml}"
    );
    let fuel = |of: &Value| of["used"]["fuel"].as_u64().unwrap();
    assert!(fuel(&first) > 1000, "{first}");
    assert_eq!(fuel(&tested(&file, &["--message", "hi"])), fuel(&first), "the same call takes as many instructions");
    assert!(first["warm_us"].as_u64().unwrap() > 0 && first["load_us"].as_u64().unwrap() > 0, "{first}");

    let vip = tested(&file, &["--message", "hi", "--handler", "vip", "--openid", "oImportant"]);
    assert_eq!(vip["answer"], json!({"Text": "At your service / 为您服务：oImportant"}));
    assert_eq!(vip["logs"][0]["level"], "info", "{vip}");
    let welcome = tested(&file, &["--event", "subscribe", "--app", "shop"]);
    assert_eq!(welcome["answer"], json!({"Text": "Welcome to shop! / 欢迎关注 shop！"}));
    let message = file.with_extension("xml");
    std::fs::write(&message, welcome["raw"].as_str().unwrap()).unwrap();
    assert_eq!(tested(&file, &["--xml", message.to_str().unwrap(), "--app", "shop"])["answer"], welcome["answer"]);

    let (code, text) = test(&file, &["--message", "hi", "--reply-xml"]);
    assert_eq!(code, Some(0), "{text}");
    for shown in ["answer    Hello / 你好：hi", "handler   greet of greeter", "<Content>", "time", "memory", "fuel"]
    {
        assert!(text.contains(shown), "`{shown}` in\n{text}");
    }
}

#[tokio::test]
async fn what_a_plugin_answers_moves_no_cursor() {
    let (_folder, file) = placed("guest", guests::misbehave().await);
    let (code, text) = test(&file, &["--message", "cdata"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("answer    a ]]> b   c < d"), "{text:?}");
}

#[tokio::test]
async fn what_fails_is_shown_and_is_the_exit_code() {
    let (_folder, file) = placed("guest", guests::misbehave().await);
    let (code, text) = test(&file, &["--message", "panic"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("FAILED    crashed: ") && text.contains("order 42 missing"), "{text}");
    let (code, text) = test(&file, &["--message", "loop"]);
    assert!(code == Some(1) && text.contains("cpu_exhausted: "), "the limits of servers: {text}");
    for (arguments, wrong) in [
        (&["--message", "ok", "--handler", "nobody"][..], "has no handler `nobody`"),
        (&["--message", "ok", "--plugin-config", "{"], "--plugin-config is not JSON"),
        (&["--message", "ok", "--plugin-config", "[1]"], "--plugin-config is no JSON object"),
        (&["--message", "ok", "--plugin-config", "null"], "--plugin-config is no JSON object"),
        (&["--message", "ok", "--grant", "everything"], "--grant everything: write kv"),
        (&["--message", "ok", "--grant", "http_hosts=nowhere"], "http_hosts: entry 1"),
    ] {
        let (code, text) = test(&file, arguments);
        assert!(code == Some(1) && text.contains(wrong), "{arguments:?}: {text}");
    }
    assert_eq!(test(&file, &[]).0, Some(2), "no message");
    let (code, text) = test(&file.with_file_name("absent.wasm"), &["--message", "ok"]);
    assert!(code == Some(1) && text.contains("absent.wasm"), "{text}");
    let (_folder, broken) = placed("broken", b"nothing");
    let (code, text) = test(&broken, &["--message", "ok"]);
    assert_eq!(code, Some(1), "{text}");
    for part in ["broken.wasm: this is not WebAssembly", "cargo build --target wasm32-wasip2", "(not_webassembly)"] {
        assert!(text.contains(part), "no {part} in {text}");
    }
}

#[test]
fn the_help_names_every_grant() {
    let folder = tempfile::tempdir().unwrap();
    let (code, help) = run("test", &folder.path().join("any.wasm"), &["--help"]);
    assert_eq!(code, Some(0), "{help}");
    for grant in ["kv", "users", "pages", "orders=", "http_hosts=", "wechat_apis=", "pay_apis=", "asked"] {
        assert!(help.contains(grant), "{grant}: {help}");
    }
}

#[tokio::test]
async fn a_plugin_has_what_is_granted_and_a_simulated_wechat() {
    let (_folder, file) = placed("guest", guests::misbehave().await);
    let (code, text) = test(&file, &["--message", "kv-count"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains(r#"host      kv.get ["count"] → {"error":{"Denied":"#), "{text}");
    assert!(text.contains(r#"/plugins/guest with {"kv":true} grants it"#), "{text}");
    let counted = tested(&file, &["--message", "kv-count", "--grant", "kv"]);
    assert_eq!(counted["answer"], json!({"Text": "1"}));
    let config = tested(&file, &["--message", "config", "--plugin-config", r#"{"greeting":"多谢"}"#]);
    assert_eq!(config["answer"], json!({"Text": "多谢"}));

    let (_folder, file) = placed("asker", guests::asker().await);
    let find = r#"{"ask":"user","openid":"oSimulated","find":true}"#;
    let found = tested(&file, &["--message", find, "--grant", "asked"]);
    assert!(found["answer"]["Text"].as_str().unwrap().starts_with("oSimulated true"), "{found}");
    let say = r#"{"ask":"say","openid":"oSimulated","text":"hello"}"#;
    let said = tested(&file, &["--message", say, "--grant", "wechat_apis=/cgi-bin/message/"]);
    assert_eq!(said["host_calls"][0]["function"], "messages.send-customer-service", "{said}");
    assert_eq!(said["answer"], json!({"Text": "sent"}));
    let send = r#"{"ask":"http","url":"https://b.example/"}"#;
    let (_, text) = test(&file, &["--message", send, "--grant", "http_hosts=https://a.example"]);
    let all = r#"/plugins/asker with {"http_hosts":["https://a.example","https://b.example"]} grants it"#;
    assert!(text.contains(all), "what is granted stays in the list: {text}");
    for url in ["http://169.254.169.254/latest/meta-data/", "file:///etc/passwd"] {
        let (_, text) = test(&file, &["--message", &json!({"ask": "http", "url": url}).to_string()]);
        assert!(text.contains("nobody can grant it") && !text.contains("PATCH"), "the API would refuse it: {text}");
    }
}

#[tokio::test]
async fn what_users_would_not_see_of_a_reply_is_told() {
    let (_folder, file) = placed("guest", guests::misbehave().await);
    for (text, warning) in [
        ("big-reply", "the text has 8192 bytes, of which WeChat takes 2048"),
        ("many-articles", "WeChat shows only the first article"),
    ] {
        let warnings = &tested(&file, &["--message", text])["warnings"];
        assert!(warnings[0].as_str().unwrap().starts_with(warning), "{text}: {warnings}");
        let (code, told) = test(&file, &["--message", text]);
        assert!(code == Some(0) && told.contains(&format!("warning   {warning}")), "{text}: {told}");
    }
    assert_eq!(tested(&file, &["--message", "ok"])["warnings"], Value::Null);
}

#[tokio::test]
async fn an_answer_that_a_server_would_not_send_fails_and_is_the_exit_code() {
    let (_folder, file) = placed("guest", guests::misbehave().await);
    let (code, text) = test(&file, &["--message", "empty-reply"]);
    assert!(code == Some(1) && text.contains("FAILED    bad_reply: ") && text.contains("the text is empty"), "{text}");
    let (code, text) = test(&file, &["--message", "empty-reply", "--json"]);
    let tried: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &tried["outcome"]), (Some(1), &json!("bad_reply")), "{text}");
    // Nobody is answered who has left, and a handler need not know that.
    let (_folder, file) = placed("greeter", guests::greeter().await);
    let left = tested(&file, &["--event", "unsubscribe", "--handler", "vip"]);
    assert!(left["answer"]["Text"].is_string() && left["error"].is_null(), "{left}");
}

#[tokio::test]
async fn rules_observers_and_order_hooks_are_tried_as_handlers_are() {
    let (_folder, file) = placed("listener", guests::listener().await);
    for (words, is_meant) in [("vip please", true), ("please", false)] {
        let asked = tested(&file, &["--message", words, "--rule", "vip"]);
        assert_eq!((&asked["kind"], &asked["answer"]), (&json!("rule"), &json!(is_meant)));
    }
    let (code, text) = test(&file, &["--message", "vip", "--rule", "traps"]);
    assert!(code == Some(1) && text.contains("rule bug"), "{text}");
    let (code, text) = test(&file, &["--message", "vip", "--rule", "nobody"]);
    assert!(code == Some(1) && text.contains("has no rule `nobody`; it has: vip"), "{text}");

    let told = tested(&file, &["--message", "hi", "--observer", "count", "--grant", "kv"]);
    assert_eq!(told["host_calls"][0]["arguments"], json!(["received"]), "{told}");
    let told = tested(&file, &["--order", "SUCCESS", "--grant", "kv"]);
    assert_eq!((&told["kind"], &told["entry"]), (&json!("hook"), &json!("fulfil")));
    assert_eq!(told["host_calls"][1]["arguments"], json!(["order/SIMULATED0001"]), "{told}");
    let (code, text) = test(&file, &["--order", "CLOSED", "--hook", "stumbles"]);
    assert!(code == Some(1) && text.contains("try 1 is too early"), "{text}");

    let told = tested(&file, &["--refund", "SUCCESS", "--grant", "kv"]);
    assert_eq!((&told["kind"], &told["entry"]), (&json!("hook"), &json!("fulfil")));
    let heard = "SIMULATED0001R:RefundState::Processing>RefundState::Success@RefundSource::Notify ";
    assert_eq!(told["host_calls"][1]["arguments"][2], json!({"$text": heard}), "{told}");
    let (code, text) = test(&file, &["--refund", "CLOSED", "--hook", "stumbles"]);
    assert!(code == Some(1) && text.contains("no refund hook `stumbles`"), "{text}");
    for wrong in [
        &["--order", "PAID"][..],
        &["--refund", "PAID"],
        &["--refund", "SUCCESS", "--order", "SUCCESS"],
        &["--refund", "SUCCESS", "--handler", "hi"],
        &["--message", "hi", "--hook", "fulfil"],
        &["--hook", "fulfil"],
        &["--rule", "vip"],
    ] {
        assert_eq!(test(&file, wrong).0, Some(2), "{wrong:?}");
    }
}

/// The receipt of what a plugin of a server did last.
async fn last(app: &TestApp, plugin: &str) -> String {
    let (_, page) = app.api(Method::GET, &format!("/plugins/{plugin}/receipts"), None).await;
    format!("{plugin}/{}", page["items"][0]["id"].as_str().unwrap())
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
    assert!(code == Some(1) && text.contains("--plugin-config is not JSON"), "{text}");
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

#[tokio::test]
async fn a_page_is_shown_without_a_server() {
    let (_folder, file) = placed("pages", guests::pages().await);
    let told = tested(&file, &["--page", "/told/x?y=1", "--app", "shop"]);
    assert_eq!(
        (&told["kind"], &told["entry"], &told["answer"]["status"]),
        (&json!("page"), &json!("told"), &json!(200))
    );
    let body: Value = serde_json::from_str(told["answer"]["body"]["$text"].as_str().unwrap()).unwrap();
    let told = [&body["app"], &body["method"], &body["path"], &body["query"]];
    assert_eq!(told, [&json!("shop"), &json!("GET"), &json!("/told/x"), &json!("y=1")]);
    let sent = tested(&file, &["--page", "told", "--form", "name=a&gift=1"]);
    let body: Value = serde_json::from_str(sent["answer"]["body"]["$text"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&body["method"], &body["path"], &body["body"]),
        (&json!("POST"), &json!("/told"), &json!("name=a&gift=1"))
    );

    let (code, text) = test(&file, &["--page", "/answer/redirect"]);
    assert!(code == Some(0) && text.contains("answer    303\n          location: ?saved=1"), "{text}");
    let (code, text) = test(&file, &["--page", "/fail/panic"]);
    assert!(code == Some(1) && text.contains("page bug: token 42"), "{text}");
    let (code, text) = test(&file, &["--page", "/answer/split"]);
    assert!(code == Some(1) && text.contains("`x-name` is no header"), "{text}");
    assert_eq!(test(&file, &["--form", "a=1", "--message", "hi"]).0, Some(2));
    let (_folder, file) = placed("greeter", guests::greeter().await);
    let (code, text) = test(&file, &["--page", "/"]);
    assert!(code == Some(1) && text.contains("has no page"), "{text}");
}
