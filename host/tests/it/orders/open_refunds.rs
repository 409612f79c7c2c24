//! Refunds of which nobody tells what became of them.

use std::time::Duration;

use serde_json::json;
use weft::{clock::Clock, simulator::pay::Notifying};
use weft_wechat::pay::RefundStatus;

use super::{NUMBER, gateway::Till};
use crate::support::{database::START, till::MCH_ID, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_became_of_refunds_is_found_although_every_notification_is_lost() {
    for version in ["v2", "v3"] {
        let clock = Clock::manual(START);
        let till = Till::open_at(version, clock.clone()).await;
        till.pay.set_notifying(Notifying { by_itself: true, speed: u32::MAX, lost: u32::MAX, ..Notifying::default() });
        till.pay.hold_refunds(true);
        // As the server does by itself from time to time, until the refunds of these numbers are in these states.
        let becomes = async |minutes: u64, states: [&str; 3]| {
            clock.advance(Duration::from_mins(minutes));
            till.app.state.pay.ask_about_open(clock.now_ms()).await.unwrap();
            until("it is found out", async || {
                let refunds = till.get("/refunds").await;
                let found = refunds["items"].as_array().unwrap().iter().map(|refund| refund["state"].clone());
                (found.collect::<Vec<_>>() == states).then_some(())
            })
            .await;
        };
        till.order("JSAPI").await;
        till.pay.pay(MCH_ID, NUMBER).unwrap();
        assert_eq!(till.post("sync", json!({})).await.1["state"], "SUCCESS");
        till.pay.lose_answers(1);
        assert_eq!(till.post("refunds", json!({"out_refund_no": "R1", "refund_fee": 60})).await.0, 504);
        for number in ["R2", "R3"] {
            let (status, refund) = till.post("refunds", json!({"out_refund_no": number, "refund_fee": 20})).await;
            assert_eq!((status, &refund["state"]), (200, &json!("PROCESSING")), "{version} {refund}");
        }
        becomes(1, ["PROCESSING", "PROCESSING", "PROCESSING"]).await;
        for (number, status) in [("R1", RefundStatus::Success), ("R2", RefundStatus::Abnormal)] {
            assert!(till.pay.settle_refund(MCH_ID, number, status));
        }
        becomes(3, ["SUCCESS", "ABNORMAL", "PROCESSING"]).await;
        for (number, status) in [("R2", RefundStatus::Success), ("R3", RefundStatus::Closed)] {
            assert!(till.pay.settle_refund(MCH_ID, number, status));
        }
        becomes(20, ["SUCCESS", "SUCCESS", "CLOSED"]).await;

        let events = till.get("/events").await;
        let events = events["items"].as_array().unwrap();
        let last = events.iter().rfind(|event| event["type"] == "refund.updated").unwrap();
        assert_eq!(last["source"], "query", "{version} {last}");
        let tries = until("WeChat gives up", async || {
            let tries = till.pay.tries();
            let refunds = tries.into_iter().filter(|told| told.kind == "refund").collect::<Vec<_>>();
            (refunds.len() == 4 * 16).then_some(refunds)
        });
        assert!(tries.await.iter().all(|told| told.status.is_none()), "every one is lost");
    }
}
