//! What failures leave in the log: the first ones whole, and no line for every message.

use reqwest::Method;
use serde_json::json;
use sqlx::{Connection, SqliteConnection};
use weft_wechat::account::EncodingMode;

use super::{ask, send};
use crate::support::{Folders, guests, process::Process, sender_to, until};

/// A server in a process of its own with the plugins `guest`, which fails when it is told to, `asker`, which may ask an
/// address where nobody is, and `ear`, of which nothing can be started; and with an app that each of the first two answers,
/// and `other` and `shop` for the guest, which has its store in the first. The shop has a rule and an observer of `ear`,
/// which is named alone.
async fn server(folders: &Folders, settings: &[(&str, &str)]) -> Process {
    let app = folders.server().await;
    for (name, handler) in [("guest", "guest"), ("other", "guest"), ("shop", "guest"), ("asker", "asker")] {
        app.account(name, EncodingMode::Plain, handler).await;
    }
    let grants = json!({"http_hosts": ["http://127.0.0.1:1"]});
    assert_eq!(app.api(Method::PUT, "/apps/asker/plugins/asker", Some(grants)).await.0, 200);
    let kv = json!({"kv": true});
    assert_eq!(app.api(Method::PUT, "/apps/guest/plugins/guest", Some(kv)).await.0, 200);
    let none = json!({"limits": {"core_instances": 1}});
    assert_eq!(app.api(Method::PUT, "/apps/shop/plugins/ear", Some(none)).await.0, 200);
    let handler = json!({
        "name": "vip", "rules": [{"type": "custom", "handler": "ear"}], "replies": [{"type": "text", "content": "vip"}],
    });
    assert_eq!(app.api(Method::POST, "/apps/shop/handlers", Some(handler)).await.0, 201);
    let observers = json!({"message_observers": ["ear"]});
    assert_eq!(app.api(Method::PATCH, "/apps/shop", Some(observers)).await.0, 200);
    app.stop().await;
    std::fs::write(folders.plugins.join("guest.wasm"), guests::misbehave().await).unwrap();
    std::fs::write(folders.plugins.join("asker.wasm"), guests::asker().await).unwrap();
    std::fs::write(folders.plugins.join("ear.wasm"), guests::listener().await).unwrap();
    folders.process(settings)
}

