//! Open orders: who asks WeChat about which, and when.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::join_all;
use weft::model::{Merchant, Observation, ObservationSource, Order, PayVersion};
use weft::storage::{Question, Store};
use weft_wechat::pay::{TradeState, TradeType};

use super::orders::open;
use crate::orders::order;
use crate::support::database::on_every_database;

/// Orders that wait for a payment, all of which are due half a minute from now.
async fn waiting(store: &Store, merchant: &str, count: u32) {
    for number in 0..count {
        let out_trade_no = format!("T2026010{number:04}");
        let new = Order { merchant: merchant.to_owned(), out_trade_no, ..order(TradeType::Native) };
        store.orders().insert(&new).await.unwrap();
        see(store, &new, TradeState::Notpay).await;
    }
}

async fn see(store: &Store, order: &Order, state: TradeState) {
    let seen = Observation::done(ObservationSource::Query, state, order.seen_at_ms + 1, "query");
    let Order { app, merchant, out_trade_no, .. } = order;
    store.orders().apply(app, merchant, out_trade_no, &seen).await.unwrap().unwrap();
}

fn of<'a>(taken: &'a [Question], merchant: &str) -> Vec<&'a str> {
    taken.iter().filter(|taken| taken.merchant == merchant).map(|taken| &*taken.out_trade_no).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_share_what_is_due() {
    on_every_database(async |database| {
        let store = database.open().await;
        let other = database.open().await;
        open(&store).await;
        waiting(&store, "default", 60).await;
        database.clock.advance(Duration::from_secs(31));
        let now = database.clock.now_ms();
        let takers = [&store, &other].into_iter().cycle().take(12);
        let taken =
            join_all(takers.map(async |store| store.questions().take_due(now, now + 120_000, 10, 10).await.unwrap()));
        let taken: Vec<_> = taken.await.into_iter().flatten().collect();
        let numbers: BTreeSet<_> = taken.iter().map(|taken| &taken.out_trade_no).collect();
        assert_eq!(numbers.len(), taken.len(), "none twice");
        // Who is always late comes again.
        let rest = store.questions().take_due(now, now + 120_000, 100, 100).await.unwrap();
        assert_eq!(taken.len() + rest.len(), 60);
        // A process that dies gives nothing back: its orders are taken when the time is over.
        database.clock.advance(Duration::from_secs(121));
        let now = database.clock.now_ms();
        assert_eq!(other.questions().take_due(now, now + 120_000, 100, 100).await.unwrap().len(), 60);
        other.close().await;
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn merchants_have_their_turns_and_those_that_are_paused_have_none() {
    on_every_database(async |database| {
        let store = database.open().await;
        open(&store).await;
        store.merchants().insert(&Merchant::new("shop", "second", "1900000110", PayVersion::V3)).await.unwrap();
        waiting(&store, "default", 20).await;
        database.clock.advance(Duration::from_secs(1));
        waiting(&store, "second", 2).await;
        database.clock.advance(Duration::from_secs(40));
        let now = database.clock.now_ms();
        let take = async |now: u64| store.questions().take_due(now, now + 120_000, 4, 5).await.unwrap();
        let taken = take(now).await;
        assert_eq!(of(&taken, "default").len(), 3);
        assert_eq!(of(&taken, "second").len(), 2, "although all of the first are longer due");

        // Half a minute, a minute, … a quarter of an hour.
        let mut now = now;
        for pause in [30, 60, 120, 300, 900, 900] {
            store.merchant_pauses().lengthen("shop", "default", now).await.unwrap();
            now += pause * 1000;
            assert_eq!(of(&take(now - 1).await, "default"), [""; 0], "{pause}");
            let taken = take(now).await;
            assert!(
                !of(&taken, "default").is_empty()
                    && taken.iter().all(|taken| { taken.is_failing == (taken.merchant == "default") })
            );
            let back: Vec<_> = taken.into_iter().map(|taken| (taken, 0, 0)).collect();
            store.questions().give_back(back).await.unwrap();
        }
        store.merchant_pauses().end("shop", "default").await.unwrap();
        assert!(take(now).await.iter().all(|taken| !taken.is_failing));
        store.merchant_pauses().lengthen("shop", "nobody", now).await.unwrap();
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_given_back_is_due_at_its_time_unless_the_order_changed() {
    on_every_database(async |database| {
        let store = database.open().await;
        open(&store).await;
        waiting(&store, "default", 1).await;
        let take = async |now: u64| store.questions().take_due(now, now + 120_000, 9, 9).await.unwrap();
        let now = database.clock.now_ms();
        assert_eq!(take(now + 29_999).await, []);
        let taken = take(now + 30_000).await.remove(0);
        assert_eq!(taken.asks, 0);
        store.questions().give_back(vec![(taken.clone(), 3, now + 600_000)]).await.unwrap();
        assert_eq!(take(now + 599_999).await, []);
        let again = take(now + 600_000).await.remove(0);
        assert_eq!(again.asks, 3);
        // What was taken long ago is not given back once more.
        store.questions().give_back(vec![(taken, 9, now)]).await.unwrap();
        assert_eq!(take(now + 600_001).await, []);
        let order = store.orders().find("shop", "default", &again.out_trade_no).await.unwrap().unwrap();
        see(&store, &order, TradeState::Userpaying).await;
        store.questions().give_back(vec![(again, 4, now + 9_999_999)]).await.unwrap();
        let changed = take(now + 30_000).await.remove(0);
        assert_eq!(changed.asks, 0, "it is asked about anew");

        // A clock that was an hour ahead, and is set right, makes no order wait for an hour.
        store.questions().give_back(vec![(changed, 1, now + 60_000)]).await.unwrap();
        let ahead = take(now + 3_600_000).await.remove(0);
        store.questions().give_back(vec![(ahead, 2, now + 7_200_000)]).await.unwrap();
        assert_eq!(take(now + 61_000).await.len(), 1);
        assert_eq!(take(now + 62_000).await, [], "once");
        store.close().await;
    })
    .await;
}
