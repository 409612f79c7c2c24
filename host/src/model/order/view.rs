//! An order as programs read it, the same for v2 and v3: in the admin API, and in what webhooks are sent.

use std::{collections::BTreeMap, net::IpAddr};

use serde::Serialize;
use utoipa::ToSchema;
use weft_wechat::pay::{Fen, TradeType};

use super::{Order, OrderState};
use crate::time;

/// An order.
#[derive(Debug, Serialize, ToSchema)]
pub struct OrderView {
    /// The merchant's number of it.
    pub out_trade_no: String,
    /// The merchant's name.
    pub merchant: String,
    /// What is bought.
    pub body: String,
    /// In fen.
    #[schema(value_type = u64)]
    pub total_fee: Fen,
    /// CNY.
    pub fee_type: String,
    /// How it is paid.
    #[schema(value_type = String, example = "JSAPI")]
    pub trade_type: TradeType,
    /// Who paid, or is to pay.
    pub openid: Option<String>,
    /// The same, as the sub-merchant's account knows them.
    pub sub_openid: Option<String>,
    /// The text that it was created with.
    pub attach: Option<String>,
    /// RFC 3339.
    pub time_start: String,
    /// RFC 3339.
    pub time_expire: String,
    /// The payer's address, or the till's.
    #[schema(value_type = Option<String>)]
    pub spbill_create_ip: Option<IpAddr>,
    /// The goods, in WeChat's JSON.
    pub detail: Option<String>,
    /// For discounts.
    pub goods_tag: Option<String>,
    /// For NATIVE.
    pub product_id: Option<String>,
    /// `no_credit` for no credit cards.
    pub limit_pay: Option<String>,
    /// Whether the user may ask for an invoice.
    pub receipt: bool,
    /// Where it is paid, in WeChat's JSON.
    pub scene_info: Option<String>,
    /// The till's number.
    pub device_info: Option<String>,
    /// For the operator.
    pub comment: String,
    /// NEW, NOTPAY, USERPAYING, SUCCESS, REFUND, CLOSED, REVOKED or PAYERROR.
    #[schema(value_type = String, example = "SUCCESS")]
    pub state: OrderState,
    /// WeChat's number, once it is paid.
    pub transaction_id: Option<String>,
    /// RFC 3339.
    pub paid_at: Option<String>,
    /// Counts the changes of state.
    pub version: u64,
    /// What WeChat said of the payment beyond these.
    pub result: BTreeMap<String, String>,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339.
    pub updated_at: String,
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
