//! Plugins that the operator switches off: nobody calls them until they are switched on.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};
use weft::simulator::{Incoming, Sender};
use weft_wechat::account::EncodingMode;

use crate::support::{Folders, HandMade, TestApp, database::on_postgres, guests, sender_to, until};

async fn switch(app: &TestApp, state: &str) -> (u16, Value) {
    app.api(Method::PATCH, "/plugins/guest", Some(json!({"state": state}))).await
}

async fn ask(account: &Sender) -> Option<String> {
    account.send(&Incoming::text("oUser", "ok")).await.unwrap().text()
}

/// The component with a section behind it that nobody reads: another file.
fn other(component: &[u8]) -> Vec<u8> {
    [component, &[0, 3, 1, b'n', 1]].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_switched_off_answers_nobody_until_it_is_switched_on() {
    let app = TestApp::start().await;
    let component = guests::misbehave().await;
    app.drop_plugin("guest", component).await;
    let account = app.account("shop", EncodingMode::Plain, "guest").await;
    assert_eq!(ask(&account).await.as_deref(), Some("ok"));

    let (status, off) = switch(&app, "disabled").await;
    assert_eq!((status, &off["state"]), (200, &json!("disabled")), "{off}");
    assert_eq!(ask(&account).await, None);
    let fallback = json!({"fallback_reply": {"type": "text", "content": "请稍后再试"}});
    assert_eq!(app.api(Method::PATCH, "/apps/shop", Some(fallback)).await.0, 200);
    assert_eq!(ask(&account).await.as_deref(), Some("请稍后再试"));
    let (_, plugin) = app.api(Method::GET, "/plugins/guest", None).await;
    assert_eq!((&plugin["state"], &plugin["calls"]["total"]), (&json!("disabled"), &json!(1)), "{plugin}");
    let (_, list) = app.api(Method::GET, "/plugins", None).await;
    assert_eq!(list["items"][0]["state"], "disabled", "{list}");
    let (_, shop) = app.api(Method::GET, "/apps/shop", None).await;
    let warning = shop["warnings"][0].as_str().unwrap();
    assert!(warning.starts_with("message_handler: plugin `guest` is switched off"), "{warning}");

    // Neither another file nor a canary switches it on.
    app.drop_plugin("guest", &other(component)).await;
    let (status, plugin) = app.upload("guest?canary=100", component.to_vec()).await;
    assert_eq!((status, &plugin["state"]), (200, &json!("disabled")), "{plugin}");
    assert_eq!(ask(&account).await.as_deref(), Some("请稍后再试"));

    let (status, on) = switch(&app, "ready").await;
    assert_eq!((status, &on["state"]), (200, &json!("ready")), "{on}");
    assert_eq!(ask(&account).await.as_deref(), Some("ok"));
    let (_, shop) = app.api(Method::GET, "/apps/shop", None).await;
    assert!(!shop["warnings"].to_string().contains("guest"), "{shop}");

    let (_, log) = app.api(Method::GET, "/audit-log?action=patch_plugin", None).await;
    let states: Vec<_> = log["items"].as_array().unwrap().iter().map(|entry| &entry["after"]["state"]).collect();
    assert_eq!(states, ["ready", "disabled"], "{log}");
    assert_eq!(log["items"][0]["before"]["state"], "disabled");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_that_nobody_can_set_is_refused_and_changes_nothing() {
    let app = TestApp::start().await;
    app.drop_plugin("guest", guests::misbehave().await).await;
    for state in ["failed", "off", ""] {
        let (status, problem) = switch(&app, state).await;
        assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!("state")), "{problem}");
    }
    let both = json!({"state": "disabled", "limits": {"cpu_ms": 0}});
    assert_eq!(app.api(Method::PATCH, "/plugins/guest", Some(both)).await.0, 422);
    assert_eq!(app.api(Method::GET, "/plugins/guest", None).await.1["state"], "ready");
    let nobody = json!({"state": "disabled"});
    assert_eq!(app.api(Method::PATCH, "/plugins/nobody", Some(nobody)).await.0, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_is_stored_is_answered_and_counts_although_it_cannot_be_read_back() {
    let app = TestApp::start().await;
    app.drop_plugin("guest", guests::misbehave().await).await;
    let account = app.account("shop", EncodingMode::Plain, "guest").await;
    let url = app.state.config.database().to_string();
    let mut database = SqliteConnection::connect(&url).await.unwrap();
    let tables = [
        ("ALTER TABLE plugin_limits RENAME TO gone", "ALTER TABLE gone RENAME TO plugin_limits"),
        ("ALTER TABLE disabled_plugins RENAME TO gone", "ALTER TABLE gone RENAME TO disabled_plugins"),
    ];
    let patches = [json!({"state": "disabled"}), json!({"limits": {"cpu_ms": 123}})];
    for ((hide, show), patch) in tables.into_iter().zip(patches) {
        sqlx::query(hide).execute(&mut database).await.unwrap();
        let (status, changed) = app.api(Method::PATCH, "/plugins/guest", Some(patch.clone())).await;
        assert_eq!(status, 200, "{patch}: {changed}");
        assert_eq!(ask(&account).await, None, "{patch}");
        sqlx::query(show).execute(&mut database).await.unwrap();
    }
    let (_, log) = app.api(Method::GET, "/audit-log?action=patch_plugin", None).await;
    assert_eq!(log["items"][0]["after"]["limits"], json!({"cpu_ms": 123}), "{log}");
    assert_eq!(log["items"][1]["after"]["state"], "disabled", "{log}");
    app.state.plugins.refresh().await.unwrap();
    let (_, plugin) = app.api(Method::GET, "/plugins/guest", None).await;
    assert_eq!((&plugin["state"], &plugin["limits"]), (&json!("disabled"), &json!({"cpu_ms": 123})), "{plugin}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_calls_it_no_more_and_the_log_says_why_there_is_no_answer() {
    let folders = Folders::new();
    let app = folders.server().await;
    app.drop_plugin("guest", guests::misbehave().await).await;
    app.account("shop", EncodingMode::Plain, "guest").await;
    assert_eq!(switch(&app, "disabled").await.0, 200);
    app.stop().await;

    let process = folders.process(&[]);
    assert_eq!(ask(&sender_to(&process.base, "shop", EncodingMode::Plain)).await, None);
    let line = until("the log says why", async || process.lines_with(&["no answer", "is switched off"]).pop()).await;
    for told in ["WARN", "plugin=\"guest\"", "app=\"shop\"", "/api/v1/plugins/guest"] {
        assert!(line.contains(told), "{told}: {line}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_processes_hear_of_it_within_moments() {
    on_postgres(async |database| {
        let url = Some(database.url.clone());
        let one = TestApp::start_with(|config| config.database_url.clone_from(&url)).await;
        let two = one.beside().await;
        for app in [&one, &two] {
            app.drop_plugin("guest", guests::misbehave().await).await;
        }
        for state in ["disabled", "ready"] {
            assert_eq!(switch(&one, state).await.0, 200);
            two.plugin_becomes("guest", |plugin| plugin["state"] == state).await;
        }
        one.stop().await;
        two.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_read_before_it_was_switched_does_not_switch_it_back() {
    let app = TestApp::start().await;
    app.drop_plugin("guest", &HandMade::PLAIN.bytes()).await;
    let reading: Vec<_> = (0..4)
        .map(|_| {
            let plugins = app.state.plugins.clone();
            tokio::spawn(async move {
                loop {
                    plugins.refresh().await.unwrap();
                }
            })
        })
        .collect();
    for state in ["disabled", "ready"].repeat(40) {
        let (status, plugin) = switch(&app, state).await;
        assert_eq!((status, &plugin["state"]), (200, &json!(state)), "{plugin}");
        for _ in 0..5 {
            tokio::time::sleep(Duration::from_millis(1)).await;
            let is_disabled = app.state.plugins.find("guest").unwrap().is_disabled;
            assert_eq!(is_disabled, state == "disabled", "it was switched to {state}");
        }
    }
    for reader in reading {
        reader.abort();
    }
}
