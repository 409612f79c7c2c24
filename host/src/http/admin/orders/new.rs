//! An order as it is asked for.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;
use weft_wechat::pay::{Fen, TradeType};

use crate::model::{DEFAULT_TIME_LIMIT, Merchant, OrderTerms};

/// A new order.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct NewOrder {
    /// 6 to 32 letters, digits or any of `_-|*@`, unique within the merchant; made up without.
    out_trade_no: Option<String>,
    /// What is bought, for the user; 1 to 127 characters.
    body: String,
    /// In fen, not yuan.
    #[schema(value_type = u64, example = 101)]
    total_fee: Fen,
    /// CNY.
    fee_type: Option<String>,
    /// JSAPI, NATIVE, APP, MWEB or MICROPAY; JSAPI without.
    #[schema(value_type = Option<String>, example = "JSAPI")]
    trade_type: Option<TradeType>,
    /// Who pays, as the merchant's account knows them. Needed for JSAPI, where there is no `user`.
    openid: Option<String>,
    /// Who pays, as the sub-merchant's account knows them.
    sub_openid: Option<String>,
    /// The openid of who pays in this app, whichever of the two that is.
    user: Option<String>,
    /// Handed back unchanged; at most 127 characters.
    attach: Option<String>,
    /// RFC 3339; now without.
    #[schema(value_type = Option<String>)]
    time_start: Option<Timestamp>,
    /// RFC 3339, a minute to a year after the beginning; two hours without.
    #[schema(value_type = Option<String>)]
    time_expire: Option<Timestamp>,
    /// The address from which the payment is called.
    #[schema(value_type = Option<String>)]
    spbill_create_ip: Option<IpAddr>,
    /// The goods, as WeChat's JSON in a text.
    detail: Option<String>,
    /// For coupons.
    goods_tag: Option<String>,
    /// For NATIVE.
    product_id: Option<String>,
    /// `no_credit` refuses credit cards.
    limit_pay: Option<String>,
    /// Whether the user may ask for an electronic invoice.
    #[serde(default)]
    receipt: bool,
    /// Where the payment takes place, as WeChat's JSON in a text.
    scene_info: Option<String>,
    /// The till.
    device_info: Option<String>,
    /// For people here.
    #[serde(default)]
    comment: String,
}

impl NewOrder {
    /// Whether it says when it ends.
    pub(super) fn expires(&self) -> bool {
        self.time_expire.is_some()
    }

    /// Its number, and what is to be agreed on. `now` is in seconds since 1970.
    pub(super) fn terms(self, merchant: &Merchant, now: u64) -> (String, OrderTerms) {
        // A time before 1970 is none, and breaks the rule about the end.
        let seconds = |at: Timestamp| u64::try_from(at.as_second()).unwrap_or_default();
        let time_start = self.time_start.map_or(now, seconds);
        let (user, sub_user) = merchant.payer(self.user);
        let terms = OrderTerms {
            body: self.body,
            total_fee: self.total_fee,
            fee_type: self.fee_type.unwrap_or_else(|| "CNY".to_owned()),
            trade_type: self.trade_type.unwrap_or(TradeType::Jsapi),
            openid: self.openid.or(user),
            sub_openid: self.sub_openid.or(sub_user),
            attach: self.attach,
            time_start,
            time_expire: self.time_expire.map_or(time_start.saturating_add(DEFAULT_TIME_LIMIT), seconds),
            client_ip: self.spbill_create_ip,
            detail: self.detail,
            goods_tag: self.goods_tag,
            product_id: self.product_id,
            limit_pay: self.limit_pay,
            receipt: self.receipt,
            scene_info: self.scene_info,
            device_info: self.device_info,
            comment: self.comment,
        };
        let out_trade_no = self.out_trade_no.unwrap_or_else(|| Uuid::now_v7().simple().to_string());
        (out_trade_no, terms)
    }
}
