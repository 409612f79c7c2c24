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
            "the order may have been paid twice: look for both payments at WeChat Pay, and give one back · 订单可能付了两次：请在商户平台查找这两笔支付，退还其中一笔"
        }
        "paid_after_close" => {
            "the user paid although the order had been closed: deliver, or give the money back · 订单关闭后用户又付了款：请发货或退款"
        }
        "closed_after_paid" => {
            "WeChat Pay calls a paid order closed: look for the payment there · 微信支付称已支付的订单已关闭：请在商户平台查找这笔支付"
        }
        _ => {
            "WeChat told of a payment that does not fit the order, and it was not taken: compare both at WeChat Pay · 微信通知的支付与订单不符，没有采用：请在商户平台核对"
        }
    }
}
