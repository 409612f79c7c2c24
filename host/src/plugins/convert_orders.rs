//! Between our orders and the WIT's.

use weft_wechat::pay::{Fen, TradeType};

use super::{
    bindings::{
        exported::hooks,
        imported::{order as wit, orders, types},
    },
    calls::OrderChange,
};
use crate::model::{Merchant, ObservationSource, Order, OrderState, OrderTerms, Refund};
use crate::pay::Prepaid;

/// What a hook hears of an order.
pub(super) fn event(change: OrderChange<'_>) -> hooks::OrderEvent {
    let OrderChange { id, order: changed, previous_state, source, attempt } = change;
    hooks::OrderEvent {
        id: id.to_owned(),
        order: order(changed),
        previous_state: state(previous_state),
        state: state(changed.state),
        source: match source {
            ObservationSource::Notify => hooks::Source::Notify,
            ObservationSource::Manual => hooks::Source::Manual,
            _ => hooks::Source::Query,
        },
        attempt,
    }
}

/// An order as plugins see it.
pub(super) fn order(order: &Order) -> wit::Order {
    let terms = &order.terms;
    wit::Order {
        merchant: order.merchant.clone(),
        out_trade_no: order.out_trade_no.clone(),
        body: terms.body.clone(),
        total_fee: terms.total_fee.0,
        fee_type: terms.fee_type.clone(),
        trade_type: match terms.trade_type {
            TradeType::Jsapi => wit::TradeType::Jsapi,
            TradeType::Native => wit::TradeType::Native,
            TradeType::App => wit::TradeType::App,
            TradeType::Mweb => wit::TradeType::Mweb,
            TradeType::Micropay => wit::TradeType::Micropay,
        },
        openid: order.openid.clone(),
        attach: terms.attach.clone(),
        created_at: order.created_at,
        expires_at: Some(terms.time_expire),
        state: state(order.state),
        transaction_id: order.transaction_id.clone(),
        paid_at: order.paid_at,
        version: order.version,
        result: order
            .result
            .iter()
            .map(|(path, value)| types::Field { path: path.clone(), value: value.clone() })
            .collect(),
    }
}

/// What a plugin wants to be agreed on with a merchant. `now` is in seconds since 1970.
pub(super) fn terms(new: orders::NewOrder, merchant: &Merchant, now: u64) -> OrderTerms {
    let trade_type = match new.trade_type {
        wit::TradeType::Jsapi => TradeType::Jsapi,
        wit::TradeType::Native => TradeType::Native,
        wit::TradeType::App => TradeType::App,
        wit::TradeType::Mweb => TradeType::Mweb,
        wit::TradeType::Micropay => TradeType::Micropay,
    };
    let (openid, sub_openid) = merchant.payer(new.openid);
    let terms = OrderTerms::new(new.body, Fen(new.total_fee), trade_type, now);
    OrderTerms {
        openid,
        sub_openid,
        attach: new.attach,
        time_expire: new.expires_at.unwrap_or(terms.time_expire),
        ..terms
    }
}

/// What the page, app or mini program hands to WeChat, and for NATIVE and MWEB where the user goes.
pub(super) fn prepaid(prepaid: Prepaid) -> Vec<types::Field> {
    let Prepaid { prepay_id: _, code_url, mweb_url, parameters } = prepaid;
    let urls = [("code_url", code_url), ("mweb_url", mweb_url)];
    let urls = urls.into_iter().filter_map(|(path, url)| Some((path, url?)));
    parameters.into_iter().chain(urls).map(|(path, value)| types::Field { path: path.to_owned(), value }).collect()
}

/// A refund as plugins see it.
pub(super) fn refund(refund: Refund) -> orders::Refund {
    orders::Refund {
        out_refund_no: refund.out_refund_no,
        refund_id: refund.refund_id,
        refund_fee: refund.refund_fee.0,
        status: refund.state.to_string(),
    }
}

fn state(state: OrderState) -> wit::State {
    match state {
        OrderState::New => wit::State::New,
        OrderState::Notpay => wit::State::Notpay,
        OrderState::Userpaying => wit::State::Userpaying,
        OrderState::Success => wit::State::Success,
        OrderState::Refund => wit::State::Refund,
        OrderState::Closed => wit::State::Closed,
        OrderState::Revoked => wit::State::Revoked,
        OrderState::Payerror => wit::State::Payerror,
    }
}
