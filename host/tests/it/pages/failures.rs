//! A page that fails, or answers what no page is: people see a short page, the operator sees why, and nobody else
//! notices.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::{Value, json};
use weft::{clock::Clock, config::DatabaseUrl, secret::SecretKey, simulator::Incoming, storage::Store};
use weft_wechat::account::EncodingMode;

use super::{Site, header};
use crate::support::until;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn visitors_keep_no_message_waiting() {
    let site = Site::start_with(|config| config.plugins.limits.max_concurrency = 4).await;
    let till = site.app.account("till", EncodingMode::Plain, "guest").await;
    site.grant("till", json!({"pages": true, "kv": true})).await;
    let url = format!("{}/wechat/till/pages/guest/slow", site.app.base);
    let visits: Vec<_> = (0..40).map(|_| tokio::spawn(site.client.get(&url).send())).collect();
    until("many visits wait", async || {
        let (_, plugin) = site.app.api(Method::GET, "/plugins/guest", None).await;
        (plugin["calls"]["waiting"].as_u64().unwrap() >= 20).then_some(())
    })
    .await;
    let answer = till.send(&Incoming::text("oUser", "hi")).await.unwrap();
    assert_eq!(answer.text().as_deref(), Some("answered"));
    let waiting = visits.iter().filter(|visit| !visit.is_finished()).count();
    assert!(waiting > 10, "the message did not stand behind them: {waiting} are still waiting");
    for visit in visits {
        assert_eq!(visit.await.unwrap().unwrap().status(), 200);
    }
}

