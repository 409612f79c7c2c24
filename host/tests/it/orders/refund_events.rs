//! Hooks and servers hear of refunds, in one row with the changes of their order.

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    NUMBER,
    gateway::Till,
    hooks::{all, events_become, heard},
};
use crate::support::{guests, till::MCH_ID};

/// A till whose app's hook is `hook` of the guest, with an order that is paid.
async fn paid(version: &'static str, hook: &str) -> Till {
    let till = Till::open(version).await;
    till.app.drop_plugin("ear", guests::listener().await).await;
    let change = json!({"order_hook": hook});
    assert_eq!(till.app.api(Method::PATCH, "/apps/shop", Some(change)).await.0, 200);
    assert_eq!(till.app.api(Method::PUT, "/apps/shop/plugins/ear", Some(json!({"kv": true}))).await.0, 200);
    till.order("JSAPI").await;
    till.pay.pay(MCH_ID, NUMBER).unwrap();
    assert!(till.is_taken(&till.notify().await));
    till
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hook_hears_of_refunds_in_one_row_with_their_order() {
    for (version, refunded) in [("v2", "R1:New>Processing@Query"), ("v3", "R1:New>Success@Query")] {
        let till = paid(version, "ear/fulfil").await;
        let refund = json!({"out_refund_no": "R1", "refund_fee": 60, "reason": "不要了"});
        let (status, refund) = till.post("refunds", refund).await;
        assert_eq!(status, 200, "{version} {refund}");
        let events = events_become(&till.app, NUMBER, |events| events.len() == 4 && all("delivered")(events)).await;
        let row = format!("1:New>Notpay@Query 2:Notpay>Success@Notify {refunded} 3:Success>Refund@Query ");
        assert_eq!(heard(&till.app, NUMBER).await, row);
        assert_eq!((&events[2]["type"], &events[3]["type"]), (&json!("refund.updated"), &json!("order.updated")));
        assert_eq!((&events[2]["previous_state"], &events[2]["state"]), (&json!("NEW"), &refund["state"]));
        assert_eq!((&events[2]["refund"], &events[2]["source"]), (&refund, &json!("refund")), "{}", events[2]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hook_that_does_not_hear_of_refunds_is_left_out_and_one_may_hear_of_nothing_else() {
    let till = paid("v3", "ear/stumbles_not").await;
    let path = format!("/apps/shop/merchants/default/orders/{NUMBER}/events");
    let first = |events: &[Value]| !events[0]["deliveries"].as_array().unwrap().is_empty();
    let events = events_become(&till.app, NUMBER, first).await;
    assert!(events[0]["deliveries"].to_string().contains("stumbles_not"), "{events:?}");
    let change = json!({"order_hook": "ear/hangs"});
    assert_eq!(till.app.api(Method::PATCH, "/apps/shop", Some(change)).await.0, 200);
    till.post("refunds", json!({"out_refund_no": "R1", "refund_fee": 60})).await;
    let events = events_become(&till.app, NUMBER, |events| events.len() == 4).await;
    for event in &events {
        let redeliver = format!("{path}/{}/redeliver", event["id"].as_str().unwrap());
        assert_eq!(till.app.api(Method::POST, &redeliver, None).await.0, 202);
    }
    let events = events_become(&till.app, NUMBER, |events| events.iter().all(|event| event["hook"] != "pending")).await;
    let hook: Vec<_> = events.iter().map(|event| event["hook"].as_str().unwrap()).collect();
    assert_eq!(hook, ["delivered", "delivered", "skipped", "delivered"]);

    let till = paid("v3", "ear/refunds_alone").await;
    till.post("refunds", json!({"out_refund_no": "R1", "refund_fee": 60})).await;
    events_become(&till.app, NUMBER, |events| events.len() == 4 && all("delivered")(events)).await;
    assert_eq!(heard(&till.app, NUMBER).await, "R1:New>Success@Query ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_of_the_first_contract_is_told_of_orders_alone_and_fails_for_no_refund() {
    for version in ["v2", "v3"] {
        let till = Till::open(version).await;
        till.app.drop_plugin("first", guests::first().await).await;
        let change = json!({"order_hook": "first/paid"});
        assert_eq!(till.app.api(Method::PATCH, "/apps/shop", Some(change)).await.0, 200);
        assert_eq!(till.app.api(Method::PUT, "/apps/shop/plugins/first", Some(json!({"kv": true}))).await.0, 200);
        till.order("JSAPI").await;
        till.pay.pay(MCH_ID, NUMBER).unwrap();
        assert!(till.is_taken(&till.notify().await));
        till.post("refunds", json!({"out_refund_no": "R1", "refund_fee": 60})).await;

        let ended = |events: &[Value]| events.len() == 4 && events.iter().all(|event| event["hook"] != "pending");
        let events = events_become(&till.app, NUMBER, ended).await;
        let became: Vec<_> = events.iter().map(|event| (&event["type"], &event["hook"])).collect();
        let (order, delivered) = (&json!("order.updated"), &json!("delivered"));
        let refund = (&json!("refund.updated"), &json!("skipped"));
        assert_eq!(became, [(order, delivered), (order, delivered), refund, (order, delivered)], "{version}");
        let errors =
            |event: &Value| event["deliveries"].as_array().unwrap().iter().any(|told| !told["error"].is_null());
        assert!(!events.iter().any(errors), "{events:#?}");

        let (_, plugin) = till.app.api(Method::GET, "/plugins/first", None).await;
        assert_eq!((&plugin["calls"]["total"], &plugin["calls"]["failed"]), (&json!(3), &json!(0)), "{plugin}");
        let heard = till.app.state.store.plugin_kv().get("shop", "first", "order").await.unwrap().unwrap();
        let heard = String::from_utf8(heard.value).unwrap();
        assert_eq!(heard, format!("paid {NUMBER} State::Refund 1"), "the change of the order that the refund made");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_version_that_the_user_gets_decides_whether_it_hears_of_refunds() {
    for canary_hears in [false, true] {
        // Both have one order hook at first; that of the first contract hears of no refunds.
        let (deaf, hears) = (guests::first().await, guests::listener().await);
        let (stable, canary) = if canary_hears { (deaf, hears) } else { (hears, deaf) };
        let till = Till::open("v3").await;
        till.app.drop_plugin("ear", stable).await;
        assert_eq!(till.app.upload("ear?canary=0", canary.to_vec()).await.0, 200);
        let payer = json!({"openids": ["oTEST"]});
        assert_eq!(till.app.api(Method::POST, "/plugins/ear/canary", Some(payer)).await.0, 200);
        assert_eq!(till.app.api(Method::PATCH, "/apps/shop", Some(json!({"order_hook": "ear"}))).await.0, 200);
        assert_eq!(till.app.api(Method::PUT, "/apps/shop/plugins/ear", Some(json!({"kv": true}))).await.0, 200);
        till.order("JSAPI").await;
        till.pay.pay(MCH_ID, NUMBER).unwrap();
        assert!(till.is_taken(&till.notify().await));
        till.post("refunds", json!({"out_refund_no": "R1", "refund_fee": 60})).await;

        let tried = |event: &Value| event["hook"] != "pending" || event["deliveries"][0]["outcome"] == "failed";
        let events = events_become(&till.app, NUMBER, |events| events.len() == 4 && events.iter().all(tried)).await;
        let refund = if canary_hears { "delivered" } else { "skipped" };
        let hook: Vec<_> = events.iter().map(|event| event["hook"].as_str().unwrap()).collect();
        assert_eq!(hook, ["delivered", "delivered", refund, "delivered"], "{events:#?}");
        let heard = heard(&till.app, NUMBER).await;
        assert_eq!(heard.contains("R1:New>Success@Query "), canary_hears, "{heard}");
        let (_, plugin) = till.app.api(Method::GET, "/plugins/ear", None).await;
        let calls = if canary_hears { 4 } else { 3 };
        assert_eq!((&plugin["calls"]["total"], &plugin["calls"]["failed"]), (&json!(calls), &json!(0)), "{plugin}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_canary_without_the_hook_that_is_named_fails_for_refunds_as_for_orders() {
    let till = paid("v3", "ear/fulfil").await;
    events_become(&till.app, NUMBER, |events| events.len() == 2 && all("delivered")(events)).await;
    let (status, plugin) = till.app.upload("ear?canary=100", guests::greeter().await.to_vec()).await;
    assert_eq!(status, 200, "{plugin}");
    till.post("refunds", json!({"out_refund_no": "R1", "refund_fee": 60})).await;
    // What comes behind the refund waits for it: nothing else fails.
    till.app.plugin_becomes("ear", |plugin| plugin["canary"]["calls"]["failed"].as_u64() > Some(0)).await;
    assert_eq!(till.app.api(Method::DELETE, "/plugins/ear/canary", None).await.0, 204);
    // Not to wait for the pause.
    let events = events_become(&till.app, NUMBER, |events| events.len() == 4).await;
    let event = format!("/apps/shop/merchants/default/orders/{NUMBER}/events/{}", events[2]["id"].as_str().unwrap());
    assert_eq!(till.app.api(Method::POST, &format!("{event}/redeliver"), None).await.0, 202);
    let events = events_become(&till.app, NUMBER, all("delivered")).await;
    let refused = &events[2]["deliveries"][0];
    assert!(refused["error"].as_str().unwrap().contains("has no hook `fulfil`"), "{refused}");
}
