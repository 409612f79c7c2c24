//! Where an order is.

use serde::{Deserialize, Serialize};
use weft_wechat::pay::TradeState;

use crate::model::words::words;

/// Where an order is: WeChat's states, and the one before WeChat knows of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum OrderState {
    /// Created here; WeChat does not know of it.
    New,
    /// Waits for a payment.
    Notpay,
    /// The user is typing the password of a payment by code.
    Userpaying,
    /// A payment by code failed.
    Payerror,
    /// Closed without having been paid.
    Closed,
    /// A payment by code was taken back.
    Revoked,
    /// Paid.
    Success,
    /// Paid, and refunds were begun since.
    Refund,
}

words!(
    OrderState {
        New: "NEW",
        Notpay: TradeState::Notpay.as_str(),
        Userpaying: TradeState::Userpaying.as_str(),
        Payerror: TradeState::Payerror.as_str(),
        Closed: TradeState::Closed.as_str(),
        Revoked: TradeState::Revoked.as_str(),
        Success: TradeState::Success.as_str(),
        Refund: TradeState::Refund.as_str(),
    },
    UnknownOrderState
);

impl OrderState {
    /// How far it is. An order goes up; the exceptions stand in [`transition`](super::transition()).
    pub fn rank(self) -> u8 {
        match self {
            Self::New => 0,
            Self::Notpay => 1,
            Self::Userpaying => 2,
            Self::Payerror | Self::Closed | Self::Revoked => 3,
            Self::Success => 4,
            Self::Refund => 5,
        }
    }

    /// Whether money was received, also when some of it was given back since.
    pub fn is_paid(self) -> bool {
        matches!(self, Self::Success | Self::Refund)
    }

    /// Whether it ended without a payment.
    pub fn is_closed(self) -> bool {
        matches!(self, Self::Closed | Self::Revoked)
    }

    /// Whether it may still become anything: WeChat is asked about such orders.
    pub fn is_open(self) -> bool {
        !self.is_paid() && !self.is_closed()
    }
}

impl From<TradeState> for OrderState {
    fn from(state: TradeState) -> Self {
        match state {
            TradeState::Notpay => Self::Notpay,
            TradeState::Userpaying => Self::Userpaying,
            TradeState::Payerror => Self::Payerror,
            TradeState::Closed => Self::Closed,
            TradeState::Revoked => Self::Revoked,
            TradeState::Success => Self::Success,
            TradeState::Refund => Self::Refund,
        }
    }
}

/// No state has this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a state is one of NEW, NOTPAY, USERPAYING, PAYERROR, CLOSED, REVOKED, SUCCESS, REFUND · 可选 NEW、NOTPAY、USERPAYING、PAYERROR、CLOSED、REVOKED、SUCCESS、REFUND"
)]
pub struct UnknownOrderState;
