//! Merchants and orders of WeChat Pay: how they change, and the admin API for them.

mod bills;
mod calls;
mod certificates;
mod check;
mod client_certificate;
mod crashes;
mod create;
mod deletion;
mod durability;
mod follow;
mod gateway;
mod given_up;
mod hooks;
mod merchants;
mod notices;
mod notifications;
mod open_refunds;
mod overtaken;
mod qrcode;
mod refund_events;
mod simulated;
mod transitions;
mod unsigned;
mod webhooks;

pub(crate) use hooks::{all, create, events_become, redeliver, see, shop};
pub(crate) use merchants::{API_KEY, APIV3_KEY};
use weft::model::{Order, OrderState, OrderTerms};
use weft_wechat::pay::{Fen, Party, TradeState, TradeType, Transaction};

pub(crate) const NUMBER: &str = "T20260101000001";

/// The merchant's certificate and its key, made for tests.
pub(crate) const CERTIFICATE: &str = include_str!("../../../wechat/tests/it/pay/keys/merchant_certificate.pem");
pub(crate) const PRIVATE_KEY: &str = include_str!("../../../wechat/tests/it/pay/keys/merchant_key.pem");
/// A key that does not belong to [`CERTIFICATE`].
pub(crate) const OTHER_KEY: &str = include_str!("../../../wechat/tests/it/pay/keys/platform_key.pem");

fn party() -> Party {
    Party { appid: "wx1".into(), mch_id: "1900000109".into(), sub_appid: None, sub_mch_id: None }
}

/// An order of one yuan and a fen, not yet known to WeChat.
pub(crate) fn order(trade_type: TradeType) -> Order {
    let terms = OrderTerms {
        body: "a pear".into(),
        total_fee: Fen(101),
        fee_type: "CNY".into(),
        trade_type,
        openid: Some("oTEST".into()),
        sub_openid: None,
        attach: None,
        time_start: 1_700_000_000,
        time_expire: 1_700_007_200,
        client_ip: None,
        detail: None,
        goods_tag: None,
        product_id: None,
        limit_pay: None,
        receipt: false,
        scene_info: None,
        device_info: None,
        comment: String::new(),
    };
    Order::new("shop", "default", NUMBER, party(), terms, 1_700_000_000)
}

/// What WeChat tells of the order in that state.
pub(crate) fn told(state: TradeState) -> Transaction {
    let is_paid = OrderState::from(state).is_paid();
    Transaction {
        appid: Some("wx1".into()),
        mch_id: "1900000109".into(),
        sub_appid: None,
        sub_mch_id: None,
        out_trade_no: NUMBER.into(),
        transaction_id: is_paid.then(|| "42001".into()),
        state,
        trade_type: None,
        total: is_paid.then_some(Fen(101)),
        currency: None,
        paid_at: is_paid.then_some(1_700_000_100),
        openid: is_paid.then(|| "oPAID".into()),
        sub_openid: None,
        attach: None,
        other: Vec::new(),
    }
}
