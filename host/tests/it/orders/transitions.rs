//! The transition function: every sequence, random histories, and every order of one history.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use weft::model::{Alarm, Observation, ObservationSource, Order, OrderState, Transition, transition};
use weft_wechat::pay::{Fen, TradeState, TradeType, Transaction};

use super::{NUMBER, order, told};

/// How many random histories are tried; `WEFT_TEST_HISTORIES` says another number.
const HISTORIES: u32 = 10_000;

fn seen(source: ObservationSource, state: TradeState, at: u64) -> Observation {
    Observation::told(source, told(state), at, "r")
}

fn done(source: ObservationSource, state: TradeState, at: u64) -> Observation {
    Observation::done(source, state, at, "r")
}

/// Everything that can be seen at one time, the impossible included.
fn everything(at: u64) -> Vec<Observation> {
    let mut all = Vec::new();
    for source in ObservationSource::ALL {
        for state in TradeState::ALL {
            all.push(seen(source, state, at));
            all.push(done(source, state, at));
        }
    }
    let wrong: [fn(&mut Transaction); 7] = [
        |told| told.total = Some(Fen(100)),
        |told| told.total = None,
        |told| told.mch_id = "1".into(),
        |told| told.appid = None,
        |told| told.currency = Some("USD".into()),
        |told| told.transaction_id = None,
        |told| told.transaction_id = Some("42002".into()),
    ];
    for change in wrong {
        for source in [ObservationSource::Notify, ObservationSource::Query] {
            let mut told = told(TradeState::Success);
            change(&mut told);
            all.push(Observation::told(source, told, at, "r"));
        }
    }
    all
}

/// Whether the order may go from one state to the other although its rank falls.
fn may_fall(before: &Order, seen: &Observation, after: OrderState) -> bool {
    use OrderState::{Notpay, Payerror, Refund, Revoked, Success, Userpaying};
    let asked = seen.source == ObservationSource::Query;
    match (before.state, after) {
        (Userpaying | Payerror, Notpay) => asked,
        (Payerror, Userpaying) => true,
        (Success | Refund, Revoked) => {
            before.terms.trade_type == TradeType::Micropay && (asked || seen.source == ObservationSource::Reverse)
        }
        _ => false,
    }
}

/// What must hold of every step, whatever was seen.
fn check(before: &Order, seen: &Observation, outcome: &Transition) {
    let after = &outcome.order;
    let context = || format!("{:?} {seen:?}\n{outcome:?}", before.state);
    // Each accepted change has a version of its own, and the last one is the order's.
    let versions: Vec<_> = outcome.steps.iter().map(|step| step.order.version).collect();
    let expected: Vec<_> = (before.version + 1..).take(versions.len()).collect();
    assert_eq!(versions, expected, "{}", context());
    assert_eq!(after.version, before.version + outcome.steps.len() as u64, "{}", context());
    assert_eq!(after.state != before.state, outcome.steps.iter().any(|step| step.previous_state != step.order.state));
    assert!(outcome.steps.len() <= 2, "{}", context());
    // The rank falls only where it may.
    let mut from = before.clone();
    for step in &outcome.steps {
        assert_eq!(step.previous_state, from.state);
        let falls = step.order.state.rank() < from.state.rank();
        assert!(!falls || may_fall(&from, seen, step.order.state), "{}", context());
        from = step.order.clone();
    }
    // Nothing is paid but by WeChat's own word about this very order.
    if !before.state.is_paid() && after.state.is_paid() {
        let told = seen.transaction.as_ref().expect("somebody told");
        assert!(!matches!(seen.source, ObservationSource::Bill | ObservationSource::Manual), "{}", context());
        assert_eq!((&told.mch_id, told.appid.as_ref()), (&before.party.mch_id, Some(&before.party.appid)));
        assert_eq!((&*told.out_trade_no, told.total), (NUMBER, Some(before.terms.total_fee)));
        assert!(told.currency.as_ref().is_none_or(|currency| currency == "CNY"));
        assert!(after.transaction_id.is_some());
    }
    // The first payment stays, and another one is told of.
    if let Some(known) = &before.transaction_id {
        assert_eq!(after.transaction_id.as_ref(), Some(known), "{}", context());
        let other = seen.transaction.as_ref().and_then(|told| told.transaction_id.as_ref());
        if other.is_some_and(|other| other != known) {
            assert!(!outcome.alarms.is_empty() && outcome.refused && outcome.steps.is_empty(), "{}", context());
        }
    }
    // Whatever does not fit changes nothing at all.
    if outcome.refused {
        assert_eq!((after, outcome.steps.len()), (before, 0));
    }
    assert_eq!(transition(before, seen), *outcome, "the same again");
    // Seen twice, it changes nothing more.
    let again = transition(after, seen);
    assert!(again.steps.is_empty(), "{} then {again:?}", context());
}

