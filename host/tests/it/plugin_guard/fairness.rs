//! Turns: an app that sends much delays itself and no other.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::json;
use weft::simulator::Sender;
use weft_wechat::account::EncodingMode;

use super::{ask, last_error, limit, plugin};
use crate::support::{TestApp, guests, until};

/// A server whose plugin runs few calls at once, and two apps that share it.
async fn server(at_once: u64, may_wait: u64) -> (TestApp, Arc<Sender>, Sender) {
    let app = TestApp::start_with(|config| {
        config.plugins.limits.max_concurrency = at_once;
        config.plugins.limits.max_queue = may_wait;
    })
    .await;
    app.drop_plugin("guest", guests::misbehave().await).await;
    let flood = app.account("flood", EncodingMode::Plain, "guest").await;
    let quiet = app.account("quiet", EncodingMode::Plain, "guest").await;
    (app, Arc::new(flood), quiet)
}

/// Sends so many messages at once.
fn flood(account: &Arc<Sender>, messages: usize, text: &'static str) -> Vec<tokio::task::JoinHandle<Option<String>>> {
    let send = |_| {
        let account = Arc::clone(account);
        tokio::spawn(async move { ask(&account, text).await })
    };
    (0..messages).map(send).collect()
}

async fn waiting(app: &TestApp, calls: u64) {
    until("so many wait", async || {
        (plugin(app, "guest").await["calls"]["waiting"].as_u64().unwrap() >= calls).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_that_floods_a_plugin_does_not_starve_the_others() {
    let (app, noisy, quiet) = server(2, 100).await;
    // Half a minute of work.
    let calls = flood(&noisy, 90, "nap 700");
    // Some have had their turn by then.
    waiting(&app, 60).await;
    for _ in 0..3 {
        let began = Instant::now();
        assert_eq!(ask(&quiet, "ok").await.as_deref(), Some("ok"));
        // The next turn is its own, which is at most 700 ms away, and not behind all others.
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    }
    assert!(calls.iter().filter(|call| !call.is_finished()).count() > 40, "the flood went on all the while");
    calls.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_much_is_refused_at_once_and_counted() {
    let (app, noisy, quiet) = server(1, 5).await;
    let began = Instant::now();
    let calls = flood(&noisy, 20, "nap 1000");
    waiting(&app, 5).await;
    let refused = async || (calls.iter().filter(|call| call.is_finished()).count() >= 12).then_some(());
    until("the others are refused", refused).await;
    assert!(began.elapsed() < Duration::from_secs(5), "who is refused does not wait");
    let answered: Vec<_> = futures::future::join_all(calls).await.into_iter().map(Result::unwrap).collect();
    let served = answered.iter().flatten().count();
    // Some may have ended before the last one came.
    assert!((6..=8).contains(&served), "{answered:?}");
    let calls = &plugin(&app, "guest").await["calls"];
    assert_eq!(calls["shed"].as_u64().unwrap(), 20 - served as u64);
    assert!(
        calls["last_error"].as_str().unwrap().contains("5 calls of this app wait for plugin `guest` already"),
        "{calls}"
    );
    assert_eq!((&calls["running"], &calls["waiting"]), (&json!(0), &json!(0)));
    assert_eq!(ask(&quiet, "ok").await.as_deref(), Some("ok"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_operator_takes_away_while_a_call_waits_is_gone_when_its_turn_comes() {
    let (app, noisy, _) = server(1, 100).await;
    let grant = async |settings: serde_json::Value| {
        assert_eq!(app.api(Method::PUT, "/apps/flood/plugins/guest", Some(settings)).await.0, 200);
    };
    let behind = async |text: &'static str| {
        let before = flood(&noisy, 1, "nap 3000");
        until("it runs", async || (plugin(&app, "guest").await["calls"]["running"] == 1).then_some(())).await;
        let calls = flood(&noisy, 1, text);
        waiting(&app, 1).await;
        (before, calls)
    };
    grant(json!({"kv": true})).await;
    assert_eq!(ask(&noisy, "kv-count").await.as_deref(), Some("1"));

    let (before, calls) = behind("kv-count").await;
    grant(json!({})).await;
    for call in calls {
        assert_eq!(call.await.unwrap(), None, "it was granted when it came, and not when it began");
    }
    for call in before {
        assert_eq!(call.await.unwrap().as_deref(), Some("napped 3000 ms"));
    }
    grant(json!({"kv": true})).await;
    assert_eq!(ask(&noisy, "kv-count").await.as_deref(), Some("2"));

    let (before, calls) = behind("kv-count").await;
    assert_eq!(app.api(Method::PATCH, "/plugins/guest", Some(json!({"state": "disabled"}))).await.0, 200);
    for call in calls {
        assert_eq!(call.await.unwrap(), None, "it was switched off when it began");
    }
    assert!(last_error(&app).await.contains("is switched off"), "{}", last_error(&app).await);
    for call in before {
        assert_eq!(call.await.unwrap().as_deref(), Some("napped 3000 ms"), "it had begun");
    }
    assert_eq!(app.api(Method::PATCH, "/plugins/guest", Some(json!({"state": "ready"}))).await.0, 200);
    assert_eq!(ask(&noisy, "kv-count").await.as_deref(), Some("3"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_may_have_a_bound_of_its_own_in_a_plugin() {
    let (app, noisy, quiet) = server(8, 100).await;
    let limits = json!({"limits": {"max_concurrency": 1, "call_timeout_ms": 4000}});
    assert_eq!(app.api(Method::PUT, "/apps/flood/plugins/guest", Some(limits)).await.0, 200);
    let calls = flood(&noisy, 3, "nap 2500");
    waiting(&app, 2).await;
    assert_eq!(plugin(&app, "guest").await["calls"]["running"], 1);
    assert_eq!(ask(&quiet, "ok").await.as_deref(), Some("ok"));
    let answered = futures::future::join_all(calls).await.into_iter().filter_map(Result::unwrap).count();
    assert_eq!(answered, 1, "the second begins too late to end in time, the third does not begin");
    let calls = &plugin(&app, "guest").await["calls"];
    assert!(calls["failed"] == 2, "{calls}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fewer_calls_of_one_app_may_wait_than_of_others() {
    let (app, noisy, quiet) = server(1, 100).await;
    let limits = json!({"limits": {"max_queue": 1}});
    assert_eq!(app.api(Method::PUT, "/apps/flood/plugins/guest", Some(limits)).await.0, 200);
    let mut calls = flood(&noisy, 1, "nap 3000");
    until("it runs", async || (plugin(&app, "guest").await["calls"]["running"] == 1).then_some(())).await;
    calls.extend(flood(&noisy, 1, "nap 0"));
    waiting(&app, 1).await;
    assert_eq!(ask(&noisy, "ok").await, None, "one waits already");
    let error = last_error(&app).await;
    assert!(error.contains("1 calls of this app wait for plugin `guest` already (plugins.max_queue)"), "{error}");
    // Of the other app as many may wait as before.
    let others = futures::future::join_all(["a", "b"].map(|text| ask(&quiet, text))).await;
    assert_eq!(others, ["a", "b"].map(|text| Some(text.to_owned())));
    let answered: Vec<_> = futures::future::join_all(calls).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(answered, ["napped 3000 ms", "napped 0 ms"].map(|text| Some(text.to_owned())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_may_have_a_bound_of_its_own_over_all_plugins() {
    let (app, noisy, quiet) = server(8, 100).await;
    app.drop_plugin("other", guests::misbehave().await).await;
    let soon = json!({"limits": {"call_timeout_ms": 2000}});
    assert_eq!(app.api(Method::PATCH, "/plugins/other", Some(soon)).await.0, 200);
    for name in ["flood", "quiet"] {
        let handler = json!({
            "name": "other", "rules": [{"type": "equal", "pattern": "ok"}],
            "replies": [{"type": "custom", "handler": "other"}],
        });
        assert_eq!(app.api(Method::POST, &format!("/apps/{name}/handlers"), Some(handler)).await.0, 201);
    }
    let set = async |calls: serde_json::Value| {
        let change = json!({"max_plugin_concurrency": calls});
        assert_eq!(app.api(Method::PATCH, "/apps/flood", Some(change)).await.0, 200);
    };
    set(json!(1)).await;
    let calls = flood(&noisy, 1, "nap 10000");
    until("it runs", async || (plugin(&app, "guest").await["calls"]["running"] == 1).then_some(())).await;
    assert_eq!(ask(&noisy, "ok").await, None, "one call of all plugins is all that it has");
    let error = plugin(&app, "other").await["calls"]["last_error"].clone();
    assert!(error.as_str().unwrap().contains("max_plugin_concurrency of the app"), "{error}");
    assert_eq!(ask(&quiet, "ok").await.as_deref(), Some("ok"));
    set(json!(null)).await;
    assert_eq!(ask(&noisy, "ok").await.as_deref(), Some("ok"));
    calls.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_that_floods_the_log_of_a_plugin_does_not_silence_the_others() {
    let (app, noisy, quiet) = server(8, 100).await;
    // Eighty at once; a tenth of that is what an app may log whatever the others do.
    limit(&app, json!({"log_lines_per_second": 8})).await;
    let few = json!({"limits": {"log_lines": 7}});
    assert_eq!(app.api(Method::PUT, "/apps/quiet/plugins/guest", Some(few)).await.0, 200);
    let began = Instant::now();
    futures::future::join_all(flood(&noisy, 4, "log-flood")).await;
    ask(&quiet, "log-flood").await;
    let lines = async |of: &str| {
        let (status, lines) = app.api(Method::GET, &format!("/apps/{of}/logs?follow=false"), None).await;
        assert_eq!(status, 200, "{lines}");
        lines.as_str().unwrap().matches("event: line").count()
    };
    assert_eq!(lines("quiet").await, 8, "and that it had more to say");
    let flooded = lines("flood").await;
    let most = 90 + 8 * usize::try_from(began.elapsed().as_secs()).unwrap();
    assert!((40..=most).contains(&flooded), "{flooded} of {most}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_app_may_log_less_of_a_plugin_than_others() {
    let (app, noisy, quiet) = server(8, 100).await;
    // Ten at once, and then one in a second.
    let limits = json!({"limits": {"log_lines_per_second": 1}});
    assert_eq!(app.api(Method::PUT, "/apps/flood/plugins/guest", Some(limits)).await.0, 200);
    let began = Instant::now();
    for account in [&*noisy, &quiet] {
        for _ in 0..10 {
            // Four lines.
            assert_eq!(ask(account, "print").await.as_deref(), Some("printed"));
        }
    }
    let lines = app.logged("apps/flood").await.len();
    let most = 10 + usize::try_from(began.elapsed().as_secs()).unwrap();
    assert!((10..=most).contains(&lines), "{lines} of {most}");
    assert_eq!(app.logged("apps/quiet").await.len(), 40);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_that_hoards_memory_leaves_the_others_theirs() {
    let app = TestApp::start_with(|config| {
        config.plugins.total_memory_mib = Some(48);
        config.plugins.limits.call_timeout_ms = 3000;
    })
    .await;
    app.drop_plugin("guest", guests::misbehave().await).await;
    let noisy = Arc::new(app.account("flood", EncodingMode::Plain, "guest").await);
    let quiet = app.account("quiet", EncodingMode::Plain, "guest").await;
    let calls = flood(&noisy, 2, "hold 20 MiB for 60000 ms");
    let refused = "memory beyond an app's half of plugins.total_memory_mib was refused";
    until("one of two finds no memory", async || last_error(&app).await.contains(refused).then_some(())).await;
    let held = Some("held 20 MiB");
    assert_eq!(ask(&noisy, "ok").await.as_deref(), Some("ok"), "a small one needs none of it");
    assert_eq!(ask(&quiet, "hold 20 MiB for 0 ms").await.as_deref(), held);
    futures::future::join_all(calls).await;
    until("the other has ended, and its memory is there again", async || {
        (ask(&noisy, "hold 20 MiB for 0 ms").await.as_deref() == held).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_whose_plugin_asks_the_database_much_leaves_connections_to_the_others() {
    let app = TestApp::start().await;
    app.drop_plugin("asker", guests::asker().await).await;
    let noisy = Arc::new(app.account("flood", EncodingMode::Plain, "asker").await);
    let users = json!({"users": true});
    assert_eq!(app.api(Method::PUT, "/apps/flood/plugins/asker", Some(users)).await.0, 200);
    // From now on the server knows who writes.
    ask(&noisy, "hi").await;
    let calls = flood(&noisy, 24, r#"{"ask": "find_flood", "openid": "oNobody"}"#);
    let (mut looks, mut crowded) = (0, 0);
    while !calls.iter().all(tokio::task::JoinHandle::is_finished) {
        let readers = app.state.store.pools().into_iter().find(|pool| pool.name == "readers").unwrap();
        looks += 1;
        crowded += usize::from(readers.connections.saturating_sub(readers.idle) > 2);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(looks > 20, "{looks}");
    assert!(crowded * 4 < looks, "at {crowded} of {looks} looks more than two of the four connections were taken");
}
