//! The one function that changes orders, whoever saw what: pure, and defined for everything that can be seen.
//!
//! An order goes up in rank, and a paid one stays paid. What is not final (NOTPAY, USERPAYING, PAYERROR) may go back
//! when WeChat says so in an answer to a later question. CLOSED gives way to SUCCESS, with an alarm: at once when only
//! we thought that it is closed, and by an answer to a later question when WeChat itself had said so. A payment by
//! code may be revoked after it was made.
//!
//! Answers overtake each other. When a question was asked decides between them, so that the same answers in whatever
//! order end in the same state.

use std::fmt;

use weft_wechat::pay::{TradeState, TradeType, Transaction};

use super::{Observation, ObservationSource, Order, OrderState};

/// Something that a person must look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alarm {
    /// WeChat tells of a payment that does not fit the order. It changes nothing.
    Mismatch {
        /// `total_fee`, `appid`, …
        field: &'static str,
    },
    /// The order is paid by another payment than the one that is known: somebody may have paid twice.
    OtherTransaction {
        /// The number of the other one.
        transaction_id: String,
    },
    /// It was paid although it had been closed.
    PaidAfterClose,
    /// WeChat says that it is closed although it is paid.
    ClosedAfterPaid,
}

impl Alarm {
    /// The kind in JSON and in the database.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Mismatch { .. } => "mismatch",
            Self::OtherTransaction { .. } => "other_transaction",
            Self::PaidAfterClose => "paid_after_close",
            Self::ClosedAfterPaid => "closed_after_paid",
        }
    }

    /// What it is about: the field, or the number of the other payment.
    pub fn detail(&self) -> &str {
        match self {
            Self::Mismatch { field } => field,
            Self::OtherTransaction { transaction_id } => transaction_id,
            Self::PaidAfterClose | Self::ClosedAfterPaid => "",
        }
    }
}

impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mismatch { field } => write!(f, "the payment does not fit the order: {field} differs"),
            Self::OtherTransaction { transaction_id } => {
                write!(f, "there is a second payment {transaction_id}: it may have to be given back")
            }
            Self::PaidAfterClose => f.write_str("the order was paid although it had been closed"),
            Self::ClosedAfterPaid => f.write_str("WeChat calls the order closed although it is paid"),
        }
    }
}

/// One accepted change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderStep {
    /// Where the order was.
    pub previous_state: OrderState,
    /// The order as it is just after it.
    pub order: Order,
}

/// What becomes of an order by an observation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// The order as it is now. Without steps it may still know more than before.
    pub order: Order,
    /// The accepted changes in their order, each with a version of its own. Two when a refund is the first that is seen
    /// of a payment.
    pub steps: Vec<OrderStep>,
    /// What a person must look at.
    pub alarms: Vec<Alarm>,
    /// Whether WeChat should be asked where the order is.
    pub ask: bool,
    /// Whether what was seen does not fit the order: whoever told it is told so.
    pub refused: bool,
}

/// What becomes of `order` by what was seen.
pub fn transition(order: &Order, seen: &Observation) -> Transition {
    let still = Transition { order: order.clone(), steps: Vec::new(), alarms: Vec::new(), ask: false, refused: false };
    if let Some(alarm) = seen.transaction.as_ref().and_then(|told| misfit(order, told, seen.state)) {
        return Transition { alarms: vec![alarm], refused: true, ..still };
    }
    let to = OrderState::from(seen.state);
    match decide(order, seen, to) {
        Decision::Ignore => still,
        Decision::Refuse => Transition { refused: true, ..still },
        Decision::Same => Transition { order: noted(order, seen), ..still },
        Decision::Ask(alarm) => Transition { alarms: alarm.into_iter().collect(), ask: true, ..still },
        Decision::Change(alarm) => {
            let mut steps = Vec::new();
            // A refund proves a payment that we have not heard of.
            if to == OrderState::Refund && !order.state.is_paid() {
                steps.push(step(order, seen, OrderState::Success));
            }
            steps.push(step(steps.last().map_or(order, |paid| &paid.order), seen, to));
            let order = steps.last().map_or_else(|| order.clone(), |step| step.order.clone());
            Transition { order, steps, alarms: alarm.into_iter().collect(), ..still }
        }
    }
}

enum Decision {
    /// It says nothing new, or nothing that counts.
    Ignore,
    /// It cannot be.
    Refuse,
    /// The state is known; the time may be later.
    Same,
    /// It is no reason to change anything, but to ask.
    Ask(Option<Alarm>),
    /// The order is there now.
    Change(Option<Alarm>),
}

fn decide(order: &Order, seen: &Observation, to: OrderState) -> Decision {
    use ObservationSource::{Bill, Manual, Prepay};
    let from = order.state;
    match seen.source {
        Bill if to == from || (from == OrderState::Refund && to.is_paid()) => Decision::Ignore,
        Bill => Decision::Ask(None),
        // Nobody but WeChat says what was paid, and we close only what is open.
        Manual if to != OrderState::Closed || from.is_paid() => Decision::Refuse,
        Manual if from.is_closed() => Decision::Ignore,
        Prepay if from != OrderState::New => Decision::Ignore,
        _ if to.is_paid() => decide_paid(order, seen, to),
        _ if to.is_closed() => decide_closed(order, seen, to),
        _ => decide_open(order, seen, to),
    }
}

