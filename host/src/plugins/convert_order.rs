//! Orders as plugins see them.

use weft_wechat::pay::TradeType;

use super::bindings::{
    exported::hooks,
    imported::{order as wit, types},
};
use super::calls::OrderUpdate;
use crate::model::{ObservationSource, Order, OrderState};

/// What a hook hears.
pub(super) fn order_event(update: OrderUpdate<'_>) -> hooks::OrderEvent {
    hooks::OrderEvent {
        id: update.id.to_owned(),
        order: order(update.order),
        previous_state: state(update.previous_state),
        state: state(update.order.state),
        source: source(update.source),
        attempt: update.attempt,
    }
}

fn order(order: &Order) -> wit::Order {
    let terms = &order.terms;
    let field = |(path, value): &(String, String)| types::Field { path: path.clone(), value: value.clone() };
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
        result: order.result.iter().map(field).collect(),
    }
}

fn state(state: OrderState) -> wit::State {
    match state {
        OrderState::New => wit::State::New,
        OrderState::Notpay => wit::State::Notpay,
        OrderState::Userpaying => wit::State::Userpaying,
        OrderState::Payerror => wit::State::Payerror,
        OrderState::Closed => wit::State::Closed,
        OrderState::Revoked => wit::State::Revoked,
        OrderState::Success => wit::State::Success,
        OrderState::Refund => wit::State::Refund,
    }
}

/// Plugins are told whether WeChat told, we asked or did something there, or an operator did.
fn source(source: ObservationSource) -> hooks::Source {
    match source {
        ObservationSource::Notify => hooks::Source::Notify,
        ObservationSource::Manual => hooks::Source::Manual,
        ObservationSource::Prepay
        | ObservationSource::Query
        | ObservationSource::Close
        | ObservationSource::Reverse
        | ObservationSource::Refund
        | ObservationSource::Bill => hooks::Source::Query,
    }
}
