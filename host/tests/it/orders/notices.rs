//! What the simulated WeChat Pay tells by itself, and what goes wrong there on purpose.

use std::time::Duration;

use reqwest::{Client, Method, redirect::Policy};
use serde_json::{Value, json};
use weft::simulator::pay::{Notifying, PayFault, Release};
use weft_wechat::pay::TradeState;

use super::{NUMBER, gateway::Till};
use crate::support::{till::MCH_ID, until};

/// A quarter of a minute, WeChat's first pause, is 10 ms.
const FAST: Notifying = Notifying { by_itself: true, speed: 1500, at_once: 1, lost: 0, probe: false, held: false };

async fn becomes(till: &Till, state: &str) -> Value {
    until("the order is told of", async || (till.state().await == state).then_some(())).await;
    till.get("/events").await["items"].clone()
}

fn states(events: &Value) -> Vec<&str> {
    events.as_array().unwrap().iter().map(|event| event["state"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_lost_is_told_again_on_the_schedule() {
    for version in ["v2", "v3"] {
        let till = Till::open_to_notifications(version).await;
        till.order("JSAPI").await;
        till.pay.set_notifying(Notifying { lost: 2, ..FAST });
        till.pay.pay(MCH_ID, NUMBER).unwrap();
        becomes(&till, "SUCCESS").await;
        let told = until("it is taken", async || till.pay.tries().last().filter(|told| told.taken).cloned()).await;
        assert_eq!((told.kind, told.attempt, told.status), ("payment", 3, Some(200)), "{version}");
        assert!(till.pay.tries()[..2].iter().all(|told| told.status.is_none() && !told.taken));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_often_a_payment_is_told_at_once_it_is_one_and_probes_are_refused() {
    for version in ["v2", "v3"] {
        let till = Till::open_to_notifications(version).await;
        till.order("JSAPI").await;
        till.pay.set_notifying(Notifying { at_once: 20, probe: true, ..FAST });
        till.pay.pay(MCH_ID, NUMBER).unwrap();
        let events = becomes(&till, "SUCCESS").await;
        assert_eq!(states(&events), ["NOTPAY", "SUCCESS"]);
        let told = until("all are told", async || {
            let tries = till.pay.tries();
            (tries.iter().filter(|told| told.kind == "payment").count() == 20).then_some(tries)
        })
        .await;
        assert!(told.iter().filter(|told| told.kind == "payment").all(|told| told.taken), "{version} {told:?}");
        let probes: Vec<_> = told.iter().filter(|told| told.kind == "probe").map(|told| told.status).collect();
        assert_eq!(probes, if version == "v3" { vec![Some(401)] } else { Vec::new() });
        assert_eq!(states(&till.get("/events").await["items"]), ["NOTPAY", "SUCCESS"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_that_is_told_behind_its_refund_changes_nothing() {
    for version in ["v2", "v3"] {
        for release in [Release::Reverse, Release::AtOnce, Release::InOrder] {
            let till = Till::open_to_notifications(version).await;
            till.order("JSAPI").await;
            till.pay.set_notifying(Notifying { held: true, ..FAST });
            till.pay.pay(MCH_ID, NUMBER).unwrap();
            assert_eq!(till.post("sync", json!({})).await.1["state"], "SUCCESS");
            till.post("refunds", json!({"out_refund_no": "R1", "refund_fee": 60})).await;
            assert_eq!(till.pay.release(release).await, 2, "{version} {release:?} {:?}", till.pay.tries());
            assert_eq!(till.state().await, "REFUND");
            assert_eq!(till.get("/refunds").await["items"][0]["state"], "SUCCESS", "{version}");
            assert_eq!(till.get("").await["alarms"], json!([]));
            assert_eq!(till.pay.release(release).await, 0, "nothing is left");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_go_wrong_as_they_are_told_to() {
    for version in ["v2", "v3"] {
        let till = Till::open(version).await;
        till.order("JSAPI").await;
        let query = if version == "v2" { "/pay/orderquery" } else { "/v3/pay/transactions/out-trade-no/" };
        till.pay.pay(MCH_ID, NUMBER).unwrap();
        for fault in [PayFault::Status(500), PayFault::BadSignature, PayFault::LostAnswer] {
            till.pay.fault(query, fault, 1);
            let (status, problem) = till.post("sync", json!({})).await;
            assert_eq!(status, 504, "{version} {fault:?} {problem}");
            assert_eq!(till.state().await, "NOTPAY", "what is not proven says nothing");
        }
        // Nothing is done where a gateway in between fails, and it is done where its answer is lost.
        till.pay.set_state(MCH_ID, NUMBER, TradeState::Notpay);
        let close = if version == "v2" { "/pay/closeorder" } else { query };
        for (fault, state) in [(PayFault::Status(503), "NOTPAY"), (PayFault::LostAnswer, "CLOSED")] {
            till.pay.fault(close, fault, 1);
            assert_eq!(till.post("close", json!({})).await.0, 504);
            let url = format!("{}/simulator/pay/orders/{MCH_ID}/{NUMBER}", till.pay.base);
            let order: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
            assert_eq!(order["state"], state, "{version}");
        }
        till.pay.fault("/", PayFault::NoAnswer, 1);
        let asking = Client::builder().no_proxy().build().unwrap().post(format!("{}{query}", till.pay.base)).send();
        assert!(tokio::time::timeout(Duration::from_millis(300), asking).await.is_err());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_pays_at_a_page_and_other_programs_steer() {
    let till = Till::open_to_notifications("v3").await;
    let client = Client::builder().no_proxy().build().unwrap();
    let steer = async |method: Method, path: &str, body: Option<Value>| {
        let mut request = client.request(method, format!("{}/simulator/pay{path}", till.pay.base));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap_or_default())
    };
    let how = json!({"by_itself": true, "speed": 1500});
    assert_eq!(steer(Method::PUT, "/notifying", Some(how)).await.0, 204);
    assert_eq!(steer(Method::GET, "/notifying", None).await.1["at_once"], 1);
    assert_eq!(steer(Method::PUT, "/notifying", Some(json!({"fast": true}))).await.0, 422);

    let page = till.order("NATIVE").await["code_url"].as_str().unwrap().to_owned();
    let shown = client.get(&page).send().await.unwrap().text().await.unwrap();
    assert!(shown.contains("¥1.01") && shown.contains(NUMBER) && shown.contains("一个梨"), "{shown}");
    assert!(shown.contains("data-state=\"open\""), "{shown}");
    assert_eq!(client.get(format!("{page}x")).send().await.unwrap().status(), 404);
    // Whoever stays here is told when the server knows.
    let stays = Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
    let paid = stays.post(&page).send().await.unwrap();
    assert_eq!(paid.status(), 303);
    let told = paid.text().await.unwrap();
    assert!(told.starts_with("paid, and the server has taken the notification"), "{told}");
    assert_eq!(states(&till.get("/events").await["items"]), ["NOTPAY", "SUCCESS"]);
    let again = stays.post(&page).send().await.unwrap().text().await.unwrap();
    assert!(again.starts_with("not paid"), "{again}");
    let paid = client.post(&page).send().await.unwrap().text().await.unwrap();
    assert!(paid.contains("data-state=\"paid\""), "{paid}");

    let order = format!("/orders/{MCH_ID}/{NUMBER}");
    let (status, told) = steer(Method::GET, &order, None).await;
    assert_eq!((status, &told["state"], &told["refunded"]), (200, &json!("SUCCESS"), &json!(0)), "{told}");
    assert_eq!(steer(Method::POST, &order, Some(json!({"pay": true}))).await.0, 422, "it is paid");
    assert_eq!(steer(Method::POST, "/orders/1/x", Some(json!({"pay": true}))).await.0, 404);
    let again = json!({"mch_id": MCH_ID, "out_trade_no": NUMBER});
    let (_, told) = steer(Method::POST, "/notifications", Some(again.clone())).await;
    assert_eq!((&told["kind"], &told["taken"]), (&json!("payment"), &json!(true)), "{told}");
    let mut probe = again;
    probe["probe"] = true.into();
    let (_, told) = steer(Method::POST, "/notifications", Some(probe)).await;
    assert_eq!((&told["kind"], &told["status"]), (&json!("probe"), &json!(401)), "{told}");
    assert_eq!(steer(Method::GET, "/tries", None).await.1.as_array().unwrap().len(), 3);

    let fault = json!({"path": "/v3/pay/", "fault": {"status": 500}});
    assert_eq!(steer(Method::POST, "/faults", Some(fault)).await.0, 204);
    assert_eq!(till.post("sync", json!({})).await.0, 504);
    assert_eq!(till.post("sync", json!({})).await.0, 200);
    assert_eq!(steer(Method::POST, "/faults", Some(json!({"path": "/", "fault": "no_answer"}))).await.0, 204);
    assert_eq!(steer(Method::DELETE, "/faults", None).await.0, 204);
    assert_eq!(till.post("sync", json!({})).await.0, 200);
    assert!(steer(Method::GET, "/calls", None).await.1.to_string().contains("/v3/pay/transactions/native"));
    assert_eq!(steer(Method::DELETE, "/calls", None).await.0, 204);
    assert_eq!(steer(Method::GET, "/calls", None).await.1, json!([]));

    for (merchant, status) in [
        (json!({"mch_id": "19", "appid": "wx2", "api_key": "0123456789abcdefghijklmnopqrstuv"}), 204),
        (json!({"mch_id": "19", "appid": "wx2"}), 422),
        (json!({"mch_id": "19", "appid": "wx2", "api_key": "short"}), 422),
    ] {
        assert_eq!(steer(Method::POST, "/merchants", Some(merchant.clone())).await.0, status, "{merchant}");
    }
    assert_eq!(steer(Method::POST, "/release", Some(json!({"order": "reverse"}))).await.1["taken"], 0);
}
