//! `/apps/{app}/merchants/{merchant}/orders`: creating, reading, and what became of them.

use reqwest::Method;
use serde_json::{Value, json};
use weft::{
    model::{Observation, ObservationSource},
    time::rfc3339,
};
use weft_wechat::pay::{Fen, TradeState};

use super::merchants::{MERCHANTS, shop, v2, wrong};
use super::{NUMBER, told};
use crate::support::TestApp;

const ORDERS: &str = "/apps/shop/merchants/default/orders";

async fn open() -> TestApp {
    let app = shop().await;
    assert_eq!(app.api(Method::POST, MERCHANTS, Some(v2())).await.0, 201);
    app
}

fn new() -> Value {
    json!({"out_trade_no": NUMBER, "body": "一个梨", "total_fee": 101, "openid": "oTEST", "attach": "a=1"})
}

fn with(field: &str, value: Value) -> Value {
    let mut order = new();
    order[field] = value;
    order
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_number_with_the_same_content_is_the_same_order() {
    let app = open().await;
    let (status, order) = app.api(Method::POST, ORDERS, Some(new())).await;
    assert_eq!(status, 201, "{order}");
    for (field, value) in [
        ("out_trade_no", json!(NUMBER)),
        ("merchant", json!("default")),
        ("body", json!("一个梨")),
        ("total_fee", json!(101)),
        ("fee_type", json!("CNY")),
        ("trade_type", json!("JSAPI")),
        ("openid", json!("oTEST")),
        ("attach", json!("a=1")),
        ("state", json!("NEW")),
        ("version", json!(0)),
        ("transaction_id", Value::Null),
        ("paid_at", Value::Null),
    ] {
        assert_eq!(order[field], value, "{field}");
    }
    let again = app.api(Method::POST, ORDERS, Some(new())).await;
    assert_eq!(again, (200, order.clone()));
    assert_eq!(app.api(Method::POST, ORDERS, Some(with("spbill_create_ip", json!("203.0.113.9")))).await.0, 200);
    let in_a_week = rfc3339(app.state.clock.now() + 7 * 24 * 3600);
    for (field, value) in [
        ("total_fee", json!(102)),
        ("body", json!("两个梨")),
        ("openid", json!("oOTHER")),
        ("trade_type", json!("NATIVE")),
        ("attach", Value::Null),
        ("time_expire", json!(in_a_week)),
    ] {
        let (status, problem) = app.api(Method::POST, ORDERS, Some(with(field, value))).await;
        assert_eq!((status, &problem["type"]), (409, &json!("conflict")), "{field} {problem}");
    }
    let (status, mut read) = app.api(Method::GET, &format!("{ORDERS}/{NUMBER}"), None).await;
    assert_eq!((status, read.as_object_mut().unwrap().remove("alarms")), (200, Some(json!([]))));
    assert_eq!(read, order);

    // A number is made up where none is given, and the page goes on where it ended.
    let (status, other) = app.api(Method::POST, ORDERS, Some(with("out_trade_no", Value::Null))).await;
    assert_eq!((status, other["out_trade_no"].as_str().unwrap().len()), (201, 32));
    let (_, first) = app.api(Method::GET, &format!("{ORDERS}?limit=1"), None).await;
    let cursor = first["next_cursor"].as_str().unwrap();
    let (_, second) = app.api(Method::GET, &format!("{ORDERS}?limit=1&cursor={cursor}"), None).await;
    assert_eq!(second["next_cursor"], Value::Null);
    let mut numbers = [&first, &second].map(|page| page["items"][0]["out_trade_no"].clone());
    numbers.sort_by_key(|number| number != NUMBER);
    assert_eq!(numbers, [json!(NUMBER), other["out_trade_no"].clone()]);
    let (_, paid) = app.api(Method::GET, &format!("{ORDERS}?state=SUCCESS"), None).await;
    assert_eq!(paid["items"], json!([]));
    assert_eq!(app.api(Method::GET, &format!("{ORDERS}?cursor=x"), None).await.0, 400);
    let (status, problem) = app.api(Method::DELETE, &format!("{MERCHANTS}/default"), None).await;
    assert_eq!(status, 409, "{problem}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_wechat_would_refuse_is_refused_here() {
    let app = open().await;
    for (field, value, named) in [
        ("out_trade_no", json!("short"), "out_trade_no"),
        ("out_trade_no", json!("T2026'; DROP TABLE orders"), "out_trade_no"),
        ("out_trade_no", json!("../../../etc"), "out_trade_no"),
        ("body", json!(""), "body"),
        ("body", json!("x".repeat(128)), "body"),
        ("total_fee", json!(0), "total_fee"),
        ("total_fee", json!(-1), "total_fee"),
        ("total_fee", json!(1.5), "total_fee"),
        ("total_fee", json!("101"), "total_fee"),
        ("total_fee", json!(1_000_000_000_001_u64), "total_fee"),
        ("fee_type", json!("USD"), "fee_type"),
        ("trade_type", json!("CASH"), "trade_type"),
        ("openid", Value::Null, "openid"),
        ("attach", json!("x\u{0}y"), "attach"),
        ("limit_pay", json!("no_debit"), "limit_pay"),
        ("detail", json!("no JSON"), "detail"),
        ("time_expire", json!("2020-01-01T00:00:00Z"), "time_expire"),
        ("time_expire", json!("9999-12-31T23:59:59Z"), "time_expire"),
        ("time_expire", json!("tomorrow"), "time_expire"),
        ("spbill_create_ip", json!("localhost"), "spbill_create_ip"),
        ("price", json!(1), "price"),
    ] {
        let (status, problem) = app.api(Method::POST, ORDERS, Some(with(field, value))).await;
        assert_eq!((status, wrong(&problem)), (422, vec![named]), "{problem}");
    }
    let nowhere = "/apps/shop/merchants/other/orders";
    assert_eq!(app.api(Method::POST, nowhere, Some(new())).await.0, 404);
    assert_eq!(app.api(Method::GET, nowhere, None).await.0, 404);
    assert_eq!(app.api(Method::GET, &format!("{ORDERS}/{NUMBER}"), None).await.0, 404);
    assert_eq!(app.api(Method::GET, ORDERS, None).await.1["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_became_of_an_order_is_told_with_what_to_look_at() {
    let app = open().await;
    app.api(Method::POST, ORDERS, Some(new())).await;
    let see = async |seen: Observation| {
        app.state.store.orders().apply("shop", "default", NUMBER, &seen).await.unwrap().unwrap()
    };
    let mut less = told(TradeState::Success);
    less.total = Some(Fen(1));
    assert!(see(Observation::told(ObservationSource::Notify, less, 1, "EV-0")).await.refused);
    see(Observation::told(ObservationSource::Notify, told(TradeState::Success), 2, "EV-1")).await;
    let path = format!("{ORDERS}/{NUMBER}");
    let (_, order) = app.api(Method::GET, &path, None).await;
    assert_eq!((&order["state"], &order["version"]), (&json!("SUCCESS"), &json!(1)));
    assert_eq!((&order["transaction_id"], &order["openid"]), (&json!("42001"), &json!("oPAID")));
    assert_eq!(order["paid_at"], "2023-11-14T22:15:00Z");
    let alarm = &order["alarms"][0];
    assert_eq!((&alarm["kind"], &alarm["detail"]), (&json!("mismatch"), &json!("total_fee")), "{order}");
    let (_, events) = app.api(Method::GET, &format!("{path}/events"), None).await;
    let event = &events["items"][0];
    assert_eq!((&event["previous_state"], &event["state"]), (&json!("NEW"), &json!("SUCCESS")));
    assert_eq!((&event["source"], &event["reference"]), (&json!("notify"), &json!("EV-1")));
    assert_eq!(event["deliveries"], json!([]));
    let id = event["id"].as_str().unwrap();
    assert_eq!(app.api(Method::POST, &format!("{path}/events/{id}/redeliver"), None).await.0, 202);
    assert_eq!(app.api(Method::POST, &format!("{path}/events/x/redeliver"), None).await.0, 404);
}
