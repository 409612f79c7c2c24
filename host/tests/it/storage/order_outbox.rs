//! The outbox of orders' events: what is due, whose turn it is, and what came of it.

use std::time::Duration;

use weft::model::{Observation, ObservationSource, OrderState};
use weft::storage::{DueEvent, HookOutcome, Store};
use weft_wechat::pay::{TradeState, TradeType};

use super::orders::open;
use crate::orders::{NUMBER, order, told};
use crate::support::database::on_every_database;

async fn see(store: &Store, state: TradeState, at: u64) {
    let seen = Observation::told(ObservationSource::Notify, told(state), at, "EV");
    store.orders().apply("shop", "default", NUMBER, &seen).await.unwrap().unwrap();
}

async fn due(store: &Store) -> Vec<DueEvent> {
    store.orders().due_events(10, 10).await.unwrap()
}

#[tokio::test]
async fn the_changes_of_an_order_are_due_one_after_the_other_as_the_order_was_then() {
    on_every_database(async |database| {
        let store = database.open().await;
        open(&store).await;
        store.orders().insert(&order(TradeType::Jsapi)).await.unwrap();
        see(&store, TradeState::Notpay, 1).await;
        see(&store, TradeState::Success, 2).await;
        let first = due(&store).await;
        assert_eq!(first.len(), 1);
        assert_eq!((first[0].previous_state, first[0].order.state), (OrderState::New, OrderState::Notpay));
        assert_eq!((first[0].order.version, &first[0].order.transaction_id), (1, &None));

        let now = database.clock.now_ms();
        assert!(store.orders().take_event(&first[0], now + 40_000).await.unwrap());
        assert!(!store.orders().take_event(&first[0], now + 40_000).await.unwrap(), "somebody else has");
        assert_eq!(due(&store).await, [], "the second waits for the first");
        // Who took it on has died.
        database.clock.advance(Duration::from_secs(41));
        let again = due(&store).await;
        assert_eq!((again[0].id.as_str(), again[0].attempts), (first[0].id.as_str(), 1));
        assert!(store.orders().take_event(&again[0], database.clock.now_ms() + 40_000).await.unwrap());
        store.orders().settle_event(&again[0], HookOutcome::Delivered).await.unwrap();

        let second = due(&store).await;
        assert_eq!((second[0].previous_state, second[0].order.state), (OrderState::Notpay, OrderState::Success));
        assert_eq!(second[0].order.transaction_id.as_deref(), Some("42001"));
        // What comes of a try that is over counts no more.
        store.orders().settle_event(&first[0], HookOutcome::Failed("late", None)).await.unwrap();
        assert_eq!(due(&store).await, second);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn what_failed_is_due_again_at_its_time_and_what_is_parked_lets_others_pass() {
    on_every_database(async |database| {
        let store = database.open().await;
        open(&store).await;
        store.orders().insert(&order(TradeType::Jsapi)).await.unwrap();
        see(&store, TradeState::Notpay, 1).await;
        see(&store, TradeState::Success, 2).await;
        let orders = store.orders();
        let first = due(&store).await.remove(0);
        assert!(orders.take_event(&first, database.clock.now_ms() + 1).await.unwrap());
        let again = database.clock.now_ms() + 5000;
        orders.settle_event(&first, HookOutcome::Failed("no", Some(again))).await.unwrap();
        assert_eq!(due(&store).await, []);
        database.clock.advance(Duration::from_secs(5));
        let first = due(&store).await.remove(0);
        assert!(orders.take_event(&first, database.clock.now_ms() + 1).await.unwrap());
        orders.settle_event(&first, HookOutcome::Failed("never", None)).await.unwrap();
        let second = due(&store).await.remove(0);
        assert_eq!(second.order.state, OrderState::Success);
        let order = orders.find("shop", "default", NUMBER).await.unwrap().unwrap();
        let events = orders.events(&order, None, 10).await.unwrap();
        assert_eq!(events[0].delivery, "parked");
        let tries: Vec<_> = events[0].deliveries.iter().map(|told| (told.attempt, told.error.as_str())).collect();
        assert_eq!(tries, [(1, "no"), (2, "never")]);
        orders.skip_events(&[second.id]).await.unwrap();
        assert_eq!(due(&store).await, []);
        assert!(orders.redeliver(&order, &first.id).await.unwrap());
        assert_eq!(due(&store).await[0].attempts, 2);
        store.close().await;
    })
    .await;
}
