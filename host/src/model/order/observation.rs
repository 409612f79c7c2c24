//! Something that was seen of an order.

use serde::{Deserialize, Serialize};
use weft_wechat::pay::{TradeState, Transaction};

use crate::model::words::words;

/// How something was seen of an order. All but the last two are WeChat's own word, verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ObservationSource {
    /// WeChat took the order.
    Prepay,
    /// WeChat told of it by itself.
    Notify,
    /// WeChat answered the question where it is, or a payment by code.
    Query,
    /// WeChat closed it.
    Close,
    /// WeChat took the payment back.
    Reverse,
    /// WeChat took a refund, or told of one.
    Refund,
    /// It stands in a bill. A bill alone changes nothing.
    Bill,
    /// An operator says so, or its time has run out.
    Manual,
}

words!(
    ObservationSource {
        Prepay: "prepay",
        Notify: "notify",
        Query: "query",
        Close: "close",
        Reverse: "reverse",
        Refund: "refund",
        Bill: "bill",
        Manual: "manual",
    },
    UnknownSource
);

/// No source has this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no way to see something of an order · 没有这种来源")]
pub struct UnknownSource;

/// Something that was seen of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// How.
    pub source: ObservationSource,
    /// When WeChat was asked, or told it by itself, in milliseconds since 1970. It decides between two answers that
    /// overtook each other.
    pub seen_at_ms: u64,
    /// Names the notification or the request, for the audit.
    pub reference: String,
    /// Where the order is.
    pub state: TradeState,
    /// What WeChat told of it; none where the call itself says all there is, as when it was closed.
    pub transaction: Option<Box<Transaction>>,
}

impl Observation {
    /// What WeChat told of an order.
    pub fn told(source: ObservationSource, transaction: Transaction, seen_at_ms: u64, reference: &str) -> Self {
        Self {
            source,
            seen_at_ms,
            reference: reference.to_owned(),
            state: transaction.state,
            transaction: Some(Box::new(transaction)),
        }
    }

    /// What follows from a call that was answered.
    pub fn done(source: ObservationSource, state: TradeState, seen_at_ms: u64, reference: &str) -> Self {
        Self { source, seen_at_ms, reference: reference.to_owned(), state, transaction: None }
    }
}
