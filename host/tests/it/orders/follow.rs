//! Asking WeChat about open orders: when, of whom first, and whom not.

use futures::future::join_all;
use weft::clock::Clock;
use weft::model::{Merchant, Observation, ObservationSource, Order, OrderState, PayVersion};
use weft::secret::Secret;
use weft_wechat::pay::v2::SignType;
use weft_wechat::pay::{TradeState, TradeType};

use super::gateway::Till;
use super::merchants::API_KEY;
use super::{NUMBER, order};
use crate::support::{database::START, till::MCH_ID};

const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;

/// An open order of a merchant, which WeChat need not know.
async fn open_order(till: &Till, merchant: &str, out_trade_no: &str) {
    let orders = till.app.state.store.orders();
    let new =
        Order { merchant: merchant.to_owned(), out_trade_no: out_trade_no.to_owned(), ..order(TradeType::Native) };
    orders.insert(&new).await.unwrap();
    let seen = Observation::done(ObservationSource::Prepay, TradeState::Notpay, new.created_at * 1000, "prepay");
    orders.apply("shop", merchant, out_trade_no, &seen).await.unwrap().unwrap();
}

/// How often WeChat was asked about orders.
fn questions(till: &Till) -> usize {
    till.pay.calls().iter().filter(|call| call.target == "/pay/orderquery").count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_asked_about_at_growing_intervals_and_when_its_time_is_over() {
    let till = Till::open_at("v2", Clock::manual(START)).await;
    till.order("JSAPI").await;
    let now = till.app.state.clock.now_ms();
    let mut asked_at = Vec::new();
    for half_minutes in 0..300 {
        let before = questions(&till);
        till.app.state.pay.ask_about_open(now + half_minutes * MINUTE / 2 + SECOND).await.unwrap();
        if questions(&till) > before {
            asked_at.push(half_minutes * 30);
        }
    }
    // Half a minute after the prepay, then 2 and 10 minutes and an hour later, and five minutes after the two hours.
    assert_eq!(asked_at, [30, 150, 750, 4350, 7500]);
    assert_eq!(till.state().await, "CLOSED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merchant_without_an_answer_holds_up_nobody_else() {
    let till = Till::open_at("v2", Clock::manual(START)).await;
    let store = &till.app.state.store;
    for number in 0..250 {
        // Longer due than the good one.
        let (name, number) = ("wrong", format!("W2026{number:06}"));
        if number == "W2026000000" {
            let wrong = Merchant::new("shop", name, MCH_ID, PayVersion::V2);
            let key = Some(Secret::new("00000000000000000000000000000000"));
            let sign_type = SignType::HmacSha256;
            store.merchants().insert(&Merchant { api_key: key, sign_type, ..wrong }).await.unwrap();
        }
        open_order(&till, name, &number).await;
    }
    till.order("JSAPI").await;
    till.pay.pay(MCH_ID, NUMBER).unwrap();
    let now = till.app.state.clock.now_ms();
    let ask = async |after: u64| {
        let before = questions(&till);
        till.app.state.pay.ask_about_open(now + after).await.unwrap();
        questions(&till) - before
    };
    let asked = ask(MINUTE).await;
    assert_eq!(till.state().await, "SUCCESS");
    assert!(asked <= 5, "the wrong one is not asked about 250 times: {asked}");
    assert_eq!(ask(MINUTE + 29 * SECOND).await, 0, "it is left alone for half a minute");
    let again = ask(MINUTE + 31 * SECOND).await;
    assert!((1..=4).contains(&again), "{again}");
    assert_eq!(ask(MINUTE + 90 * SECOND).await, 0, "and then for a minute");

    // With the right key it answers again, and every order has its turn.
    let right = |merchant: &mut Merchant| -> Result<(), weft::storage::StoreError> {
        merchant.api_key = Some(Secret::new(API_KEY));
        Ok(())
    };
    store.merchants().change("shop", "wrong", right).await.unwrap();
    let mut asked = 0;
    for round in 0..8 {
        asked += ask(5 * MINUTE + round * SECOND).await;
    }
    assert_eq!(asked, 250);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_that_ask_at_once_one_asks_about_an_order() {
    let till = Till::open_at("v2", Clock::manual(START)).await;
    for number in 0..40 {
        open_order(&till, "default", &format!("T2026{number:06}")).await;
    }
    let later = till.app.state.clock.now_ms() + MINUTE;
    join_all((0..4).map(|_| till.app.state.pay.ask_about_open(later))).await;
    assert_eq!(questions(&till), 40);
    // WeChat does not know them: that is no reason to think that they are paid.
    let order = till.app.state.store.orders().find("shop", "default", "T2026000000").await.unwrap().unwrap();
    assert_eq!(order.state, OrderState::Notpay);
}
