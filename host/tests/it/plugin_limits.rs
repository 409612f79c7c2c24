//! A plugin that misbehaves costs its own answer, and nothing and nobody else.

use std::time::{Duration, Instant};

use reqwest::Method;
use weft::simulator::{Exchange, Incoming, Sender};
use weft_wechat::account::EncodingMode;

use crate::support::{TestApp, guests, until};

const OPENID: &str = "oUser";

/// A server whose plugins have 200 ms of CPU time, with one account that misbehaves and one that is
/// greeted.
async fn server() -> (TestApp, Sender, Sender) {
    server_with_cpu(200).await
}

async fn server_with_cpu(cpu_ms: u64) -> (TestApp, Sender, Sender) {
    let app = TestApp::start_with(|config| {
        config.plugins.limits.cpu_ms = cpu_ms;
        config.plugins.limits.memory_mib = 32;
        // The same app fails again and again here.
        config.plugins.limits.breaker_failures = 1_000_000;
        config.plugins.limits.call_timeout_ms = if cpu_ms > 1000 { 10_000 } else { 3000 };
    })
    .await;
    app.drop_plugin("misbehave", guests::misbehave().await).await;
    app.drop_plugin("greeter", guests::greeter().await).await;
    let bad = app.account("bad", EncodingMode::Plain, "misbehave").await;
    let good = app.account("good", EncodingMode::Plain, "greeter").await;
    (app, bad, good)
}

async fn send(account: &Sender, text: &str) -> Exchange {
    account.send(&Incoming::text(OPENID, text)).await.unwrap()
}

