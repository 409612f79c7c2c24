//! From our orders to the WIT's.

use weft_wechat::pay::TradeType;

use super::{
    bindings::{
        exported::hooks,
        imported::{order as wit, types},
    },
    calls::OrderChange,
};
use crate::model::{ObservationSource, Order, OrderState};

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
