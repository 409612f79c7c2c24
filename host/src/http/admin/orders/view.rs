//! An order as it is read, the same for v2 and v3.

use std::{collections::BTreeMap, net::IpAddr};

use serde::Serialize;
use utoipa::ToSchema;
use weft_wechat::pay::{Fen, TradeType};

use crate::{
    model::{Order, OrderState},
    storage::OrderAlarm,
    time,
};

/// An order.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct OrderView {
    out_trade_no: String,
    /// The merchant's name.
    merchant: String,
    /// What is bought.
    body: String,
    /// In fen.
    #[schema(value_type = u64)]
    total_fee: Fen,
    fee_type: String,
    #[schema(value_type = String, example = "JSAPI")]
    trade_type: TradeType,
    /// Who paid, or is to pay.
    openid: Option<String>,
    /// The same, as the sub-merchant's account knows them.
    sub_openid: Option<String>,
    attach: Option<String>,
    /// RFC 3339.
    time_start: String,
    /// RFC 3339.
    time_expire: String,
    #[schema(value_type = Option<String>)]
    spbill_create_ip: Option<IpAddr>,
    detail: Option<String>,
    goods_tag: Option<String>,
    product_id: Option<String>,
    limit_pay: Option<String>,
    receipt: bool,
    scene_info: Option<String>,
    device_info: Option<String>,
    comment: String,
    /// NEW, NOTPAY, USERPAYING, SUCCESS, REFUND, CLOSED, REVOKED or PAYERROR.
    #[schema(value_type = String, example = "SUCCESS")]
    state: OrderState,
    /// WeChat's number, once it is paid.
    transaction_id: Option<String>,
    /// RFC 3339.
    paid_at: Option<String>,
    /// Counts the changes of state.
    version: u64,
    /// What WeChat said of the payment beyond these.
    result: BTreeMap<String, String>,
    /// RFC 3339.
    created_at: String,
    /// RFC 3339.
    updated_at: String,
}

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

impl From<Order> for OrderView {
    fn from(order: Order) -> Self {
        let terms = order.terms;
        Self {
            out_trade_no: order.out_trade_no,
            merchant: order.merchant,
            body: terms.body,
            total_fee: terms.total_fee,
            fee_type: terms.fee_type,
            trade_type: terms.trade_type,
            openid: order.openid,
            sub_openid: order.sub_openid,
            attach: terms.attach,
            time_start: time::rfc3339(terms.time_start),
            time_expire: time::rfc3339(terms.time_expire),
            spbill_create_ip: terms.client_ip,
            detail: terms.detail,
            goods_tag: terms.goods_tag,
            product_id: terms.product_id,
            limit_pay: terms.limit_pay,
            receipt: terms.receipt,
            scene_info: terms.scene_info,
            device_info: terms.device_info,
            comment: terms.comment,
            state: order.state,
            transaction_id: order.transaction_id,
            paid_at: order.paid_at.map(time::rfc3339),
            version: order.version,
            result: order.result.into_iter().collect(),
            created_at: time::rfc3339(order.created_at),
            updated_at: time::rfc3339(order.updated_at),
        }
    }
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