#[test]
fn every_sequence_of_six_observations_keeps_the_rules() {
    for trade_type in [TradeType::Jsapi, TradeType::Micropay] {
        let alphabet: Vec<_> = [1, 2, 3].into_iter().flat_map(everything).collect();
        // What matters of an order for what comes next: sequences that lead to the same are followed once.
        let mut reached = HashMap::from([(key(&order(trade_type)), order(trade_type))]);
        let mut seen_of_all = HashSet::new();
        for _ in 0..6 {
            let mut next = HashMap::new();
            for order in reached.values() {
                for seen in &alphabet {
                    let outcome = transition(order, seen);
                    check(order, seen, &outcome);
                    let after = Order { version: 0, ..outcome.order };
                    if seen_of_all.insert(key(&after)) {
                        next.insert(key(&after), after);
                    }
                }
            }
            reached = next;
        }
        let states: HashSet<_> = seen_of_all.iter().map(|(state, ..)| *state).collect();
        assert_eq!(states.len(), 8, "every state is reached: {states:?}");
    }
}

type Key = (OrderState, bool, u64, Option<String>, Option<u64>, Option<String>);

fn key(order: &Order) -> Key {
    let Order { state, close_confirmed, seen_at_ms, transaction_id, paid_at, openid, .. } = order.clone();
    (state, close_confirmed, seen_at_ms, transaction_id, paid_at, openid)
}

#[test]
fn random_histories_keep_the_rules() {
    let histories = std::env::var("WEFT_TEST_HISTORIES").ok().and_then(|text| text.parse().ok()).unwrap_or(HISTORIES);
    let alphabet = everything(0);
    let step = (0..alphabet.len(), 0_u64..8);
    let config = Config { cases: histories, failure_persistence: None, ..Config::default() };
    let history = (prop::bool::ANY, prop::collection::vec(step, 1..24));
    TestRunner::new(config)
        .run(&history, |(by_code, history)| {
            let mut order = order(if by_code { TradeType::Micropay } else { TradeType::Native });
            for (index, at) in history {
                let seen = Observation { seen_at_ms: at, ..alphabet[index].clone() };
                let outcome = transition(&order, &seen);
                check(&order, &seen, &outcome);
                order = outcome.order;
            }
            Ok(())
        })
        .unwrap();
}

/// Every order of the elements.
fn permutations(items: &[Observation]) -> Vec<Vec<Observation>> {
    if items.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for index in 0..items.len() {
        let mut rest = items.to_vec();
        let first = rest.remove(index);
        for mut permutation in permutations(&rest) {
            permutation.insert(0, first.clone());
            all.push(permutation);
        }
    }
    all
}

/// Histories as they happen, each with how the order is paid and where it ends.
fn histories() -> [(TradeType, OrderState, Vec<Observation>); 6] {
    use ObservationSource::{Close, Notify, Prepay, Query, Reverse};
    use TradeState::{Closed, Notpay, Payerror, Revoked, Success, Userpaying};
    let prepaid = done(Prepay, Notpay, 1);
    [
        (
            TradeType::Jsapi,
            OrderState::Success,
            vec![
                prepaid.clone(),
                seen(Query, Notpay, 2),
                seen(Notify, Success, 5),
                seen(Notify, Success, 6),
                seen(Query, Success, 4),
                seen(Query, Notpay, 3),
            ],
        ),
        (
            TradeType::Jsapi,
            OrderState::Refund,
            vec![
                prepaid.clone(),
                seen(Notify, Success, 3),
                seen(Query, Success, 4),
                seen(Query, TradeState::Refund, 5),
                seen(Query, Notpay, 2),
                seen(Notify, Success, 7),
            ],
        ),
        (
            TradeType::Native,
            OrderState::Closed,
            vec![
                prepaid.clone(),
                seen(Query, Notpay, 2),
                done(Close, Closed, 3),
                seen(Query, Closed, 4),
                seen(Query, Notpay, 2),
            ],
        ),
        (
            TradeType::Micropay,
            OrderState::Success,
            vec![
                seen(Query, Userpaying, 1),
                seen(Query, Payerror, 2),
                seen(Query, Notpay, 3),
                seen(Query, Userpaying, 4),
                seen(Query, Success, 5),
            ],
        ),
        (
            TradeType::Micropay,
            OrderState::Notpay,
            vec![
                seen(Query, Userpaying, 1),
                seen(Query, Payerror, 2),
                seen(Query, Userpaying, 3),
                seen(Query, Payerror, 4),
                seen(Query, Notpay, 5),
            ],
        ),
        (
            TradeType::Micropay,
            OrderState::Revoked,
            vec![
                seen(Query, Userpaying, 1),
                seen(Query, Success, 2),
                done(Reverse, Revoked, 3),
                seen(Query, Revoked, 4),
                seen(Query, Userpaying, 1),
            ],
        ),
    ]
}

