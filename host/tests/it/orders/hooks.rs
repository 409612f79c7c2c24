//! What the app's hook hears of orders.

use reqwest::Method;
use serde_json::{Value, json};
use weft::model::{Observation, ObservationSource};
use weft_wechat::pay::{TradeState, Transaction};

use super::{
    merchants::{MERCHANTS, shop, v2},
    told,
};
use crate::support::{TestApp, guests, until};

/// A server whose app has the hook of `listener.wasm`, and a merchant.
async fn open() -> TestApp {
    let app = shop().await;
    app.drop_plugin("listener", guests::listener().await).await;
    assert_eq!(app.api(Method::PUT, "/apps/shop/plugins/listener", Some(json!({"kv": true}))).await.0, 200);
    let hook = json!({"order_hook": "listener/write_down"});
    let (status, patched) = app.api(Method::PATCH, "/apps/shop", Some(hook)).await;
    assert_eq!(status, 200, "{patched}");
    assert_eq!(app.api(Method::POST, MERCHANTS, Some(v2())).await.0, 201);
    app
}

async fn create(app: &TestApp, number: &str, attach: Value) {
    let new = json!({"out_trade_no": number, "body": "一个梨", "total_fee": 101, "openid": "oTEST", "attach": attach});
    let (status, order) = app.api(Method::POST, &format!("{MERCHANTS}/default/orders"), Some(new)).await;
    assert_eq!(status, 201, "{order}");
}

async fn see(app: &TestApp, number: &str, source: ObservationSource, state: TradeState, at: u64) {
    let told = Transaction { out_trade_no: number.into(), ..told(state) };
    let seen = Observation::told(source, told, at, "test");
    assert!(!app.state.store.orders().apply("shop", "default", number, &seen).await.unwrap().unwrap().refused);
}

async fn events(app: &TestApp, number: &str) -> Vec<Value> {
    let path = format!("{MERCHANTS}/default/orders/{number}/events");
    app.api(Method::GET, &path, None).await.1["items"].as_array().unwrap().clone()
}

/// Waits until the hook has heard of so many events.
async fn delivered(app: &TestApp, number: &str, count: usize) -> Vec<Value> {
    until("the events are delivered", async || {
        let events = events(app, number).await;
        let is_delivered = |event: &&Value| event["delivery"] == "delivered" && event["deliveries"] != json!([]);
        (events.iter().filter(is_delivered).count() == count).then_some(events)
    })
    .await
}

async fn heard(app: &TestApp, number: &str) -> Vec<String> {
    let entry = app.state.store.plugin_kv().get("shop", "listener", &format!("order {number}")).await.unwrap();
    let text = String::from_utf8(entry.expect("something was heard").value).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hook_hears_of_every_change_in_its_order() {
    const NUMBER: &str = "T20260101";
    let app = open().await;
    create(&app, NUMBER, json!("a")).await;
    see(&app, NUMBER, ObservationSource::Query, TradeState::Notpay, 1).await;
    see(&app, NUMBER, ObservationSource::Notify, TradeState::Success, 2).await;
    see(&app, NUMBER, ObservationSource::Notify, TradeState::Success, 3).await;
    see(&app, NUMBER, ObservationSource::Query, TradeState::Refund, 4).await;
    let events = delivered(&app, NUMBER, 3).await;
    let plain = |line: &String| line.replace("State::", "").replace("Source::", "");
    let lines: Vec<_> = heard(&app, NUMBER).await.iter().map(plain).collect();
    assert_eq!(lines, ["1 Notpay Query -", "2 Success Notify 42001", "3 Refund Query 42001"]);
    for event in &events {
        assert_eq!((&event["deliveries"][0]["attempt"], &event["deliveries"][0]["outcome"]), (&json!(1), &json!("ok")));
    }
    // An operator has it told once more, under the same id.
    let id = events[1]["id"].as_str().unwrap();
    let path = format!("{MERCHANTS}/default/orders/{NUMBER}/events/{id}/redeliver");
    assert_eq!(app.api(Method::POST, &path, None).await.0, 202);
    until("it is told again", async || (heard(&app, NUMBER).await.len() == 4).then_some(())).await;
    let again = heard(&app, NUMBER).await;
    assert_eq!(again[1], again[3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hook_that_fails_is_told_again_and_holds_up_no_other_order() {
    let app = open().await;
    create(&app, "T2026BAD", json!("fails")).await;
    create(&app, "T2026ONCE", json!("fails once")).await;
    create(&app, "T2026GOOD", Value::Null).await;
    for number in ["T2026BAD", "T2026ONCE", "T2026GOOD"] {
        see(&app, number, ObservationSource::Query, TradeState::Notpay, 1).await;
        see(&app, number, ObservationSource::Notify, TradeState::Success, 2).await;
    }
    delivered(&app, "T2026GOOD", 2).await;
    // Its first event fails once, and the second waits for it; each of them fails at its first try.
    let events = delivered(&app, "T2026ONCE", 2).await;
    for event in &events {
        let deliveries = event["deliveries"].as_array().unwrap();
        let outcomes: Vec<_> = deliveries.iter().map(|delivery| delivery["outcome"].as_str().unwrap()).collect();
        assert_eq!(outcomes, ["failed", "ok"], "{event}");
        assert!(deliveries[0]["error"].as_str().unwrap().contains("not now"));
    }
    assert_eq!(heard(&app, "T2026ONCE").await.len(), 2);
    let bad = self::events(&app, "T2026BAD").await;
    assert_eq!((&bad[0]["delivery"], &bad[1]["deliveries"]), (&json!("pending"), &json!([])), "{bad:?}");
    assert!(!bad[0]["deliveries"].as_array().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_of_an_app_without_a_hook_are_written_and_wait_for_nobody() {
    let app = shop().await;
    assert_eq!(app.api(Method::POST, MERCHANTS, Some(v2())).await.0, 201);
    create(&app, "T20260101", Value::Null).await;
    see(&app, "T20260101", ObservationSource::Notify, TradeState::Success, 2).await;
    until("nobody waits", async || {
        let events = events(&app, "T20260101").await;
        (events[0]["delivery"] == "delivered" && events[0]["deliveries"] == json!([])).then_some(())
    })
    .await;
}
