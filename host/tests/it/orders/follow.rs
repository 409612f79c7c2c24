//! Asking WeChat about open orders and refunds: when, of whom first, and whom not.

use std::time::Duration;

use futures::future::join_all;
use weft::clock::Clock;
use weft::config::PayConfig;
use weft::model::{
    App, AppType, Merchant, Observation, ObservationSource, Order, OrderState, PayVersion, Refund, RefundState,
};
use weft::pay::{Pay, Shop};
use weft::secret::Secret;
use weft::simulator::pay::PayGateway;
use weft::storage::{Store, StoreError};
use weft::upstream::Gateway;
use weft_wechat::pay::v2::SignType;
use weft_wechat::pay::{Fen, RefundStatus, TradeState, TradeType};

use super::merchants::API_KEY;
use super::{CERTIFICATE, NUMBER, PRIVATE_KEY, order};
use crate::support::{
    database::{TestDatabase, on_every_database},
    till::{self, MCH_ID},
};

/// What asks, without a server around it that asks by itself.
struct Desk {
    store: Store,
    pay: Pay,
    wechat: PayGateway,
    clock: Clock,
}

impl Desk {
    async fn open(database: &TestDatabase) -> Self {
        let (store, clock) = (database.open().await, database.clock.clone());
        store.apps().insert(&App::new("shop", AppType::Service, "wx1")).await.unwrap();
        let wechat = till::gateway("v2", "wx1", clock.clone()).await;
        let config = PayConfig { api_base: wechat.base.clone(), ..PayConfig::default() };
        let gateway = Gateway::new(&config, clock.clone()).unwrap();
        let pay = Pay::new(store.clone(), gateway, clock.clone(), "https://example.com");
        let desk = Self { store, pay, wechat, clock };
        desk.merchant("default", API_KEY).await;
        desk
    }

    async fn merchant(&self, name: &str, api_key: &str) {
        let new = Merchant::new("shop", name, MCH_ID, PayVersion::V2);
        let (api_key, sign_type) = (Some(Secret::new(api_key)), SignType::HmacSha256);
        // For refunds.
        let (client_cert, client_key) = (Some(Secret::new(CERTIFICATE)), Some(Secret::new(PRIVATE_KEY)));
        let merchant = Merchant { api_key, sign_type, client_cert, client_key, ..new };
        self.store.merchants().insert(&merchant).await.unwrap();
    }

    /// An open order of a merchant, of which WeChat need not know.
    async fn open_order(&self, merchant: &str, number: &str) {
        let new = order(TradeType::Native);
        let new = Order { merchant: merchant.to_owned(), out_trade_no: number.to_owned(), ..new };
        self.store.orders().insert(&new).await.unwrap();
        let seen = Observation::done(ObservationSource::Prepay, TradeState::Notpay, 1, "prepay");
        self.store.orders().apply("shop", merchant, number, &seen).await.unwrap().unwrap();
    }

    /// An order that WeChat knows.
    async fn prepaid(&self) {
        let new = order(TradeType::Native);
        self.store.orders().insert(&new).await.unwrap();
        let shop = self.pay.shop("shop", "default").await.unwrap().unwrap();
        self.pay.prepay(&shop, &new, None).await.unwrap();
    }

    async fn state(&self, number: &str) -> OrderState {
        self.store.orders().find("shop", "default", number).await.unwrap().unwrap().state
    }

    /// An order that is paid, with its shop.
    async fn paid(&self) -> (Shop, Order) {
        self.prepaid().await;
        self.wechat.pay(MCH_ID, NUMBER).unwrap();
        let shop = self.pay.shop("shop", "default").await.unwrap().unwrap();
        let order = self.pay.query(&shop, &order(TradeType::Native)).await.unwrap();
        assert_eq!(order.state, OrderState::Success);
        (shop, order)
    }

    async fn refund_state(&self, number: &str) -> RefundState {
        self.store.refunds().find("shop", "default", number).await.unwrap().unwrap().state
    }