#[test]
fn one_history_in_whatever_order_ends_in_the_same_state() {
    use ObservationSource::{Query, Refund};
    for (trade_type, end, history) in histories() {
        for permutation in permutations(&history) {
            let mut order = order(trade_type);
            for seen in &permutation {
                order = transition(&order, seen).order;
            }
            assert_eq!(order.state, end, "{permutation:?}");
            if end.is_paid() {
                assert_eq!(order.transaction_id.as_deref(), Some("42001"));
                assert_eq!((order.paid_at, order.openid.as_deref()), (Some(1_700_000_100), Some("oPAID")));
            }
        }
    }
    // A refund that was taken is known before the payment is: WeChat is asked, and tells of both.
    let order = order(TradeType::Jsapi);
    let asked = transition(&order, &done(Refund, TradeState::Refund, 1));
    assert!(asked.ask && asked.steps.is_empty());
    let told = transition(&asked.order, &seen(Query, TradeState::Refund, 2));
    let states: Vec<_> = told.steps.iter().map(|step| (step.previous_state, step.order.state)).collect();
    assert_eq!(states, [(OrderState::New, OrderState::Success), (OrderState::Success, OrderState::Refund)]);
}

#[test]
fn every_cell_of_the_table_is_as_it_is_written_down() {
    use ObservationSource::{Close, Manual, Notify, Query};
    use TradeState::{Closed, Notpay, Refund, Success, Userpaying};
    let at = |state: TradeState, source: ObservationSource| {
        let mut order = order(TradeType::Jsapi);
        let first = transition(&order, &seen(Query, state, 10));
        order = first.order;
        if source == Manual {
            order.close_confirmed = false;
        }
        order
    };
    let paid = |order: &Order, source, when| {
        let outcome = transition(order, &seen(source, Success, when));
        (outcome.order.state, outcome.alarms, outcome.ask)
    };
    // Closed by us alone: a payment counts at once. Closed by WeChat: WeChat is asked, and must say so later.
    let ours = at(Closed, Manual);
    let theirs = at(Closed, Close);
    let alarm = vec![Alarm::PaidAfterClose];
    assert_eq!(paid(&ours, Notify, 5), (OrderState::Success, alarm.clone(), false));
    assert_eq!(paid(&theirs, Notify, 20), (OrderState::Closed, vec![], true));
    assert_eq!(paid(&theirs, Query, 5), (OrderState::Closed, vec![], true));
    assert_eq!(paid(&theirs, Query, 20), (OrderState::Success, alarm, false));
    // Confirming is a change of its own.
    let confirmed = transition(&ours, &seen(Query, Closed, 20));
    assert_eq!((confirmed.steps.len(), confirmed.order.close_confirmed), (1, true));
    assert!(transition(&theirs, &seen(Query, Closed, 20)).steps.is_empty());
    for state in [Notpay, Userpaying] {
        assert_eq!(transition(&ours, &seen(Query, state, 20)).order, ours);
        assert_eq!(transition(&theirs, &seen(Query, state, 20)).order, theirs);
    }
    // Paid stays paid.
    let success = at(Success, Query);
    for state in TradeState::ALL {
        let outcome = transition(&success, &seen(Query, state, 20));
        let end = if state == Refund { OrderState::Refund } else { OrderState::Success };
        assert_eq!(outcome.order.state, end, "{state}");
        let closed = OrderState::from(state).is_closed();
        assert_eq!((outcome.ask, outcome.alarms == [Alarm::ClosedAfterPaid]), (closed, closed), "{state}");
        assert_eq!(transition(&at(Refund, Query), &seen(Query, state, 20)).order.state, OrderState::Refund);
    }
    let closing = transition(&success, &done(Manual, Closed, 20));
    assert!(closing.refused && closing.alarms.is_empty());
    // Who is paying may stop, when WeChat was asked and says so later.
    let paying = at(Userpaying, Query);
    assert_eq!(transition(&paying, &seen(Query, Notpay, 11)).order.state, OrderState::Notpay);
    assert_eq!(transition(&paying, &seen(Query, Notpay, 9)).order.state, OrderState::Userpaying);
    assert_eq!(transition(&paying, &seen(Notify, Notpay, 11)).order.state, OrderState::Userpaying);
    // A bill pays nothing, and has WeChat asked.
    let bill = transition(&at(Notpay, Query), &seen(ObservationSource::Bill, Success, 20));
    assert!(bill.ask && bill.steps.is_empty());
}
