//! `weft plugin test`, as an author runs it.

mod replay;

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::guests;

/// A folder with a plugin's file in it.
fn placed(name: &str, bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(format!("{name}.wasm"));
    std::fs::write(&file, bytes).unwrap();
    (folder, file)
}

/// Runs `weft plugin …` beside a file, and away from the settings of this process: what it shows, and what it says beside.
fn ran(command: &str, file: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_weft"))
        .args(["plugin", command])
        .args(arguments)
        .current_dir(file.parent().unwrap())
        .env_clear()
        .output()
        .unwrap();
    let [shown, beside] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    (output.status.code(), shown, beside)
}

fn run(command: &str, file: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let (code, shown, beside) = ran(command, file, arguments);
    (code, shown + &beside)
}

fn test(file: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    run("test", file, &[&[file.to_str().unwrap()], arguments].concat())
}

fn tested(file: &Path, arguments: &[&str]) -> Value {
    let (code, shown, beside) = ran("test", file, &[&[file.to_str().unwrap()], arguments, &["--json"]].concat());
    assert_eq!(code, Some(0), "{shown}{beside}");
    serde_json::from_str(&shown).unwrap()
}

/// That the call was made again to be measured, and counted.
fn assert_measured(tested: &Value) {
    assert!(tested["warm_us"].as_u64() > Some(0) && tested["used"]["fuel"].as_u64() > Some(100), "{tested}");
}