/// SUCCESS or REFUND was seen.
fn decide_paid(order: &Order, seen: &Observation, to: OrderState) -> Decision {
    match (order.state, to) {
        (OrderState::Refund, _) | (OrderState::Success, OrderState::Success) => Decision::Same,
        (OrderState::Success, _) => Decision::Change(None),
        // A state without a transaction does not say by which payment.
        _ if seen.transaction.is_none() => Decision::Ask(None),
        (from, _) if !from.is_closed() => Decision::Change(None),
        _ if !order.close_confirmed => Decision::Change(Some(Alarm::PaidAfterClose)),
        _ if seen.source == ObservationSource::Query && seen.seen_at_ms > order.seen_at_ms => {
            Decision::Change(Some(Alarm::PaidAfterClose))
        }
        _ => Decision::Ask(None),
    }
}

/// CLOSED or REVOKED was seen.
fn decide_closed(order: &Order, seen: &Observation, to: OrderState) -> Decision {
    use ObservationSource::{Query, Reverse};
    let from = order.state;
    if from.is_paid() {
        // A payment by code can be taken back after it was made; WeChat itself must say so, and later.
        let by_code = order.terms.trade_type == TradeType::Micropay && to == OrderState::Revoked;
        let is_later = matches!(seen.source, Query | Reverse) && seen.seen_at_ms > order.seen_at_ms;
        return if by_code && is_later { Decision::Change(None) } else { Decision::Ask(Some(Alarm::ClosedAfterPaid)) };
    }
    if from.is_closed() && order.close_confirmed { Decision::Same } else { Decision::Change(None) }
}

/// NOTPAY, USERPAYING or PAYERROR was seen: between those the latest counts.
fn decide_open(order: &Order, seen: &Observation, to: OrderState) -> Decision {
    let from = order.state;
    let later = seen.seen_at_ms > order.seen_at_ms;
    match from {
        _ if !from.is_open() => Decision::Ignore,
        OrderState::New => Decision::Change(None),
        _ if from == to => Decision::Same,
        _ if to.rank() > from.rank() && (later || seen.seen_at_ms == order.seen_at_ms) => Decision::Change(None),
        _ if to.rank() > from.rank() || !later => Decision::Ignore,
        // Only WeChat's answer to a question leads back to where nobody is paying.
        _ if to == OrderState::Notpay && seen.source != ObservationSource::Query => Decision::Ignore,
        _ => Decision::Change(None),
    }
}

/// What does not fit the order, in what WeChat tells of it.
fn misfit(order: &Order, told: &Transaction, state: TradeState) -> Option<Alarm> {
    let is_paid = OrderState::from(state).is_paid();
    let party = &order.party;
    let differs = |told: Option<&str>, own: Option<&str>| match (told, own) {
        (Some(told), own) => own != Some(told),
        // A payment has to say whose it is.
        (None, own) => is_paid && own.is_some(),
    };
    // An account of the sub-merchant's own is told only where the user paid in it.
    let other_sub_appid = told.sub_appid.is_some() && party.sub_appid.is_some() && told.sub_appid != party.sub_appid;
    let other_sub_mch_id =
        if party.is_partner() { differs(told.sub_mch_id.as_deref(), party.sub_mch_id.as_deref()) } else { false };
    let checks = [
        ("mch_id", told.mch_id != party.mch_id),
        ("appid", differs(told.appid.as_deref(), Some(&party.appid))),
        ("sub_appid", other_sub_appid),
        ("sub_mch_id", other_sub_mch_id),
        ("out_trade_no", told.out_trade_no != order.out_trade_no),
        ("total_fee", told.total.map_or(is_paid, |total| total != order.terms.total_fee)),
        ("fee_type", told.currency.as_ref().is_some_and(|currency| *currency != order.terms.fee_type)),
        ("transaction_id", is_paid && told.transaction_id.is_none()),
    ];
    if let Some((field, _)) = checks.into_iter().find(|(_, differs)| *differs) {
        return Some(Alarm::Mismatch { field });
    }
    match (&order.transaction_id, &told.transaction_id) {
        (Some(known), Some(other)) if known != other => Some(Alarm::OtherTransaction { transaction_id: other.clone() }),
        _ => None,
    }
}

fn step(order: &Order, seen: &Observation, to: OrderState) -> OrderStep {
    let mut after = noted(order, seen);
    after.state = to;
    after.close_confirmed = to.is_closed() && seen.source != ObservationSource::Manual;
    after.version += 1;
    OrderStep { previous_state: order.state, order: after }
}

/// The order with what is new of it; its state and version stay.
fn noted(order: &Order, seen: &Observation) -> Order {
    fn fill<T: Clone>(field: &mut Option<T>, told: Option<&T>) {
        if field.is_none() {
            *field = told.cloned();
        }
    }
    let mut after = order.clone();
    // The moment at which it became paid stays: being told again that it is paid is no news.
    if !order.state.is_paid() || OrderState::from(seen.state) == OrderState::Revoked {
        after.seen_at_ms = order.seen_at_ms.max(seen.seen_at_ms);
    }
    let Some(told) = &seen.transaction else { return after };
    if OrderState::from(seen.state).is_paid() {
        // Who paid counts more than whom it was meant for.
        if !order.state.is_paid() {
            after.openid = told.openid.clone().or(after.openid);
            after.sub_openid = told.sub_openid.clone().or(after.sub_openid);
            after.result.clone_from(&told.other);
        }
        fill(&mut after.transaction_id, told.transaction_id.as_ref());
        fill(&mut after.paid_at, told.paid_at.as_ref());
    }
    after
}
