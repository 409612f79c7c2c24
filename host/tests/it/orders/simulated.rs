//! What the simulated WeChat Pay knows of money, as tests of others rely on it.

use reqwest::Method;
use serde_json::json;
use weft::clock::Clock;
use weft_wechat::pay::{Fen, RefundStatus};

use super::{NUMBER, merchants::MERCHANTS, party};
use crate::support::{
    TestApp,
    till::{self, MCH_ID},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_payment_has_its_own_number() {
    let pay = till::gateway("v3", "wx1", Clock::system()).await;
    let app = TestApp::start_with(|config| config.pay.api_base.clone_from(&pay.base)).await;
    till::create(&app, till::merchant("v3")).await;
    let orders = format!("{MERCHANTS}/default/orders");
    for number in ["T2026A", "T2026B"] {
        let new = json!({"out_trade_no": number, "body": "一个梨", "total_fee": 101, "trade_type": "NATIVE"});
        assert_eq!(app.api(Method::POST, &orders, Some(new)).await.0, 201);
        assert_eq!(app.api(Method::POST, &format!("{orders}/{number}/prepay"), Some(json!({}))).await.0, 200);
    }
    let paid = |number| pay.pay(MCH_ID, number).unwrap().transaction_id.unwrap();
    assert_ne!(paid("T2026A"), paid("T2026B"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_closed_refund_did_not_give_back_another_may() {
    let pay = till::gateway("v3", "wx1", Clock::system()).await;
    pay.pay_elsewhere(party(), NUMBER, Fen(101));
    pay.hold_refunds(true);
    assert!(pay.refund_elsewhere(MCH_ID, NUMBER, "R1", Fen(101)).is_some());
    assert!(pay.refund_elsewhere(MCH_ID, NUMBER, "R2", Fen(1)).is_none(), "all is on its way back");
    assert!(pay.settle_refund(MCH_ID, "R1", RefundStatus::Closed));
    assert_eq!(pay.refunded(MCH_ID, NUMBER), 0);
    assert!(pay.refund_elsewhere(MCH_ID, NUMBER, "R2", Fen(101)).is_some());
}