/// Asks for a page that cannot be shown; it may tell nothing of why.
async fn fails(site: &Site, path: &str, status: u16, code: &str, why: &str) {
    let began = Instant::now();
    let response = site.get(path).await;
    assert!(began.elapsed() < Duration::from_secs(10), "{path} took {:?}", began.elapsed());
    assert_eq!(response.status(), status, "{path}");
    assert_eq!(header(&response, "x-content-type-options"), ["nosniff"]);
    assert_eq!(header(&response, "set-cookie"), [""; 0], "{path}");
    assert_eq!(header(&response, "content-type"), ["text/html; charset=utf-8"]);
    let page = response.text().await.unwrap();
    assert!(page.contains("页面出错了") && page.contains("Something went wrong"), "{page}");
    assert!(!page.contains("<script>") && !page.contains("guest") && !page.contains("token"), "{page}");
    let (_, receipts) = site.app.api(Method::GET, "/plugins/guest/receipts?outcome=failed", None).await;
    let last = &receipts["items"][0];
    assert_eq!(last["outcome"], code, "{path}: {last}");
    assert!(last["error"].as_str().unwrap().contains(why), "{path}: {last}");
    // Who is told of it by a visitor finds it.
    assert!(page.contains(last["delivery_id"].as_str().unwrap()), "{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_page_does_it_costs_its_own_answer() {
    let site = Site::start_with(|config| {
        config.plugins.limits.page_timeout_ms = 4000;
        config.plugins.limits.memory_mib = 32;
        config.plugins.limits.breaker_failures = 1000;
    })
    .await;
    fails(&site, "/fail/panic", 500, "crashed", "page bug: token 42").await;
    fails(&site, "/fail/error", 500, "failed", "the page gave up").await;
    fails(&site, "/fail/exit", 500, "crashed", "exit(0)").await;
    fails(&site, "/fail/loop", 500, "cpu_exhausted", "plugins.cpu_ms").await;
    fails(&site, "/fail/memory", 500, "crashed", "memory allocation").await;
    fails(&site, "/fail/sleep", 500, "timed_out", "plugins.page_timeout_ms").await;
    assert_eq!(site.get("/fail/well").await.text().await.unwrap(), "well");
    let (_, plugin) = site.app.api(Method::GET, "/plugins/guest", None).await;
    let counted = plugin["calls"]["entries"].as_array().unwrap();
    let page = counted.iter().find(|entry| entry["kind"] == "page" && entry["name"] == "fail");
    assert!(page.is_some_and(|page| page["total"] == 7 && page["failed"] == 6), "{plugin}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_none_is_not_sent() {
    let site = Site::start_with(|config| config.plugins.limits.page_kib = 64).await;
    for status in [0, 100, 101, 103, 199, 600, 999, 65535] {
        let why = format!("its status is {status}, not one of 200 to 599");
        fails(&site, &format!("/answer/status/{status}"), 502, "bad_reply", &why).await;
    }
    fails(&site, "/answer/split", 502, "bad_reply", "`x-name` is no header").await;
    fails(&site, "/answer/split-name", 502, "bad_reply", "`x-name: a").await;
    fails(&site, "/answer/nul", 502, "bad_reply", "`x-name` is no header").await;
    fails(&site, "/answer/no-name", 502, "bad_reply", "`` is no header").await;
    fails(&site, "/answer/huge-header", 502, "bad_reply", "it has 2 headers").await;
    fails(&site, "/answer/many-headers", 502, "bad_reply", "it has 101 headers").await;
    fails(&site, "/answer/body/65537", 502, "bad_reply", "it has 65537 bytes and may have 65536 (plugins.page_kib)")
        .await;
    assert_eq!(site.get("/answer/body/65536").await.text().await.unwrap().len(), 65_536);
    // What no answer may be is stopped where it leaves the plugin.
    fails(&site, "/answer/body/30000000", 500, "crashed", "fuel").await;
    let limits = json!({"pages": true, "limits": {"page_kib": 1}});
    site.grant("shop", limits).await;
    fails(&site, "/answer/body/1025", 502, "bad_reply", "it has 1025 bytes and may have 1024").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_keeps_failing_is_not_called_for_a_while() {
    let site = Site::start_with(|config| {
        config.plugins.limits.breaker_failures = 3;
        config.plugins.breaker_pause_ms = 600_000;
        config.plugins.breaker_max_pause_ms = 600_000;
    })
    .await;
    site.grant("blog", json!({"pages": true})).await;
    for _ in 0..3 {
        assert_eq!(site.get("/fail/panic").await.status(), 500);
    }
    let refused = site.get("/fail/well").await;
    assert_eq!(refused.status(), 503);
    let seconds: u64 = header(&refused, "retry-after")[0].parse().unwrap();
    assert!((500..=600).contains(&seconds), "{seconds}");
    let page = refused.text().await.unwrap();
    assert!(page.contains("服务繁忙") && page.contains("Busy right now"), "{page}");
    assert_eq!(site.get("/answer").await.status(), 200, "another page goes on");
    assert_eq!(site.app.get("/wechat/blog/pages/guest/fail/well").await.status(), 200, "and so does another app");
    let (_, plugin) = site.app.api(Method::GET, "/plugins/guest", None).await;
    let open = &plugin["breakers"][0];
    assert_eq!((&open["kind"], &open["entry"], &open["app"]), (&json!("page"), &json!("fail"), &json!("shop")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_is_too_long_each_time_is_not_called_for_a_while() {
    let site = Site::start_with(|config| {
        config.plugins.limits.page_kib = 1;
        config.plugins.limits.breaker_failures = 3;
        config.plugins.breaker_pause_ms = 600_000;
        config.plugins.breaker_max_pause_ms = 600_000;
    })
    .await;
    for _ in 0..6 {
        assert_eq!(site.get("/answer/status/999").await.status(), 502);
    }
    for path in ["/answer/body/1025", "/answer/many-headers", "/answer/body/1025"] {
        assert_eq!(site.get(path).await.status(), 502, "{path}");
    }
    assert_eq!(site.get("/answer").await.status(), 503);
    let (_, plugin) = site.app.api(Method::GET, "/plugins/guest", None).await;
    let open = &plugin["breakers"][0];
    assert_eq!((&open["kind"], &open["entry"]), (&json!("page"), &json!("answer")), "{plugin}");
    assert!(open["error"].as_str().unwrap().contains("(plugins.page_kib)"), "{plugin}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_get_a_turn_may_come_again_soon() {
    let site = Site::start().await;
    site.grant("shop", json!({"pages": true, "kv": true, "limits": {"max_concurrency": 1, "max_queue": 0}})).await;
    let all = futures::future::join_all((0..8).map(|_| site.get("/slow"))).await;
    let (done, busy): (Vec<_>, Vec<_>) = all.iter().partition(|response| response.status() == 200);
    assert!(!done.is_empty() && !busy.is_empty(), "{all:?}");
    for response in busy {
        assert_eq!((response.status().as_u16(), header(response, "retry-after")), (503, vec!["1"]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_begun_goes_on_when_the_visitor_has_gone() {
    let site = Site::start().await;
    let kept = async |key: &str| site.get(&format!("/kept/{key}")).await.text().await.unwrap();
    // It leaves once the plugin has begun.
    let visit = tokio::spawn(site.request(Method::POST, "/slow").send());
    until("it has begun", async || (kept("begun").await == "yes").then_some(())).await;
    visit.abort();
    drop(visit.await);
    until("it is done", async || (kept("done").await == "yes").then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_begun_ends_before_the_server_does() {
    let folder = tempfile::tempdir().unwrap();
    let url = DatabaseUrl::Sqlite(folder.path().join("weft.db"));
    let site = Site::start_with(|config| config.database_url = Some(url.clone())).await;
    let visit = tokio::spawn(site.request(Method::POST, "/slow").send());
    let begun = async || site.get("/kept/begun").await.text().await.unwrap();
    until("it has begun", async || (begun().await == "yes").then_some(())).await;
    visit.abort();
    drop(visit.await);
    site.app.stop().await;
    let store = Store::open(&url, Arc::new(SecretKey::generate()), Clock::system()).await.unwrap();
    let done = store.plugin_kv().get("shop", "guest", "done").await.unwrap();
    assert_eq!(done.map(|entry| entry.value), Some(b"yes".to_vec()));
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_takes_limits_of_its_own() {
    let site = Site::start().await;
    let limits = json!({"pages": true, "kv": true, "limits": {"page_timeout_ms": 100}});
    site.grant("shop", limits).await;
    assert_eq!(site.get("/slow").await.status(), 500);
    let too_long = json!({"pages": true, "limits": {"page_timeout_ms": 60_001}});
    let (status, problem): (u16, Value) = site.app.api(Method::PUT, "/apps/shop/plugins/guest", Some(too_long)).await;
    assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!("limits.page_timeout_ms")), "{problem}");
}
