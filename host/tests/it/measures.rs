//! What is counted of plugins and of the server, in the admin API and at `/metrics`.

use reqwest::Method;
use serde_json::Value;
use weft::simulator::Incoming;
use weft_wechat::account::EncodingMode;

use crate::support::{TestApp, guests};

/// A server whose app `shop` is answered by the guest.
async fn server() -> (TestApp, weft::simulator::Sender) {
    let app = TestApp::start_with(|config| config.plugins.limits.cpu_ms = 200).await;
    app.drop_plugin("guest", guests::misbehave().await).await;
    let sender = app.account("shop", EncodingMode::Safe, "guest").await;
    (app, sender)
}

async fn say(sender: &weft::simulator::Sender, texts: &[&str]) {
    for text in texts {
        sender.send(&Incoming::text("oCounted", text)).await.unwrap();
    }
}

/// The value of a sample, by the beginning of its line.
fn sample(text: &str, of: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.starts_with(of))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_are_counted_by_entry_and_by_what_came_of_them() {
    let (app, sender) = server().await;
    say(&sender, &["ok", "nap 30", "error", "panic", "loop"]).await;
    let (_, plugin) = app.api(Method::GET, "/plugins/guest", None).await;
    let calls = &plugin["calls"];
    assert_eq!((&calls["total"], &calls["failed"]), (&5.into(), &3.into()), "{calls}");
    let [entry] = calls["entries"].as_array().unwrap().as_slice() else { panic!("{calls}") };
    assert_eq!((&entry["kind"], &entry["name"]), (&"handler".into(), &"misbehave".into()));
    assert_eq!(entry["errors"], serde_json::json!({"cpu_exhausted": 1, "crashed": 1, "failed": 1}));
    let in_buckets =
        |of: &Value| of["buckets"].as_array().unwrap().iter().map(|b| b["calls"].as_u64().unwrap()).sum::<u64>();
    assert_eq!((in_buckets(&entry["duration"]), in_buckets(&entry["queued"])), (5, 5), "{entry}");
    assert!(entry["duration"]["p99_us"].as_u64().unwrap() >= 200_000, "the loop ran for its 200 ms: {entry}");
    let cpu = entry["cpu_mean_us"].as_u64().unwrap();
    assert!(cpu >= 40_000, "the loop used 200 ms of a core, a fifth of all calls: {entry}");
    assert!(cpu < entry["duration"]["mean_us"].as_u64().unwrap(), "the nap used none: {entry}");
    let memory = entry["memory_max_bytes"].as_u64().unwrap();
    assert!((1 << 20..64 << 20).contains(&memory), "{entry}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_reads_cpu_time_memory_lines_and_host_calls_as_the_admin_api_has_them() {
    let (app, sender) = server().await;
    let kv = serde_json::json!({"kv": true});
    assert_eq!(app.api(Method::PUT, "/apps/shop/plugins/guest", Some(kv)).await.0, 200);
    // One that uses the 200 ms of a core that it may, one that logs all it can, and one that reads and writes once.
    say(&sender, &["loop", "log-flood", "kv-count"]).await;
    let calls = app.api(Method::GET, "/plugins/guest", None).await.1["calls"].clone();
    let text = app.get("/metrics").await.text().await.unwrap();
    let measured = |name: &str, labels: &str| {
        let name = format!(r#"{name}{{plugin="guest",{labels}}}"#);
        sample(&text, &name).unwrap_or_else(|| panic!("no {name} in\n{text}"))
    };
    let entry = &calls["entries"][0];
    assert_eq!(entry["total"], 3, "{entry}");
    let of = r#"kind="handler",entry="misbehave""#;
    let cpu = measured("weft_plugin_cpu_seconds_total", of);
    assert!(cpu >= 0.2, "{cpu} s, of which the loop used 0.2");
    let mean = entry["cpu_mean_us"].as_f64().unwrap();
    assert!((cpu * 1e6 / 3.0 - mean).abs() <= 2.0, "{cpu} s of three calls: {entry}");
    assert_eq!(Some(measured("weft_plugin_memory_peak_bytes", of)), entry["memory_max_bytes"].as_f64());
    let lines = measured("weft_plugin_log_lines_total", of);
    assert!(lines > 64.0 && Some(lines) == entry["log_lines"].as_f64(), "{lines}: {entry}");

    let asked = calls["host_calls"].as_array().unwrap();
    let functions: Vec<_> = asked.iter().map(|calls| calls["function"].as_str().unwrap()).collect();
    assert_eq!(functions, ["kv.get", "kv.compare-and-set"]);
    for (function, calls) in functions.into_iter().zip(asked) {
        let waited = measured("weft_plugin_host_call_seconds_total", &format!(r#"function="{function}""#));
        // One call, so its mean is all of it.
        let mean = calls["duration"]["mean_us"].as_f64().unwrap();
        assert!(mean > 0.0 && (waited * 1e6 - mean).abs() <= 1.0, "{waited} s: {calls}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_a_breaker_refuses_are_counted_and_took_no_time() {
    let app = TestApp::start_with(|config| {
        config.plugins.limits.breaker_failures = 2;
        config.plugins.breaker_pause_ms = 600_000;
    })
    .await;
    app.drop_plugin("guest", guests::misbehave().await).await;
    let sender = app.account("shop", EncodingMode::Safe, "guest").await;
    say(&sender, &["nap 30", "panic", "panic", "ok", "ok", "ok"]).await;
    let calls = app.api(Method::GET, "/plugins/guest", None).await.1["calls"].clone();
    let entry = &calls["entries"][0];
    assert_eq!((&entry["total"], &entry["failed"]), (&6.into(), &5.into()), "{entry}");
    assert_eq!(entry["errors"], serde_json::json!({"crashed": 2, "keeps_failing": 3}));
    assert!(entry["duration"]["p99_us"].as_u64().unwrap() >= 30_000, "{entry}");
    assert!(calls["mean_us"].as_u64().unwrap() >= 10_000, "a third of the nap: {calls}");
    let text = app.get("/metrics").await.text().await.unwrap();
    let of = r#"plugin="guest",kind="handler",entry="misbehave""#;
    for (name, value) in [
        (format!(r#"weft_plugin_calls_total{{{of},outcome="ok"}}"#), 1.0),
        (format!(r#"weft_plugin_calls_total{{{of},outcome="keeps_failing"}}"#), 3.0),
        (format!("weft_plugin_call_duration_seconds_count{{{of}}}"), 3.0),
        (format!("weft_plugin_call_queue_seconds_count{{{of}}}"), 3.0),
    ] {
        assert_eq!(sample(&text, &name), Some(value), "{name} in\n{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_that_is_switched_off_is_not_ready() {
    let (app, _) = server().await;
    for (state, ready, disabled) in [("disabled", 0.0, 1.0), ("ready", 1.0, 0.0)] {
        let switch = serde_json::json!({"state": state});
        assert_eq!(app.api(Method::PATCH, "/plugins/guest", Some(switch)).await.0, 200);
        let text = app.get("/metrics").await.text().await.unwrap();
        assert_eq!(sample(&text, r#"weft_plugin_ready{plugin="guest"}"#), Some(ready), "{text}");
        assert_eq!(sample(&text, r#"weft_plugin_disabled{plugin="guest"}"#), Some(disabled), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_refused_beside_a_version_that_runs_is_seen() {
    let (app, _) = server().await;
    let refused = async || {
        let text = app.get("/metrics").await.text().await.unwrap();
        assert_eq!(sample(&text, r#"weft_plugin_ready{plugin="guest"}"#), Some(1.0), "{text}");
        sample(&text, r#"weft_plugin_file_refused{plugin="guest",code="not_webassembly"}"#)
    };
    assert_eq!(refused().await, None);
    std::fs::write(app.plugin_file("guest"), b"nothing").unwrap();
    app.plugin_becomes("guest", |plugin| !plugin["error"].is_null()).await;
    assert_eq!(refused().await, Some(1.0));
    app.drop_plugin("guest", guests::misbehave().await).await;
    app.plugin_becomes("guest", |plugin| plugin["error"].is_null()).await;
    assert_eq!(refused().await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_reads_what_was_counted() {
    let (app, sender) = server().await;
    say(&sender, &["ok", "ok", "panic"]).await;
    app.request(Method::POST, "/wechat/shop/?signature=wrong", Some(b"<xml/>".to_vec())).await;
    app.request(Method::POST, "/wechat/nobody/", None).await;
    let response = app.get("/metrics").await;
    assert_eq!(response.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let text = response.text().await.unwrap();
    let of = r#"plugin="guest",kind="handler",entry="misbehave""#;
    for (name, value) in [
        (format!(r#"weft_plugin_calls_total{{{of},outcome="ok"}}"#), 2.0),
        (format!(r#"weft_plugin_calls_total{{{of},outcome="crashed"}}"#), 1.0),
        (format!("weft_plugin_call_duration_seconds_count{{{of}}}"), 3.0),
        (format!(r#"weft_plugin_call_duration_seconds_bucket{{{of},le="+Inf"}}"#), 3.0),
        (r#"weft_plugin_ready{plugin="guest"}"#.to_owned(), 1.0),
        (r#"weft_webhook_duration_seconds_count{outcome="answered"}"#.to_owned(), 2.0),
        (r#"weft_webhook_duration_seconds_count{outcome="empty"}"#.to_owned(), 1.0),
        (r#"weft_webhook_duration_seconds_count{outcome="refused"}"#.to_owned(), 1.0),
        (r#"weft_webhook_duration_seconds_count{outcome="no_app"}"#.to_owned(), 1.0),
        ("weft_database_up".to_owned(), 1.0),
        ("weft_order_events_waiting".to_owned(), 0.0),
    ] {
        assert_eq!(sample(&text, &name), Some(value), "{name} in\n{text}");
    }
    if cfg!(target_os = "linux") {
        assert!(sample(&text, "process_resident_memory_bytes").unwrap() > 1e6, "{text}");
    }
    for secret in ["oCounted", "shop", crate::support::TOKEN] {
        assert!(!text.contains(secret), "`{secret}` stands in\n{text}");
    }
}
