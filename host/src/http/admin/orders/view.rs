//! An order as it is read, with what of it a person must look at.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    model::{Order, OrderView},
    storage::OrderAlarm,
    time,
};

/// An order, with what of it a person must look at.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct OrderWithAlarms {
    #[serde(flatten)]
    order: OrderView,
    alarms: Vec<AlarmView>,
}

/// Something that a person must look at.
#[derive(Debug, Serialize, ToSchema)]
struct AlarmView {
    /// `mismatch`, `other_transaction`, `paid_after_close` or `closed_after_paid`.
    kind: String,
    /// The field that differs, or the number of the other payment.
    detail: String,
    /// How it was seen.
    source: String,
    /// What to do.
    advice: &'static str,
    /// RFC 3339.
    raised_at: String,
}

impl OrderWithAlarms {
    pub(super) fn new(order: Order, alarms: Vec<OrderAlarm>) -> Self {
        let alarms = alarms.into_iter().map(|alarm| AlarmView {
            advice: advice(&alarm.kind),
            kind: alarm.kind,
            detail: alarm.detail,
            source: alarm.source,
            raised_at: time::rfc3339(alarm.raised_at),
        });
        Self { order: order.into(), alarms: alarms.collect() }
    }
}

fn advice(kind: &str) -> &'static str {
    match kind {
        "other_transaction" => {
            "the order may have been paid twice: look for both payments at WeChat Pay, and give one back"
        }
        "paid_after_close" => "the user paid although the order had been closed: deliver, or give the money back",
        "closed_after_paid" => "WeChat Pay calls a paid order closed: look for the payment there",
        _ => "WeChat told of a payment that does not fit the order, and it was not taken: compare both at WeChat Pay",
    }
}
