//! The outbox of orders' events: what is due, whose turn it is, and what came of it.

use std::time::Duration;

use weft::model::{EventTarget, Observation, ObservationSource, Order, OrderState, Refund, RefundState};
use weft::storage::{DueEvent, HookOutcome, Store};
use weft_wechat::pay::{self, Fen, RefundStatus, TradeState, TradeType};

use super::orders::open;
use crate::orders::{NUMBER, order, told};
use crate::support::database::on_every_database;

async fn see(store: &Store, state: TradeState, at: u64) {
    let seen = Observation::told(ObservationSource::Notify, told(state), at, "EV");
    store.orders().apply("shop", "default", NUMBER, &seen).await.unwrap().unwrap();
}

/// What the hook has to hear of.
async fn due(store: &Store) -> Vec<DueEvent> {
    due_for(store, EventTarget::Hook).await
}

async fn due_for(store: &Store, target: EventTarget) -> Vec<DueEvent> {
    let due = store.orders().due_events(10, 20).await.unwrap();
    due.into_iter().filter(|event| event.target == target).collect()
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
        let [hook, webhook] = &events[0].deliveries[..] else { panic!("{:?}", events[0]) };
        assert_eq!((hook.target, hook.state.as_str()), (EventTarget::Hook, "parked"));
        let tries: Vec<_> = hook.attempts.iter().map(|told| (told.attempt, told.error.as_str())).collect();
        assert_eq!(tries, [(1, "no"), (2, "never")]);
        assert_eq!((webhook.state.as_str(), &webhook.attempts[..]), ("pending", &[][..]), "nobody has told it");
        orders.skip_events(&[second]).await.unwrap();
        assert_eq!(due(&store).await, []);
        assert!(orders.redeliver(&order, &first.id, Some(EventTarget::Hook)).await.unwrap());
        assert_eq!(due(&store).await[0].attempts, 2);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn of_the_tries_to_tell_of_an_event_the_last_ones_are_shown() {
    on_every_database(async |database| {
        let store = database.open().await;
        open(&store).await;
        store.orders().insert(&order(TradeType::Jsapi)).await.unwrap();
        see(&store, TradeState::Notpay, 1).await;
        see(&store, TradeState::Success, 2).await;
        let orders = store.orders();
        let order = orders.find("shop", "default", NUMBER).await.unwrap().unwrap();
        // An operator has it told again and again.
        for _ in 0..25 {
            let first = due(&store).await.remove(0);
            assert!(orders.take_event(&first, database.clock.now_ms() + 1).await.unwrap());
            orders.settle_event(&first, HookOutcome::Failed("no", None)).await.unwrap();
            assert!(orders.redeliver(&order, &first.id, Some(EventTarget::Hook)).await.unwrap());
        }
        let events = orders.events(&order, None, 10).await.unwrap();
        let tries: Vec<_> = events[0].deliveries[0].attempts.iter().map(|told| told.attempt).collect();
        assert_eq!(tries, (6..=25).collect::<Vec<_>>());
        let first = orders.events(&order, None, 1).await.unwrap();
        let second = orders.events(&order, Some(1), 1).await.unwrap();
        assert_eq!([first, second].concat(), events, "a page has what belongs to its events");
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn each_target_hears_of_an_order_at_its_own_pace() {
    on_every_database(async |database| {
        let store = database.open().await;
        open(&store).await;
        store.orders().insert(&order(TradeType::Jsapi)).await.unwrap();
        see(&store, TradeState::Notpay, 1).await;
        see(&store, TradeState::Success, 2).await;
        let orders = store.orders();
        let until = database.clock.now_ms() + 60_000;
        let (hook, webhook) = (due(&store).await.remove(0), due_for(&store, EventTarget::Webhook).await.remove(0));
        assert_eq!(hook.id, webhook.id);
        assert!(orders.take_event(&hook, until).await.unwrap());
        assert!(orders.take_event(&webhook, until).await.unwrap());
        orders.settle_event(&webhook, HookOutcome::Delivered).await.unwrap();
        // The second one is due for the webhook alone; the hook is still busy with the first.
        assert_eq!(due(&store).await, []);
        let second = due_for(&store, EventTarget::Webhook).await;
        assert_eq!((second.len(), second[0].order.state), (1, OrderState::Success));
        orders.settle_event(&hook, HookOutcome::Failed("no", None)).await.unwrap();
        assert_eq!(due(&store).await[0].id, second[0].id);
        let order = orders.find("shop", "default", NUMBER).await.unwrap().unwrap();
        assert!(orders.redeliver(&order, &hook.id, Some(EventTarget::Hook)).await.unwrap());
        assert_eq!(due_for(&store, EventTarget::Webhook).await, second, "what it has heard it does not hear again");
        assert!(orders.redeliver(&order, &hook.id, None).await.unwrap());
        assert_eq!(due_for(&store, EventTarget::Webhook).await[0].id, webhook.id);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn what_becomes_of_a_refund_is_told_in_the_row_of_its_order() {
    on_every_database(async |database| {
        let store = database.open().await;
        open(&store).await;
        let (orders, refunds) = (store.orders(), store.refunds());
        orders.insert(&order(TradeType::Jsapi)).await.unwrap();
        see(&store, TradeState::Success, 1).await;
        let paid = orders.find("shop", "default", NUMBER).await.unwrap().unwrap();
        refunds.insert(&paid, &Refund::new("R1", NUMBER, Fen(60), None)).await.unwrap();
        let told = |status, account: Option<&str>| pay::Refund {
            out_refund_no: "R1".into(),
            refund_id: Some("503".into()),
            out_trade_no: Some(NUMBER.into()),
            transaction_id: None,
            status,
            refund: Fen(60),
            total: Some(Fen(101)),
            success_at: None,
            received_account: account.map(str::to_owned),
        };
        let apply = async |told: pay::Refund| {
            refunds.apply(&paid, &told, ObservationSource::Notify, "EV-R").await.unwrap().unwrap()
        };
        apply(told(RefundStatus::Processing, None)).await;
        // The same again, and what is no change of its state, is no event.
        apply(told(RefundStatus::Processing, None)).await;
        apply(told(RefundStatus::Processing, Some("a card"))).await;
        see(&store, TradeState::Refund, 2).await;
        apply(told(RefundStatus::Success, None)).await;
        apply(told(RefundStatus::Closed, None)).await;

        let until = database.clock.now_ms() + 60_000;
        let mut heard = Vec::new();
        while let Some(event) = due(&store).await.pop() {
            let refund = event.refund.as_ref().map(|step| (step.previous_state, step.refund.state));
            heard.push((event.order.state, event.order.version, refund));
            assert!(orders.take_event(&event, until).await.unwrap());
            orders.settle_event(&event, HookOutcome::Delivered).await.unwrap();
        }
        let expected = [
            (OrderState::Success, 1, None),
            (OrderState::Success, 1, Some((RefundState::New, RefundState::Processing))),
            (OrderState::Refund, 2, None),
            (OrderState::Refund, 2, Some((RefundState::Processing, RefundState::Success))),
        ];
        assert_eq!(heard, expected);
        let Order { version, .. } = orders.find("shop", "default", NUMBER).await.unwrap().unwrap();
        assert_eq!(version, 2, "refunds are no changes of the order");
        let events = orders.events(&paid, Some(1), 10).await.unwrap();
        assert_eq!((events[0].sequence, &*events[0].source, &*events[0].reference), (2, "notify", "EV-R"));
        assert_eq!(events[0].refund.as_ref().unwrap().refund.refund_id.as_deref(), Some("503"));
        store.close().await;
    })
    .await;
}