    /// Asks when the clock is so many seconds on from `began`; gives how many questions WeChat got.
    async fn ask(&self, began: u64, seconds: u64) -> usize {
        self.clock.advance(Duration::from_secs(began + seconds - self.clock.now()));
        let before = self.questions();
        self.pay.ask_about_open(self.clock.now_ms()).await.unwrap();
        self.questions() - before
    }

    fn questions(&self) -> usize {
        let is_question = |target: &str| matches!(target, "/pay/orderquery" | "/pay/refundquery");
        self.wechat.calls().iter().filter(|call| is_question(&call.target)).count()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_asked_about_at_growing_intervals_and_when_its_time_is_over() {
    on_every_database(async |database| {
        let desk = Desk::open(&database).await;
        desk.prepaid().await;
        let began = desk.clock.now();
        let mut asked_at = Vec::new();
        for half_minutes in 0..300 {
            if desk.ask(began, half_minutes * 30).await > 0 {
                asked_at.push(half_minutes * 30);
            }
        }
        // Half a minute after the prepay, then 2 and 10 minutes and an hour later, and when the two hours are over.
        assert_eq!(asked_at, [30, 150, 750, 4350, 7530]);
        assert_eq!(desk.state(NUMBER).await, OrderState::Closed);
        desk.store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merchant_without_an_answer_holds_up_nobody_else() {
    on_every_database(async |database| {
        let desk = Desk::open(&database).await;
        desk.merchant("wrong", "00000000000000000000000000000000").await;
        for number in 0..250 {
            desk.open_order("wrong", &format!("W2026{number:06}")).await;
        }
        desk.clock.advance(Duration::from_secs(5));
        // All of the others are longer due.
        desk.prepaid().await;
        desk.wechat.pay(MCH_ID, NUMBER).unwrap();
        let began = desk.clock.now();
        let asked = desk.ask(began, 60).await;
        assert_eq!(desk.state(NUMBER).await, OrderState::Success);
        assert!(asked <= 5, "the wrong one is not asked about 250 times: {asked}");
        assert_eq!(desk.ask(began, 89).await, 0, "it is left alone for half a minute");
        let again = desk.ask(began, 91).await;
        assert!((1..=4).contains(&again), "{again}");
        assert_eq!(desk.ask(began, 150).await, 0, "and then for a minute");

        // With the right key it answers again, and every order has its turn.
        let right = |merchant: &mut Merchant| -> Result<(), StoreError> {
            merchant.api_key = Some(Secret::new(API_KEY));
            Ok(())
        };
        desk.store.merchants().change("shop", "wrong", right).await.unwrap();
        let mut asked = 0;
        for round in 0..8 {
            asked += desk.ask(began, 300 + round).await;
        }
        assert_eq!(asked, 250);
        desk.store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_that_ask_at_once_one_asks_about_an_order() {
    on_every_database(async |database| {
        let desk = Desk::open(&database).await;
        for number in 0..40 {
            desk.open_order("default", &format!("T2026{number:06}")).await;
        }
        desk.clock.advance(Duration::from_mins(1));
        let now = desk.clock.now_ms();
        join_all((0..4).map(|_| desk.pay.ask_about_open(now))).await;
        assert_eq!(desk.questions(), 40);
        // WeChat does not know them: that is no reason to think that they are paid.
        assert_eq!(desk.state("T2026000000").await, OrderState::Notpay);
        desk.store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_is_asked_about_at_growing_intervals_until_it_is_done_or_a_year_is_over() {
    on_every_database(async |database| {
        const DAY: u64 = 24 * 3600;
        let desk = Desk::open(&database).await;
        let (shop, order) = desk.paid().await;
        desk.wechat.hold_refunds(true);
        let began = desk.clock.now();
        for number in ["R1", "R2"] {
            desk.pay.refund(&shop, &order, number, Fen(1), None).await.unwrap();
        }
        let mut asked_at = Vec::new();
        for half_minutes in 0..200 {
            match desk.ask(began, half_minutes * 30).await {
                0 => {}
                asked => asked_at.push((half_minutes * 30, asked)),
            }
        }
        // Half a minute after it was sent, then 2 and 10 minutes and an hour later; the order is paid.
        assert_eq!(asked_at, [(30, 2), (150, 2), (750, 2), (4350, 2)]);
        assert_eq!(desk.refund_state("R1").await, RefundState::Processing);

        // A card that cannot take it is a change, and the money may still arrive.
        assert!(desk.wechat.settle_refund(MCH_ID, "R1", RefundStatus::Abnormal));
        assert!(desk.wechat.settle_refund(MCH_ID, "R2", RefundStatus::Success));
        assert_eq!(desk.ask(began, DAY).await, 2);
        assert_eq!(desk.refund_state("R1").await, RefundState::Abnormal);
        assert_eq!(desk.refund_state("R2").await, RefundState::Success);
        assert_eq!(desk.ask(began, DAY + 30).await, 1, "the one that is not done");
        assert_eq!(desk.ask(began, 366 * DAY).await, 1);
        assert_eq!(desk.ask(began, 400 * DAY).await, 0, "WeChat gives back what was paid within a year");
        desk.store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_that_wechat_does_not_know_stays_new_and_holds_up_no_merchant() {
    on_every_database(async |database| {
        let desk = Desk::open(&database).await;
        let (_, order) = desk.paid().await;
        for number in 0..5 {
            let refund = Refund::new(&format!("R{number}"), NUMBER, Fen(1), None);
            desk.store.refunds().insert(&order, &refund).await.unwrap();
        }
        let began = desk.clock.now();
        assert_eq!(desk.ask(began, 30).await, 5);
        assert_eq!(desk.ask(began, 60).await, 0);
        assert_eq!(desk.ask(began, 150).await, 5, "the merchant is not left alone");
        assert_eq!(desk.refund_state("R0").await, RefundState::New);
        desk.store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_that_ask_at_once_one_asks_about_a_refund() {
    on_every_database(async |database| {
        let desk = Desk::open(&database).await;
        let (shop, order) = desk.paid().await;
        desk.wechat.hold_refunds(true);
        for number in 0..40 {
            desk.pay.refund(&shop, &order, &format!("R{number}"), Fen(1), None).await.unwrap();
            assert!(desk.wechat.settle_refund(MCH_ID, &format!("R{number}"), RefundStatus::Success));
        }
        desk.clock.advance(Duration::from_mins(1));
        let (now, before) = (desk.clock.now_ms(), desk.questions());
        join_all((0..4).map(|_| desk.pay.ask_about_open(now))).await;
        assert_eq!(desk.questions() - before, 40);
        for number in 0..40 {
            assert_eq!(desk.refund_state(&format!("R{number}")).await, RefundState::Success);
        }
        desk.store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_ahead_and_back_makes_no_order_wait() {
    on_every_database(async |database| {
        const HOUR: u64 = 3_600_000;
        let desk = Desk::open(&database).await;
        desk.prepaid().await;
        let now = desk.clock.now_ms();
        let ask = async |at: u64| desk.pay.ask_about_open(at).await.unwrap();
        // An hour ahead it is asked about, and would be again in two minutes of that clock.
        assert_eq!(ask(now + HOUR).await, 1);
        assert_eq!(desk.state(NUMBER).await, OrderState::Notpay, "its time is not over, and it is not closed");
        desk.wechat.pay(MCH_ID, NUMBER).unwrap();
        assert_eq!(ask(now + 40_000).await, 1, "the clock was set right");
        assert_eq!(desk.state(NUMBER).await, OrderState::Success);
        assert_eq!(ask(now - HOUR).await, 0, "nothing is open");
        desk.store.close().await;
    })
    .await;
}