#[tokio::test]
async fn a_plugin_answers_without_a_server() {
    let (_folder, file) = placed("greeter", guests::greeter().await);
    let first = tested(&file, &["--message", "hi", "--fuel"]);
    assert_eq!((&first["outcome"], &first["answer"]), (&json!("ok"), &json!({"Text": "Hello / 你好：hi"})));
    let xml = first["reply_xml"].as_str().unwrap();
    assert!(
        xml.contains("<ToUserName><![CDATA[oSimulated]]></ToUserName>") && xml.contains("Hello / 你好：hi"),
        "{xml}"
    );
    let fuel = |of: &Value| of["used"]["fuel"].as_u64().unwrap();
    assert!(fuel(&first) > 1000, "{first}");
    let again = tested(&file, &["--message", "hi", "--fuel"]);
    assert_eq!(fuel(&again), fuel(&first), "the same call takes as many instructions");
    assert!(first["warm_us"].as_u64().unwrap() > 0 && first["load_us"].as_u64().unwrap() > 0, "{first}");

    let vip = tested(&file, &["--message", "hi", "--handler", "vip", "--openid", "oImportant"]);
    assert_eq!(vip["answer"], json!({"Text": "At your service / 为您服务：oImportant"}));
    assert_eq!(vip["logs"][0]["level"], "info", "{vip}");
    assert_eq!(vip["used"]["fuel"], Value::Null, "only who asks for it waits for it");
    let welcome = tested(&file, &["--event", "subscribe", "--app", "shop"]);
    assert_eq!(welcome["answer"], json!({"Text": "Welcome to shop! / 欢迎关注 shop！"}));
    let message = file.with_extension("xml");
    std::fs::write(&message, welcome["raw"].as_str().unwrap()).unwrap();
    assert_eq!(tested(&file, &["--xml", message.to_str().unwrap(), "--app", "shop"])["answer"], welcome["answer"]);

    let (code, text) = test(&file, &["--message", "hi", "--reply-xml", "--fuel"]);
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
    let (code, text) = test(&file, &["--message", "ok", "--handler", "nobody"]);
    assert!(code == Some(1) && text.contains("has no handler `nobody`"), "{text}");
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
fn wrong_usage_is_told_before_anything_is_done_and_exits_2() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("absent.wasm");
    for (option, value, wrong) in [
        ("--plugin-config", "{", "'--plugin-config <JSON>': this is not JSON: EOF"),
        ("--plugin-config", "[1]", "this is no JSON object"),
        ("--plugin-config", "null", "this is no JSON object"),
        ("--grant", "everything", "'--grant <GRANT>': write kv"),
        ("--grant", "http_hosts=nowhere", "http_hosts: entry 1"),
        ("--grant", "orders", "orders: entry 1"),
        ("--openid", "two words", "this is no openid"),
    ] {
        let (code, text) = test(&file, &["--message", "ok", option, value]);
        assert!(code == Some(2) && text.contains(wrong), "{option} {value}: {text}");
    }
    assert_eq!(test(&file, &[]).0, Some(2), "no message");
    let (code, text) = run("replay", &file, &["receipt.json", "--plugin-config", "{"]);
    assert!(code == Some(2) && text.contains("this is not JSON"), "{text}");
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
    // What it asks for depends on a secret, which the receipt does not have.
    let key = r#"{"greeting":"key=hunter2"}"#;
    let signed = tested(&file, &["--message", "config", "--plugin-config", key, "--grant", "kv", "--fuel"]);
    assert_eq!((&signed["answer"], signed.to_string().contains("hunter2")), (&json!({"Text": "asked"}), false));
    assert_measured(&signed);

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
async fn the_app_has_a_merchant_at_a_simulated_wechat_pay() {
    let (_folder, file) = placed("first", guests::first().await);
    let sold = tested(&file, &["--message", "T20260101000001", "--handler", "orders", "--grant", "asked"]);
    let says = "true State::New Some(true) State::Notpay a=1 true";
    assert_eq!(sold["answer"], json!({"Text": says}), "found, created, prepaid, asked about, and not refunded: {sold}");
    let (_folder, file) = placed("asker", guests::asker().await);
    let send = r#"{"ask":"pay","do":"transfer","number":"B1"}"#;
    let transfers = "pay_apis=/v3/fund-app/mch-transfer/transfer-bills";
    let sent = tested(&file, &["--message", send, "--grant", transfers]);
    assert_eq!(sent["answer"], json!({"Text": "WAIT_USER_CONFIRM WAIT_USER_CONFIRM CANCELLED CANCELLED"}), "{sent}");
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
        let asked = tested(&file, &["--message", words, "--rule", "vip", "--fuel"]);
        assert_eq!((&asked["kind"], &asked["answer"]), (&json!("rule"), &json!(is_meant)));
        assert_measured(&asked);
    }
    let (code, text) = test(&file, &["--message", "vip", "--rule", "traps"]);
    assert!(code == Some(1) && text.contains("rule bug"), "{text}");
    let (code, text) = test(&file, &["--message", "vip", "--rule", "nobody"]);
    assert!(code == Some(1) && text.contains("has no rule `nobody`; it has: vip"), "{text}");

    let told = tested(&file, &["--message", "hi", "--observer", "count", "--grant", "kv", "--fuel"]);
    assert_eq!(told["host_calls"][0]["arguments"], json!(["received"]), "{told}");
    assert_measured(&told);
    let told = tested(&file, &["--order", "SUCCESS", "--grant", "kv", "--fuel"]);
    assert_eq!((&told["kind"], &told["entry"]), (&json!("hook"), &json!("fulfil")));
    assert_eq!(told["host_calls"][1]["arguments"], json!(["order/SIMULATED0001"]), "{told}");
    assert_measured(&told);
    let (code, text) = test(&file, &["--order", "CLOSED", "--hook", "stumbles"]);
    assert!(code == Some(1) && text.contains("try 1 is too early"), "{text}");

    let told = tested(&file, &["--refund", "SUCCESS", "--grant", "kv", "--fuel"]);
    assert_measured(&told);
    assert_eq!((&told["kind"], &told["entry"]), (&json!("hook"), &json!("fulfil")));
    let heard = "SIMULATED0001R:RefundState::Processing>RefundState::Success@RefundSource::Notify ";
    assert_eq!(told["host_calls"][1]["arguments"][2], json!({"$text": heard}), "{told}");
    let (code, text) = test(&file, &["--refund", "CLOSED", "--hook", "stumbles"]);
    assert!(code == Some(1) && text.contains("no refund hook `stumbles`"), "{text}");
    let (code, text) = test(&file, &["--message", "hi"]);
    assert!(code == Some(1) && text.contains("plugin `listener` has no handler: "), "{text}");
    for option in
        ["`--message TEXT --rule vip`", "`--order SUCCESS --hook fulfil`", "`--message TEXT --observer count`"]
    {
        assert!(text.contains(option), "no {option} in {text}");
    }
    let (code, text) = test(&file, &["--message", "hi", "--rule", "restricted"]);
    assert!(
        code == Some(1) && text.contains("only for other apps: elsewhere: try it with `--app elsewhere`"),
        "{text}"
    );
    let asked = tested(&file, &["--message", "hi", "--rule", "restricted", "--app", "elsewhere"]);
    assert_eq!(asked["answer"], true);
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

#[tokio::test]
async fn what_a_plugin_logs_is_shown_once_and_what_the_host_warns_of_is_said_once() {
    let (_folder, file) = placed("listener", guests::listener().await);
    let path = file.to_str().unwrap();
    let arguments = [path, "--message", "hi", "--observer", "traces", "--fuel"];
    let (code, shown, beside) = ran("test", &file, &arguments);
    assert_eq!((code, beside.as_str()), (Some(0), ""), "{shown}");
    for line in ["log       warn  a warning", "log       error an error"] {
        assert_eq!(shown.matches(line).count(), 1, "{line} in {shown}");
    }
    let before = tested(&file, &["--message", "hi", "--observer", "traces"]);
    std::fs::write(file.with_file_name("receipt.json"), before.to_string()).unwrap();
    let (code, shown, beside) = ran("replay", &file, &["receipt.json", "--file", path]);
    assert_eq!((code, beside.as_str()), (Some(0), ""), "{shown}");

    let (_folder, file) = placed("guest", guests::misbehave().await);
    let (_, shown, beside) = ran("test", &file, &[file.to_str().unwrap(), "--message", "kv-count", "--fuel"]);
    assert_eq!(beside.matches("the operator has not granted `kv`").count(), 1, "{shown}{beside}");
}

#[tokio::test]
async fn a_page_is_shown_without_a_server() {
    let (_folder, file) = placed("pages", guests::pages().await);
    let told = tested(&file, &["--page", "/told/x?y=1", "--app", "shop", "--grant", "pages"]);
    assert_eq!(
        (&told["kind"], &told["entry"], &told["answer"]["status"]),
        (&json!("page"), &json!("told"), &json!(200))
    );
    let body: Value = serde_json::from_str(told["answer"]["body"]["$text"].as_str().unwrap()).unwrap();
    let told = [&body["app"], &body["method"], &body["path"], &body["query"]];
    assert_eq!(told, [&json!("shop"), &json!("GET"), &json!("/told/x"), &json!("y=1")]);
    let sent = tested(&file, &["--page", "told", "--form", "name=a&gift=1", "--grant", "asked"]);
    let body: Value = serde_json::from_str(sent["answer"]["body"]["$text"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&body["method"], &body["path"], &body["body"]),
        (&json!("POST"), &json!("/told"), &json!("name=a&gift=1"))
    );

    let open = |path: &str| test(&file, &["--page", path, "--grant", "pages"]);
    let (code, text) = open("/answer/redirect");
    assert!(code == Some(0) && text.contains("answer    303\n          location: ?saved=1"), "{text}");
    let (code, text) = open("/fail/panic");
    assert!(code == Some(1) && text.contains("page bug: token 42"), "{text}");
    let (code, text) = open("/answer/split");
    assert!(code == Some(1) && text.contains("`x-name` is no header"), "{text}");
    let (code, text) = open("/restricted");
    assert!(code == Some(1) && text.contains("try it with `--app elsewhere`"), "{text}");

    // As on a server, where an app has to let it.
    let (code, text) = test(&file, &["--page", "/told"]);
    assert_eq!(code, Some(1), "{text}");
    for told in
        ["app `test` lets plugin `pages` serve no pages", r#"with {"pages": true} grants it"#, "`--grant pages`"]
    {
        assert!(text.contains(told), "no {told} in {text}");
    }
    assert_eq!(test(&file, &["--form", "a=1", "--message", "hi"]).0, Some(2));
    let (_folder, file) = placed("greeter", guests::greeter().await);
    let (code, text) = test(&file, &["--page", "/"]);
    assert!(code == Some(1) && text.contains("has no page: "), "{text}");
    assert!(text.contains("`--message TEXT --handler greet`"), "{text}");
}
