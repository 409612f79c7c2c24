//! Refunds that WeChat refuses, and whose money is given back by others.

use std::time::Duration;

use serde_json::{Value, json};
use weft::{clock::Clock, simulator::pay::PayFault};
use weft_wechat::pay::TradeState;

use super::{NUMBER, gateway::Till};
use crate::support::{database::START, till::MCH_ID};

/// A till with an order that is paid.
async fn paid(version: &'static str) -> Till {
    paid_at(version, Clock::system()).await
}

async fn paid_at(version: &'static str, clock: Clock) -> Till {
    let till = Till::open_at(version, clock).await;
    till.order("JSAPI").await;
    till.pay.pay(MCH_ID, NUMBER).unwrap();
    assert_eq!(till.post("sync", json!({})).await.1["state"], "SUCCESS");
    till
}

/// Whether WeChat takes refunds of the order; nobody else is told.
fn takes_refunds(till: &Till, takes: bool) {
    let state = if takes { TradeState::Success } else { TradeState::Notpay };
    till.pay.set_state(MCH_ID, NUMBER, state);
}

async fn refund(till: &Till, number: &str, fee: u64) -> (u16, Value) {
    till.post("refunds", json!({"out_refund_no": number, "refund_fee": fee})).await
}

async fn close(till: &Till, number: &str) -> (u16, Value) {
    till.post(&format!("refunds/{number}/close"), json!({})).await
}

fn path(version: &str) -> &'static str {
    if version == "v2" { "/secapi/pay/refund" } else { "/v3/refund/domestic/refunds" }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_that_wechat_has_refused_is_given_up_and_frees_its_money() {
    for version in ["v2", "v3"] {
        let till = paid(version).await;
        takes_refunds(&till, false);
        for _ in 0..2 {
            let (status, problem) = refund(&till, "R1", 60).await;
            assert_eq!((status, &problem["type"]), (502, &json!("wechat-pay-refused")), "{version} {problem}");
        }
        assert_eq!(till.get("/refunds").await["items"][0]["state"], "NEW");
        assert_eq!(refund(&till, "R2", 60).await.0, 422, "its money is held");
        for _ in 0..2 {
            let (status, closed) = close(&till, "R1").await;
            assert_eq!((status, &closed["state"]), (200, &json!("CLOSED")), "{version} {closed}");
        }
        let events = till.get("/events").await;
        let told: Vec<_> =
            events["items"].as_array().unwrap().iter().filter(|event| event["type"] == "refund.updated").collect();
        assert_eq!((told.len(), &told[0]["source"]), (1, &json!("manual")), "{version} {events}");

        takes_refunds(&till, true);
        assert_eq!(refund(&till, "R2", 101).await.0, 200, "{version}");
        let (status, known) = refund(&till, "R1", 60).await;
        assert_eq!((status, &known["state"]), (200, &json!("CLOSED")), "it is not sent again");
        assert_eq!(till.pay.refunded(MCH_ID, NUMBER), 101);
        assert_eq!(close(&till, "R2").await.0, 409, "{version}");
        assert_eq!(close(&till, "R3").await.0, 404);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_is_not_given_up_while_a_call_for_it_had_no_certain_answer() {
    for version in ["v2", "v3"] {
        let till = paid(version).await;
        till.pay.fault(path(version), PayFault::Status(500), 1);
        assert_eq!(refund(&till, "R1", 60).await.0, 504, "{version}");
        // WeChat does not know it now, and may be about to.
        assert_eq!(close(&till, "R1").await.0, 409, "{version}");
        takes_refunds(&till, false);
        assert_eq!(refund(&till, "R1", 60).await.0, 502);
        assert_eq!(close(&till, "R1").await.0, 409, "the first call is as uncertain as before");
        assert_eq!(till.get("/refunds").await["items"][0]["state"], "NEW");
        takes_refunds(&till, true);
        assert_eq!(refund(&till, "R1", 60).await.0, 200);

        // Of one that WeChat has it says how far it is.
        till.pay.fault(path(version), PayFault::LostAnswer, 1);
        assert_eq!(refund(&till, "R2", 41).await.0, 504);
        let (status, known) = close(&till, "R2").await;
        assert_eq!((status, &known["state"]), (200, &json!("SUCCESS")), "{version} {known}");
        assert_eq!(till.pay.refunded(MCH_ID, NUMBER), 101);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_wechat_does_not_know_a_day_after_a_call_is_given_up_whatever_came_of_it() {
    for version in ["v2", "v3"] {
        let clock = Clock::manual(START);
        let till = paid_at(version, clock.clone()).await;
        till.pay.fault(path(version), PayFault::Status(500), 1);
        assert_eq!(refund(&till, "R1", 60).await.0, 504, "{version}");
        assert_eq!(close(&till, "R1").await.0, 409, "{version}");
        clock.advance(Duration::from_hours(24));
        let (status, closed) = close(&till, "R1").await;
        assert_eq!((status, &closed["state"]), (200, &json!("CLOSED")), "{version} {closed}");
        assert_eq!(refund(&till, "R2", 101).await.0, 200, "{version}: its money is free");
        assert_eq!(till.pay.refunded(MCH_ID, NUMBER), 101);
    }
}