/// Asks for what is not granted.
const UNGRANTED: &str = "kv-count";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_for_every_message_does_not_fill_the_log() {
    let folders = Folders::new();
    let settings = [
        ("WEFT_PLUGINS__BREAKER_FAILURES", "3"),
        ("WEFT_PLUGINS__BREAKER_PAUSE_MS", "60000"),
        ("WEFT_PLUGINS__LOG_LINES_PER_SECOND", "1"),
    ];
    let process = server(&folders, &settings).await;
    let [guest, other, asker] =
        ["guest", "other", "asker"].map(|name| sender_to(&process.base, name, EncodingMode::Plain));
    let question = json!({"ask": "http", "url": "http://127.0.0.1:1/"}).to_string();
    for _ in 0..60 {
        send(&asker, &question).await;
    }
    for _ in 0..100 {
        assert_eq!(ask(&guest, "error").await, None);
    }
    for text in ["panic", "panic", "panic", "ok"] {
        assert_eq!(ask(&other, text).await, None, "{text}");
    }

    // The last line of all.
    let refused = until("it is logged that a call is refused", async || {
        process.lines_with(&["no answer", "app=\"other\"", "is not called for"]).pop()
    })
    .await;
    assert!(!refused.contains("order 42 missing"), "{refused}");
    let crashed = process.lines_with(&["no answer", "app=\"other\"", "order 42 missing", "misbehave::"]);
    assert_eq!(crashed.len(), 3, "{crashed:?}");

    // Twenty, and one for each three seconds that it took.
    let failed = process.lines_with(&["no answer", "app=\"guest\""]);
    assert!((20..60).contains(&failed.len()), "{}", failed.len());
    for told in ["plugin=\"guest\"", "handler=\"misbehave\"", "delivery=\"guest/", "the plugin gave up"] {
        assert!(failed[0].contains(told), "{told}: {}", failed[0]);
    }
    let empty = process.lines_with(&["=\"\""]);
    assert!(empty.is_empty(), "what there is not is left out: {empty:?}");
    let left_out = process.lines_with(&["more such lines come too fast", "app=\"guest\"", "what=handler guest"]);
    assert_eq!(left_out.len(), 1, "{left_out:?}");

    let asked = process.lines_with(&["a plugin asked outside in vain", "app=\"asker\""]);
    assert!((1..50).contains(&asked.len()), "{}", asked.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_breaker_that_opens_and_closes_says_so_once_each_and_whose_it_is() {
    let folders = Folders::new();
    let settings = [("WEFT_PLUGINS__BREAKER_FAILURES", "3"), ("WEFT_PLUGINS__BREAKER_PAUSE_MS", "1500")];
    let process = server(&folders, &settings).await;
    let other = sender_to(&process.base, "other", EncodingMode::Plain);
    let lines = |texts: &[&str]| {
        let whose = ["plugin=\"guest\"", "app=\"other\"", "kind=\"handler\"", "entry=\"misbehave\""];
        process.lines_with(&[&whose[..], texts].concat())
    };
    let opened = || lines(&["the plugin keeps failing for this app", "ERROR", "pause_ms=1500", "order 42 missing"]);
    let closed = || lines(&["a call went well again: the breaker is closed", "INFO"]);
    for _ in 0..3 {
        assert_eq!(ask(&other, "panic").await, None);
    }
    until("it is logged that it opens", async || opened().pop()).await;
    assert_eq!(closed(), [""; 0]);
    until("a call is let through", async || ask(&other, "ok").await).await;
    until("it is logged that it closes", async || closed().pop()).await;
    assert_eq!(ask(&other, "ok").await.as_deref(), Some("ok"));
    assert_eq!((opened().len(), closed().len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_fails_what_a_plugin_asks_does_not_fill_the_log() {
    let folders = Folders::new();
    let process = server(&folders, &[]).await;
    let guest = sender_to(&process.base, "guest", EncodingMode::Plain);
    assert_eq!(ask(&guest, "kv-count").await.as_deref(), Some("1"));
    let url = format!("sqlite://{}", folders.data.join("weft.db").display());
    let mut database = SqliteConnection::connect(&url).await.unwrap();
    sqlx::query("ALTER TABLE plugin_kv RENAME TO hidden").execute(&mut database).await.unwrap();
    for _ in 0..100 {
        assert_eq!(ask(&guest, "kv-count").await, None);
    }
    let left_out = ["more such lines come too fast", "app=\"guest\"", "what=kv of plugin guest"];
    until("lines are left out", async || process.lines_with(&left_out).pop()).await;
    let told = ["the database failed what a plugin asked", "app=\"guest\"", "plugin=\"guest\"", "no such table"];
    let told = process.lines_with(&told);
    assert!((20..60).contains(&told.len()), "{}", told.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_log_tells_of_a_plugin_names_what_of_it_was_called() {
    let folders = Folders::new();
    let process = server(&folders, &[]).await;
    let [shop, asker] = ["shop", "asker"].map(|name| sender_to(&process.base, name, EncodingMode::Plain));
    assert_eq!(ask(&shop, UNGRANTED).await, None);
    send(&asker, &json!({"ask": "http", "url": "http://127.0.0.1:1/"}).to_string()).await;
    for told in [
        ["has not granted `kv`", "plugin=\"guest\"", "kind=\"handler\"", "entry=\"misbehave\""],
        ["a plugin asked outside in vain", "plugin=\"asker\"", "kind=\"handler\"", "entry=\"ask\""],
        ["a plugin's rule failed", "app=\"shop\"", "plugin=\"ear\"", "rule=\"vip\""],
        ["an observer failed", "app=\"shop\"", "plugin=\"ear\"", "observer=\"count\""],
    ] {
        until(&format!("{told:?} is logged"), async || process.lines_with(&told).pop()).await;
    }
    assert_eq!(
        process.lines_with(&["plugin_call"]),
        [""; 0],
        "spans cost something, and are there when they are wanted"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_plugin_says_does_not_pass_for_a_line_of_the_hosts() {
    let folders = Folders::new();
    let process = server(&folders, &[]).await;
    let said = "print: the canary is taken back plugin=\"billing\" reason=\"all calls failed\"";
    send(&sender_to(&process.base, "shop", EncodingMode::Plain), said).await;
    let line = until("it is logged", async || process.lines_with(&["the canary is taken back"]).pop()).await;
    for told in ["a plugin says text=\"", "plugin=\\\"billing\\\"", "plugin=\"guest\"", "app=\"shop\""] {
        assert!(line.contains(told), "{told}: {line}");
    }
    assert!(!line.contains("plugin=\"billing\""), "{line}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_is_a_span_where_that_is_wanted() {
    let folders = Folders::new();
    let process = server(&folders, &[("WEFT_LOG", "info,weft[plugin_call]=debug")]).await;
    assert_eq!(ask(&sender_to(&process.base, "shop", EncodingMode::Plain), UNGRANTED).await, None);
    let told =
        ["plugin_call{plugin=\"guest\" kind=\"handler\" entry=\"misbehave\" app=\"shop\"", "has not granted `kv`"];
    until("the line is within its call", async || process.lines_with(&told).pop()).await;
    let ended = [told[0], "outcome=", "call ended", "queued=", "took=", "cpu="];
    until("its end has a line, with its times", async || process.lines_with(&ended).pop()).await;
}