/// Sends `text` and expects no answer within `limit`, and a plugin that tells why.
async fn fails(app: &TestApp, bad: &Sender, text: &str, limit: Duration, why: &str) {
    let exchange = send(bad, text).await;
    assert_eq!((exchange.status, exchange.body.as_str()), (200, ""), "{text}");
    assert!(exchange.took < limit, "{text} took {:?}", exchange.took);
    let (_, plugin) = app.api(Method::GET, "/plugins/misbehave", None).await;
    let error = plugin["calls"]["last_error"].as_str().unwrap_or_default();
    assert!(error.contains(why), "{text}: {error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_plugin_does_the_answer_is_empty_and_in_time() {
    let (app, bad, good) = server().await;
    // WeChat waits five seconds.
    let soon = Duration::from_secs(5);
    fails(&app, &bad, "panic", soon, "order 42 missing").await;
    fails(&app, &bad, "exit", soon, "exit(1)").await;
    fails(&app, &bad, "recursion", soon, "crashed").await;
    fails(&app, &bad, "loop", soon, "200 ms of CPU time").await;
    fails(&app, &bad, "hostcall-loop", soon, "200 ms of CPU time").await;
    fails(&app, &bad, "memory", soon, "memory allocation").await;
    fails(&app, &bad, "huge-reply", soon, "fuel").await;
    fails(&app, &bad, "error", soon, "answered an error").await;
    fails(&app, &bad, "sleep", soon, "(plugins.call_timeout_ms)").await;
    assert_eq!(send(&bad, "ok").await.text().as_deref(), Some("ok"), "the plugin itself still runs");
    assert!(send(&good, "hi").await.text().is_some());
}

/// How long the last call ran, in microseconds, which was ended because its time was over.
async fn last_took(app: &TestApp) -> u64 {
    let (_, page) = app.api(Method::GET, "/plugins/misbehave/receipts?limit=1", None).await;
    let id = page["items"][0]["id"].as_str().unwrap();
    let (_, receipt) = app.api(Method::GET, &format!("/plugins/misbehave/receipts/{id}"), None).await;
    assert_eq!(receipt["outcome"], "timed_out", "{receipt}");
    receipt["used"]["took_us"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_sleeps_or_loops_is_ended_within_50_ms_after_its_time() {
    let app = TestApp::start_with(|config| {
        config.plugins.limits.call_timeout_ms = 300;
        // It fails again and again here.
        config.plugins.limits.breaker_failures = 1_000_000;
    })
    .await;
    app.drop_plugin("misbehave", guests::misbehave().await).await;
    let bad = app.account("bad", EncodingMode::Plain, "misbehave").await;
    for text in ["sleep", "loop"] {
        // What else runs on this machine makes a call longer, and never shorter: one that ends soon enough shows what
        // the host needs.
        until(&format!("`{text}` ends soon enough"), async || {
            assert_eq!(send(&bad, text).await.body, "");
            let took = last_took(&app).await;
            assert!(took >= 300_000, "{text} took {took} µs");
            (took <= 350_000).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_of_output_are_cut_and_do_not_fail_the_call() {
    // What a flood costs is the debug build's affair here.
    let (_app, bad, _) = server_with_cpu(10_000).await;
    for flood in ["stdout-flood", "log-flood"] {
        let exchange = send(&bad, flood).await;
        assert_eq!(exchange.status, 200);
        assert!(exchange.text().is_some(), "{flood}: {exchange:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_sees_what_another_left_or_anything_of_the_machine() {
    let (_app, bad, _) = server().await;
    for _ in 0..5 {
        assert_eq!(send(&bad, "state").await.text().as_deref(), Some("1"));
    }
    assert_eq!(send(&bad, "env").await.text().as_deref(), Some("0 variables, 0 arguments"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_cannot_break_out_of_its_element() {
    let (_app, bad, _) = server().await;
    let exchange = send(&bad, "cdata").await;
    let text = exchange.text().unwrap();
    assert!(text.contains("]]>") && text.contains('<') && !text.contains('\0'), "{text:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_are_answered_while_a_plugin_loops() {
    // Four loops of 3 s on two threads: whoever had to wait for a thread would wait as long.
    let (_app, bad, good) = server_with_cpu(3000).await;
    let bad = std::sync::Arc::new(bad);
    let loops: Vec<_> = (0..4)
        .map(|_| {
            let bad = std::sync::Arc::clone(&bad);
            tokio::spawn(async move { send(&bad, "loop").await })
        })
        .collect();
    let began = Instant::now();
    let mut slowest = Duration::ZERO;
    while began.elapsed() < Duration::from_secs(2) {
        slowest = slowest.max(send(&good, "hi").await.took);
    }
    assert!(slowest < Duration::from_millis(2500), "{slowest:?}");
    for done in loops {
        assert_eq!(done.await.unwrap().body, "");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_crashes_leave_every_slot_free() {
    let (app, bad, good) = server().await;
    let bad = std::sync::Arc::new(bad);
    for _ in 0..50 {
        let crashes = (0..20).map(|_| {
            let bad = std::sync::Arc::clone(&bad);
            tokio::spawn(async move { send(&bad, "panic").await })
        });
        for crash in futures::future::join_all(crashes).await {
            assert_eq!(crash.unwrap().body, "");
        }
    }
    let (_, plugin) = app.api(Method::GET, "/plugins/misbehave", None).await;
    assert_eq!(plugin["calls"]["failed"], 1000);
    assert!(send(&good, "hi").await.text().is_some());
    assert_eq!(send(&bad, "ok").await.text().as_deref(), Some("ok"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_plugin_says_is_one_short_line_to_the_operator() {
    let (app, bad, _) = server().await;
    for text in ["long-error", "panic"] {
        assert_eq!(send(&bad, text).await.body, "");
        let (_, plugin) = app.api(Method::GET, "/plugins/misbehave", None).await;
        let error = plugin["calls"]["last_error"].as_str().unwrap();
        assert!(error.len() < 5000 && !error.contains('\n'), "{text}: {} bytes", error.len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plugins_that_take_every_sandbox_leave_a_turn_for_another() {
    let app = TestApp::start_with(|config| {
        config.plugins.limits.max_concurrency = 256;
        config.plugins.max_app_concurrency = 256;
    })
    .await;
    let mut hogs = Vec::new();
    for name in ["hog1", "hog2"] {
        app.drop_plugin(name, guests::misbehave().await).await;
        hogs.push(std::sync::Arc::new(app.account(name, EncodingMode::Plain, name).await));
    }
    app.drop_plugin("greeter", guests::greeter().await).await;
    let good = app.account("good", EncodingMode::Plain, "greeter").await;
    let sleeping: Vec<_> = (0..512)
        .map(|n| {
            let hog = std::sync::Arc::clone(&hogs[n % 2]);
            tokio::spawn(async move { hog.send(&Incoming::text(OPENID, "sleep 12")).await })
        })
        .collect();
    // Nothing else is in their way: of each plugin and of each app as many may run as came.
    until("every sandbox is taken, and somebody waits for one", async || {
        let mut waiting = 0;
        for name in ["hog1", "hog2"] {
            let (_, plugin) = app.api(Method::GET, &format!("/plugins/{name}"), None).await;
            waiting += plugin["calls"]["waiting"].as_u64().unwrap();
        }
        (waiting > 0).then_some(())
    })
    .await;
    let exchange = send(&good, "hi").await;
    assert!(exchange.text().is_some(), "{exchange:?}");
    assert!(exchange.took < Duration::from_secs(5), "{:?}", exchange.took);
    sleeping.iter().for_each(tokio::task::JoinHandle::abort);
}
