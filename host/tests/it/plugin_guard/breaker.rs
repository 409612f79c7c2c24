//! The breaker: what keeps failing is not called for a while.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use weft::simulator::Sender;
use weft_wechat::account::EncodingMode;

use super::{ask, last_error, limit, plugin};
use crate::support::{TestApp, guests, until};

/// A server whose breaker opens after three failures, for so long at first; and two apps with the same plugin.
async fn server(pause_ms: u64) -> (TestApp, Sender, Sender) {
    let app = TestApp::start_with(|config| {
        config.plugins.limits.breaker_failures = 3;
        config.plugins.breaker_pause_ms = pause_ms;
        config.plugins.breaker_max_pause_ms = pause_ms * 4;
    })
    .await;
    app.drop_plugin("guest", guests::misbehave().await).await;
    let shop = app.account("shop", EncodingMode::Plain, "guest").await;
    let blog = app.account("blog", EncodingMode::Plain, "guest").await;
    (app, shop, blog)
}

async fn breakers(app: &TestApp) -> Vec<Value> {
    plugin(app, "guest").await["breakers"].as_array().unwrap().clone()
}

async fn fail(account: &Sender, times: usize) {
    for _ in 0..times {
        assert_eq!(ask(account, "panic").await, None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_that_keeps_failing_for_an_app_is_not_called_for_that_app() {
    let (app, shop, blog) = server(600_000).await;
    fail(&shop, 3).await;
    let open = breakers(&app).await;
    assert_eq!(open.len(), 1, "{open:?}");
    let expected = [("app", "shop"), ("kind", "handler"), ("entry", "misbehave")];
    assert!(expected.iter().all(|(field, value)| open[0][*field] == *value), "{open:?}");
    assert!(open[0]["error"].as_str().unwrap().contains("order 42 missing"), "{open:?}");
    assert!((500_000..=600_000).contains(&open[0]["refused_for_ms"].as_u64().unwrap()), "{open:?}");
    assert_eq!(plugin(&app, "guest").await["state"], "ready");

    assert_eq!(ask(&shop, "ok").await, None, "a message that would go well is refused, too");
    assert!(last_error(&app).await.contains("keeps failing for this app"), "{}", last_error(&app).await);
    assert_eq!(ask(&blog, "ok").await.as_deref(), Some("ok"), "another app does not notice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_pause_one_call_shows_whether_all_is_well_again() {
    let (app, shop, _) = server(300).await;
    fail(&shop, 2).await;
    let began = Instant::now();
    fail(&shop, 1).await;
    until("it is tried again", async || ask(&shop, "ok").await).await;
    assert!(began.elapsed() >= Duration::from_millis(200), "{:?}", began.elapsed());
    assert_eq!(breakers(&app).await, [] as [Value; 0]);
    fail(&shop, 2).await;
    assert_eq!(ask(&shop, "ok").await.as_deref(), Some("ok"), "it counts anew");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_answers_what_cannot_be_sent_shows_that_it_runs_again() {
    let (app, shop, blog) = server(2000).await;
    fail(&shop, 3).await;
    assert_eq!(breakers(&app).await.len(), 1);
    until("it is tried and closes", async || {
        assert_eq!(ask(&shop, "empty-reply").await, None);
        breakers(&app).await.is_empty().then_some(())
    })
    .await;
    assert_eq!(ask(&shop, "ok").await.as_deref(), Some("ok"));
    for _ in 0..10 {
        assert_eq!(ask(&blog, "empty-reply").await, None);
    }
    assert_eq!(breakers(&app).await, [] as [Value; 0], "nor does it open one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_that_is_longer_than_its_limit_is_a_failure_and_closes_none() {
    let (app, shop, blog) = server(300).await;
    for _ in 0..3 {
        assert_eq!(ask(&shop, "long-reply").await, None);
    }
    let refused_for = async || {
        let open = breakers(&app).await;
        assert_eq!(open.len(), 1, "{open:?}");
        assert!(open[0]["error"].as_str().unwrap().contains("(plugins.reply_kib)"), "{open:?}");
        open[0]["refused_for_ms"].as_u64().unwrap()
    };
    assert!(refused_for().await <= 300);
    until("a call is let through, and the pause has grown", async || {
        assert_eq!(ask(&shop, "long-reply").await, None);
        (refused_for().await > 300).then_some(())
    })
    .await;
    assert_eq!(ask(&blog, "long-reply").await, None);
    assert_eq!(ask(&blog, "ok").await.as_deref(), Some("ok"), "another app does not notice");
    until("a call that goes well closes it", async || ask(&shop, "ok").await).await;
    assert_eq!(breakers(&app).await, [] as [Value; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pauses_grow_while_it_fails() {
    let (app, shop, _) = server(200).await;
    fail(&shop, 3).await;
    let refused_for = async || breakers(&app).await[0]["refused_for_ms"].as_u64().unwrap();
    let longer_than = async |ms: u64| {
        until("the pause has grown", async || {
            assert_eq!(ask(&shop, "panic").await, None);
            let left = refused_for().await;
            assert!(left <= 800, "{left}");
            (left > ms).then_some(())
        })
        .await;
    };
    longer_than(200).await;
    longer_than(400).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_file_begins_anew() {
    let (app, shop, _) = server(600_000).await;
    fail(&shop, 3).await;
    assert_eq!(breakers(&app).await.len(), 1);
    // A custom section makes it another file.
    let mut bytes = guests::misbehave().await.to_vec();
    bytes.extend_from_slice(&[0, 4, 3, b'n', b'e', b'w']);
    app.drop_plugin("guest", &bytes).await;
    assert_eq!(breakers(&app).await, [] as [Value; 0]);
    assert_eq!(ask(&shop, "ok").await.as_deref(), Some("ok"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_that_is_deleted_takes_its_breakers_along() {
    let (app, shop, blog) = server(600_000).await;
    let mut canary = guests::misbehave().await.to_vec();
    canary.extend_from_slice(&[0, 4, 3, b'n', b'e', b'w']);
    fail(&shop, 3).await;
    assert_eq!(app.upload("guest?canary=100", canary).await.0, 200);
    fail(&shop, 3).await;
    fail(&blog, 3).await;
    assert_eq!(breakers(&app).await.len(), 3, "of what runs, and of the canary");

    assert_eq!(app.api(Method::DELETE, "/apps/shop", None).await.0, 204);
    let another = app.account("shop", EncodingMode::Plain, "guest").await;
    assert_eq!(ask(&another, "ok").await.as_deref(), Some("ok"), "what failed was not its own");
    let of_shop = async || breakers(&app).await.iter().filter(|breaker| breaker["app"] == "shop").count();
    assert_eq!(of_shop().await, 0);

    assert_eq!(app.api(Method::DELETE, "/apps/blog", None).await.0, 204);
    until("nothing of it is left", async || breakers(&app).await.is_empty().then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_keeps_failing_in_a_canary_is_shown_as_its_own() {
    let (app, shop, blog) = server(600_000).await;
    let mut canary = guests::misbehave().await.to_vec();
    canary.extend_from_slice(&[0, 4, 3, b'n', b'e', b'w']);
    fail(&blog, 3).await;
    assert_eq!(app.upload("guest?canary=100", canary).await.0, 200);
    fail(&shop, 3).await;
    let open = breakers(&app).await;
    let whose: Vec<_> = open.iter().map(|breaker| (&breaker["app"], &breaker["is_canary"])).collect();
    let (blog, shop) = (json!("blog"), json!("shop"));
    assert_eq!(whose, [(&blog, &json!(false)), (&shop, &json!(true))], "{open:?}");
    assert_eq!(app.api(Method::DELETE, "/plugins/guest/canary", None).await.0, 204);
    assert_eq!(breakers(&app).await.len(), 1, "they are gone with it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_plugin_answers_is_no_failure_and_neither_is_a_busy_machine() {
    let (app, shop, _) = server(600_000).await;
    for _ in 0..10 {
        assert_eq!(ask(&shop, "error").await, None);
    }
    limit(&app, json!({"max_concurrency": 1, "max_queue": 0})).await;
    let naps = futures::future::join_all((0..10).map(|_| ask(&shop, "nap 1000"))).await;
    assert!(naps.iter().any(Option::is_some) && naps.iter().any(Option::is_none), "{naps:?}");
    assert_eq!(breakers(&app).await, [] as [Value; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_where_a_grant_is_missing_is_a_failure_until_it_is_granted() {
    let (app, shop, blog) = server(600_000).await;
    let grant = async |to: &str| {
        let path = format!("/apps/{to}/plugins/guest");
        assert_eq!(app.api(Method::PUT, &path, Some(json!({"kv": true}))).await.0, 200);
    };
    grant("blog").await;
    for _ in 0..4 {
        assert!(ask(&shop, "http").await.unwrap().contains("has not granted"), "it goes on without");
    }
    assert_eq!(breakers(&app).await, [] as [Value; 0], "an answer is none, whatever was missing");
    for _ in 0..3 {
        assert_eq!(ask(&shop, "kv-count").await, None);
        assert!(ask(&blog, "kv-count").await.is_some());
    }
    let open = breakers(&app).await;
    assert!(open.len() == 1 && open[0]["app"] == "shop", "{open:?}");
    assert!(open[0]["error"].as_str().unwrap().contains("has not granted `kv`"), "{open:?}");
    assert_eq!(ask(&shop, "ok").await, None, "it is not called");

    grant("shop").await;
    assert_eq!(ask(&shop, "kv-count").await.as_deref(), Some("1"), "who grants it need not wait");
    assert_eq!(breakers(&app).await, [] as [Value; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_may_keep_it_from_opening() {
    let (app, shop, _) = server(600_000).await;
    limit(&app, json!({"breaker_failures": 1000})).await;
    fail(&shop, 20).await;
    assert_eq!(ask(&shop, "ok").await.as_deref(), Some("ok"));
    let limits = json!({"limits": {"breaker_failures": 1}});
    assert_eq!(app.api(Method::PUT, "/apps/shop/plugins/guest", Some(limits)).await.0, 200);
    fail(&shop, 1).await;
    assert_eq!(breakers(&app).await.len(), 1);
}

/// What `/metrics` says of the breaker of the handler for `app`: whether it is open, how often it opened, what it refused.
async fn measured(app: &TestApp, of: &str) -> [Option<f64>; 3] {
    let text = app.get("/metrics").await.text().await.unwrap();
    ["open", "opened_total", "refused_total"].map(|family| {
        let labels = format!(r#"{{plugin="guest",app="{of}",kind="handler",entry="misbehave"}} "#);
        let sample = format!("weft_plugin_breaker_{family}{labels}");
        text.lines().find_map(|line| line.strip_prefix(&sample)?.parse().ok())
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_sees_it_open_refuse_and_close_for_that_app_alone() {
    let (app, shop, blog) = server(4000).await;
    fail(&shop, 2).await;
    fail(&blog, 1).await;
    assert_eq!(measured(&app, "shop").await, [None; 3], "what never opened is not there");
    fail(&shop, 1).await;
    assert_eq!(measured(&app, "shop").await, [Some(1.0), Some(1.0), Some(0.0)]);
    assert_eq!((ask(&shop, "ok").await, ask(&shop, "ok").await), (None, None));
    assert_eq!(measured(&app, "shop").await, [Some(1.0), Some(1.0), Some(2.0)]);
    assert_eq!(measured(&app, "blog").await, [None; 3]);

    until("a call is let through", async || ask(&shop, "ok").await).await;
    let [open, opened, refused] = measured(&app, "shop").await;
    assert_eq!((open, opened), (Some(0.0), Some(1.0)), "that it closed takes nothing from what was counted");
    fail(&shop, 3).await;
    assert_eq!(measured(&app, "shop").await, [Some(1.0), Some(2.0), refused]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_counts_over_all_versions() {
    let (app, shop, _) = server(600_000).await;
    fail(&shop, 4).await;
    assert_eq!(measured(&app, "shop").await, [Some(1.0), Some(1.0), Some(1.0)]);
    let mut bytes = guests::misbehave().await.to_vec();
    bytes.extend_from_slice(&[0, 4, 3, b'n', b'e', b'w']);
    app.drop_plugin("guest", &bytes).await;
    assert_eq!(measured(&app, "shop").await, [Some(0.0), Some(1.0), Some(1.0)], "the new version's is closed");
}
