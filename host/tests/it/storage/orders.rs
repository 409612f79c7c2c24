//! Tables `orders`, `order_events`, `order_alarms` and `refunds`.

use std::time::Duration;

use futures::future::join_all;
use futures::{StreamExt, stream};
use weft::config::DatabaseUrl;
use weft::model::{Merchant, Observation, ObservationSource, Order, OrderState, PayVersion, Refund, RefundState};
use weft::storage::{OrderFilter, RefundCreation, Store, StoreError};
use weft_wechat::pay::{self, Fen, RefundStatus, TradeState, TradeType};

use super::add_app;
use crate::orders::{NUMBER, order, told};
use crate::support::database::{START, on_every_database, on_postgres};

pub(super) async fn open(store: &Store) {
    add_app(store, "shop").await;
    store.merchants().insert(&Merchant::new("shop", "default", "1900000109", PayVersion::V3)).await.unwrap();
}

fn seen(source: ObservationSource, state: TradeState, at: u64) -> Observation {
    Observation::told(source, told(state), at, "EV-1")
}

async fn apply(store: &Store, seen: &Observation) -> Order {
    store.orders().apply("shop", "default", NUMBER, seen).await.unwrap().unwrap().order
}

#[tokio::test]
async fn new_orders_have_room_beside_others_that_are_paid_of_another_app_or_older_than_a_week() {
    on_every_database(async |database| {
        let store = database.open().await;
        open(&store).await;
        add_app(&store, "blog").await;
        store.merchants().insert(&Merchant::new("blog", "default", "1900000109", PayVersion::V3)).await.unwrap();
        let insert = async |app: &str, number: &str| {
            let (app, out_trade_no) = (app.to_owned(), number.to_owned());
            let new = Order { app, out_trade_no, created_at: database.clock.now(), ..order(TradeType::Jsapi) };
            store.orders().insert_within(&new, Some(2)).await.unwrap()
        };
        assert!(insert("blog", "T1").await);
        assert!(insert("shop", NUMBER).await);
        assert!(insert("shop", "T2").await);
        assert!(!insert("shop", "T3").await);
        assert_eq!(store.orders().find("shop", "default", "T3").await.unwrap(), None);
        apply(&store, &seen(ObservationSource::Query, TradeState::Success, 1)).await;
        assert!(insert("shop", "T3").await);
        assert!(!insert("shop", "T4").await);
        database.clock.advance(Duration::from_hours(7 * 24));
        assert!(insert("shop", "T4").await);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn an_order_and_its_events_are_stored_together() {
    on_every_database(async |database| {
        let store = database.open().await;
        let orders = store.orders();
        let error = orders.insert(&order(TradeType::Jsapi)).await.unwrap_err();
        assert!(matches!(error, StoreError::NotFound { kind: "merchant", .. }), "{error:?}");
        open(&store).await;
        let new = order(TradeType::Jsapi);
        orders.insert(&new).await.unwrap();
        assert!(matches!(orders.insert(&new).await, Err(StoreError::AlreadyExists { kind: "an order", .. })));
        assert_eq!(orders.find("shop", "default", NUMBER).await.unwrap(), Some(new.clone()));
        assert_eq!(orders.find("shop", "default", "T\0").await.unwrap(), None);
        let paid = seen(ObservationSource::Query, TradeState::Success, 1);
        let nobody = orders.apply("shop", "default", "T2026010100000x", &paid);
        assert!(nobody.await.unwrap().is_none());

        database.clock.advance(Duration::from_secs(7));
        let refund = apply(&store, &seen(ObservationSource::Query, TradeState::Refund, 5)).await;
        assert_eq!((refund.state, refund.version, refund.updated_at), (OrderState::Refund, 2, START + 7));
        assert_eq!(refund.openid.as_deref(), Some("oPAID"));
        assert_eq!(orders.find("shop", "default", NUMBER).await.unwrap(), Some(refund.clone()));
        // The same again, late ones and strange ones write no event.
        for (source, state) in [
            (ObservationSource::Notify, TradeState::Success),
            (ObservationSource::Query, TradeState::Refund),
            (ObservationSource::Query, TradeState::Notpay),
            (ObservationSource::Query, TradeState::Closed),
        ] {
            assert_eq!(apply(&store, &seen(source, state, 9)).await, refund);
        }
        let mut other = told(TradeState::Success);
        other.transaction_id = Some("42002".into());
        for _ in 0..3 {
            apply(&store, &Observation::told(ObservationSource::Notify, other.clone(), 9, "EV-2")).await;
        }
        let events = orders.events(&refund, None, 10).await.unwrap();
        let shown: Vec<_> = events.iter().map(|event| (event.version, event.previous_state, event.state)).collect();
        assert_eq!(shown, [(1, OrderState::New, OrderState::Success), (2, OrderState::Success, OrderState::Refund)]);
        assert!(events[0].id < events[1].id);
        assert_eq!((&*events[0].source, &*events[0].reference), ("query", "EV-1"));
        assert!(events[0].deliveries.iter().all(|delivery| delivery.state == "pending"));
        assert_eq!(events[0].created_at_ms, (START + 7) * 1000);
        assert_eq!(orders.events(&refund, Some(1), 10).await.unwrap(), events[1..]);
        assert!(orders.redeliver(&refund, &events[1].id, None).await.unwrap());
        assert!(!orders.redeliver(&refund, "nothing", None).await.unwrap());
        let alarms = orders.alarms(&refund).await.unwrap();
        let shown: Vec<_> = alarms.iter().map(|alarm| (&*alarm.kind, &*alarm.detail)).collect();
        assert_eq!(shown, [("closed_after_paid", ""), ("other_transaction", "42002")]);

        let error = store.apps().delete("shop").await.unwrap_err();
        assert!(matches!(error, StoreError::HasOrders { count: 1, .. }), "{error:?}");
        assert_eq!(orders.find("shop", "default", NUMBER).await.unwrap(), Some(refund));
        assert!(store.apps().delete_with_orders("shop").await.unwrap());
        open(&store).await;
        assert_eq!(orders.find("shop", "default", NUMBER).await.unwrap(), None);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn orders_are_listed_newest_first() {
    on_every_database(async |database| {
        let store = database.open().await;
        open(&store).await;
        for number in 0..5_u64 {
            let order = order(TradeType::Jsapi);
            let out_trade_no = format!("T2026010{number}");
            let openid = Some(format!("o{}", number % 2));
            let order = Order { out_trade_no, openid, created_at: START + number / 2, ..order };
            store.orders().insert(&order).await.unwrap();
        }
        let list = async |filter: &OrderFilter, after: Option<(u64, &str)>, limit| {
            let orders = store.orders().list("shop", "default", filter, after, limit).await.unwrap();
            orders.into_iter().map(|order| order.out_trade_no).collect::<Vec<_>>()
        };
        let all = OrderFilter::default();
        assert_eq!(list(&all, None, 3).await, ["T20260104", "T20260103", "T20260102"]);
        assert_eq!(list(&all, Some((START + 1, "T20260103")), 3).await, ["T20260102", "T20260101", "T20260100"]);
        let one = OrderFilter { openid: Some("o1".into()), state: Some(OrderState::New) };
        assert_eq!(list(&one, None, 9).await, ["T20260103", "T20260101"]);
        assert_eq!(list(&OrderFilter { state: Some(OrderState::Success), ..all }, None, 9).await, [""; 0]);
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_observations_in_two_processes_make_each_version_once() {
    on_every_database(async |database| {
        // Two stores share nothing but the database, as two processes do.
        let stores = [database.open().await, database.open().await];
        open(&stores[0]).await;
        stores[0].orders().insert(&order(TradeType::Jsapi)).await.unwrap();
        let count: u64 = if stores[0].is_shared() { 10_000 } else { 2_000 };
        let observing = (0..count).map(|number| {
            let store = stores[usize::try_from(number % 2).unwrap()].clone();
            let state = match number % 7 {
                0 | 1 => TradeState::Notpay,
                2 => TradeState::Userpaying,
                3 => TradeState::Refund,
                _ => TradeState::Success,
            };
            let source = if number % 3 == 0 { ObservationSource::Query } else { ObservationSource::Notify };
            tokio::spawn(async move {
                let seen = seen(source, state, number);
                store.orders().apply("shop", "default", NUMBER, &seen).await.unwrap().unwrap().steps.len()
            })
        });
        // As many at once as get a connection in time.
        let steps: Vec<usize> = stream::iter(observing).buffer_unordered(64).map(Result::unwrap).collect().await;
        let steps: usize = steps.into_iter().sum();
        let order = stores[1].orders().find("shop", "default", NUMBER).await.unwrap().unwrap();
        assert_eq!(order.state, OrderState::Refund);
        assert_eq!(order.version, u64::try_from(steps).unwrap(), "every step was won once");
        let events = stores[0].orders().events(&order, None, 20_000).await.unwrap();
        let versions: Vec<_> = events.iter().map(|event| event.version).collect();
        assert_eq!(versions, (1..=order.version).collect::<Vec<_>>());
        for pair in events.windows(2) {
            assert_eq!(pair[0].state, pair[1].previous_state);
        }
        assert_eq!(stores[0].orders().alarms(&order).await.unwrap(), []);
        for store in stores {
            store.close().await;
        }
    })
    .await;
}

/// A database may be set to serialize all transactions: then it refuses those that meet.
#[tokio::test(flavor = "multi_thread")]
async fn transactions_that_the_database_refuses_are_made_again() {
    on_postgres(async |mut database| {
        let DatabaseUrl::Postgres(url) = &database.url else { panic!("no PostgreSQL") };
        let serialized = format!("{}%20-cdefault_transaction_isolation%3Dserializable", url.expose());
        database.url = serialized.parse().unwrap();
        let store = database.open().await;
        open(&store).await;
        store.orders().insert(&order(TradeType::Jsapi)).await.unwrap();
        let observing = (0..100).map(async |number| {
            let state = if number % 2 == 0 { TradeState::Success } else { TradeState::Notpay };
            let seen = seen(ObservationSource::Notify, state, number);
            store.orders().apply("shop", "default", NUMBER, &seen).await.unwrap().unwrap().steps.len()
        });
        let steps: usize = join_all(observing).await.into_iter().sum();
        let order = store.orders().find("shop", "default", NUMBER).await.unwrap().unwrap();
        assert_eq!((order.state, order.version), (OrderState::Success, u64::try_from(steps).unwrap()));
        store.close().await;
    })
    .await;
}

fn refund(number: &str, fee: u64) -> Refund {
    Refund::new(number, NUMBER, Fen(fee), None)
}

fn refund_told(number: &str, fee: u64, status: RefundStatus) -> pay::Refund {
    pay::Refund {
        out_refund_no: number.into(),
        refund_id: Some("503".into()),
        out_trade_no: Some(NUMBER.into()),
        transaction_id: None,
        status,
        refund: Fen(fee),
        total: Some(Fen(101)),
        success_at: (status == RefundStatus::Success).then_some(START),
        received_account: None,
    }
}

#[tokio::test]
async fn refunds_never_sum_up_to_more_than_was_paid() {
    on_every_database(async |database| {
        let stores = [database.open().await, database.open().await];
        open(&stores[0]).await;
        let new = order(TradeType::Jsapi);
        stores[0].orders().insert(&new).await.unwrap();
        let unpaid = stores[0].refunds().insert(&new, &refund("R0", 1)).await.unwrap();
        assert!(matches!(unpaid, RefundCreation::Invalid(_)), "{unpaid:?}");
        let paid = apply(&stores[0], &seen(ObservationSource::Query, TradeState::Success, 1)).await;
        let asking = (0..20).map(|number| {
            let (store, paid) = (stores[number % 2].clone(), paid.clone());
            tokio::spawn(
                async move { store.refunds().insert(&paid, &refund(&format!("R{number}"), 10)).await.unwrap() },
            )
        });
        let outcomes: Vec<_> = join_all(asking.collect::<Vec<_>>()).await.into_iter().map(Result::unwrap).collect();
        let created = outcomes.iter().filter(|outcome| matches!(outcome, RefundCreation::Created(_))).count();
        assert_eq!(created, 10, "{outcomes:?}");
        let refunds = stores[1].refunds();
        let all = refunds.of_order(&paid).await.unwrap();
        assert_eq!(all.len(), 10);

        // The same again is the same, and another content is none.
        let first = &*all[0].out_refund_no;
        let known = refunds.insert(&paid, &refund(first, 10)).await.unwrap();
        assert!(matches!(known, RefundCreation::Known(_)), "{known:?}");
        assert_eq!(refunds.insert(&paid, &refund(first, 11)).await.unwrap(), RefundCreation::Conflict);

        // What WeChat tells moves it forward; what does not fit, or is late, does not.
        let apply =
            async |told: &pay::Refund| refunds.apply(&paid, told, ObservationSource::Refund, "a refund").await.unwrap();
        let state = async |told: pay::Refund| apply(&told).await.unwrap().state;
        assert_eq!(state(refund_told(first, 11, RefundStatus::Success)).await, RefundState::New);
        assert_eq!(state(refund_told(first, 10, RefundStatus::Processing)).await, RefundState::Processing);
        assert_eq!(state(refund_told(first, 10, RefundStatus::Abnormal)).await, RefundState::Abnormal);
        assert_eq!(state(refund_told(first, 10, RefundStatus::Processing)).await, RefundState::Abnormal);
        assert_eq!(state(refund_told(first, 10, RefundStatus::Success)).await, RefundState::Success);
        assert_eq!(state(refund_told(first, 10, RefundStatus::Closed)).await, RefundState::Success);
        assert!(apply(&refund_told("R99", 1, RefundStatus::Success)).await.is_none());
        assert_eq!(refunds.find("shop", "default", first).await.unwrap().unwrap().success_at, Some(START));

        // What came to nothing may be given back by another refund.
        let second = &*all[1].out_refund_no;
        assert_eq!(state(refund_told(second, 10, RefundStatus::Closed)).await, RefundState::Closed);
        let again = refunds.insert(&paid, &refund("R50", 11)).await.unwrap();
        assert!(matches!(again, RefundCreation::Created(_)), "{again:?}");
        for store in stores {
            store.close().await;
        }
    })
    .await;
}

#[tokio::test]
async fn an_order_that_was_taken_back_is_not_refunded_by_who_read_it_before() {
    on_every_database(async |database| {
        let store = database.open().await;
        open(&store).await;
        let new = order(TradeType::Micropay);
        store.orders().insert(&new).await.unwrap();
        let paid = apply(&store, &seen(ObservationSource::Query, TradeState::Success, 1)).await;
        let first = store.refunds().insert(&new, &refund("R1", 1)).await.unwrap();
        assert!(matches!(first, RefundCreation::Created(_)), "it was paid since it was read: {first:?}");
        let revoked = apply(&store, &seen(ObservationSource::Reverse, TradeState::Revoked, 2)).await;
        assert_eq!((paid.state, revoked.state), (OrderState::Success, OrderState::Revoked));
        let late = store.refunds().insert(&paid, &refund("R2", 1)).await.unwrap();
        assert!(matches!(late, RefundCreation::Invalid(_)), "{late:?}");
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_number_of_a_refund_is_taken_by_one_order() {
    on_every_database(async |database| {
        let store = database.open().await;
        open(&store).await;
        let mut asking = Vec::new();
        for number in 0..8 {
            let mut paid = Order { out_trade_no: format!("T{number}"), ..order(TradeType::Jsapi) };
            paid.state = OrderState::Success;
            store.orders().insert(&paid).await.unwrap();
            let (store, wanted) = (store.clone(), Refund::new("R1", &paid.out_trade_no, Fen(1), None));
            asking.push(async move { store.refunds().insert(&paid, &wanted).await.unwrap() });
        }
        let outcomes = join_all(asking).await;
        let refused = outcomes.iter().filter(|outcome| **outcome == RefundCreation::Conflict).count();
        assert_eq!((refused, outcomes.len()), (7, 8), "{outcomes:?}");
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn each_call_for_a_refund_keeps_it_from_being_given_up_for_a_day() {
    on_every_database(async |database| {
        let store = database.open().await;
        open(&store).await;
        store.orders().insert(&order(TradeType::Jsapi)).await.unwrap();
        let paid = apply(&store, &seen(ObservationSource::Query, TradeState::Success, 1)).await;
        let refunds = store.refunds();
        refunds.insert(&paid, &refund("R1", 60)).await.unwrap();
        let given_up = async || refunds.give_up(&paid, "R1").await.unwrap().unwrap().state;
        for _ in 0..2 {
            assert!(refunds.call(&paid, "R1").await.unwrap());
            database.clock.advance(Duration::from_hours(24) - Duration::from_secs(1));
            assert_eq!(given_up().await, RefundState::New);
        }
        database.clock.advance(Duration::from_secs(1));
        assert_eq!(given_up().await, RefundState::Closed);
        store.close().await;
    })
    .await;
}
