//! A refund of an order, or of a part of it.

mod view;

use serde::{Deserialize, Serialize};
use weft_wechat::pay::{self, Fen, OutRefundNo, RefundStatus};

pub use view::RefundView;

use super::words::words;
use super::{FieldError, Order};

/// How many refunds one order may have, as WeChat limits them.
const MOST_REFUNDS: usize = 50;

/// Where a refund is: WeChat's states, and the one before WeChat took it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RefundState {
    /// Created here. Whether WeChat has it is not known: it is sent again with the same number.
    New,
    /// The money is on its way.
    Processing,
    /// The user has the money.
    Success,
    /// It came to nothing.
    Closed,
    /// The user's card cannot take it: somebody has to look after it.
    Abnormal,
}

words!(
    RefundState { New: "NEW", Processing: "PROCESSING", Success: "SUCCESS", Closed: "CLOSED", Abnormal: "ABNORMAL" },
    UnknownRefundState
);

impl RefundState {
    /// Whether nothing can become of it any more.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Success | Self::Closed)
    }
}

/// No state has this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a refund is NEW, PROCESSING, SUCCESS, CLOSED or ABNORMAL")]
pub struct UnknownRefundState;

impl From<RefundStatus> for RefundState {
    fn from(status: RefundStatus) -> Self {
        match status {
            RefundStatus::Processing => Self::Processing,
            RefundStatus::Success => Self::Success,
            RefundStatus::Closed => Self::Closed,
            RefundStatus::Abnormal => Self::Abnormal,
        }
    }
}

/// A refund. Times are seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// The merchant's number of the refund, unique within the merchant.
    pub out_refund_no: String,
    /// The merchant's number of the order.
    pub out_trade_no: String,
    /// How much; does not change.
    pub refund_fee: Fen,
    /// Why, for the user; at most 80 characters.
    pub reason: Option<String>,
    /// Where it is.
    pub state: RefundState,
    /// WeChat's number.
    pub refund_id: Option<String>,
    /// Where the money goes, in WeChat's words.
    pub received_account: Option<String>,
    /// When the user had the money.
    pub success_at: Option<u64>,
    /// When it was created.
    pub created_at: u64,
    /// When anything here last changed, or WeChat was last called for it.
    pub updated_at: u64,
}

/// One accepted change of a refund.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundStep {
    /// Where it was before.
    pub previous_state: RefundState,
    /// The refund just after it.
    pub refund: Refund,
}

impl Refund {
    /// A new refund, before WeChat knows of it; the storage fills in the times.
    pub fn new(out_refund_no: &str, out_trade_no: &str, refund_fee: Fen, reason: Option<String>) -> Self {
        Self {
            out_refund_no: out_refund_no.to_owned(),
            out_trade_no: out_trade_no.to_owned(),
            refund_fee,
            reason,
            state: RefundState::New,
            refund_id: None,
            received_account: None,
            success_at: None,
            created_at: 0,
            updated_at: 0,
        }
    }

    /// The fields that break their rules, beside the refunds that the order has; empty when it may be created.
    pub fn check(&self, order: &Order, others: &[Self]) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let mut require = |right: bool, field: &'static str, message: String| {
            if !right {
                errors.push(FieldError::new(field, message));
            }
        };
        if let Err(error) = self.out_refund_no.parse::<OutRefundNo>() {
            require(false, "out_refund_no", error.to_string());
        }
        let is_reason =
            |reason: &String| (1..=80).contains(&reason.chars().count()) && !reason.chars().any(char::is_control);
        require(self.reason.as_ref().is_none_or(is_reason), "reason", "1 to 80 characters".to_owned());
        require(
            order.state.is_paid(),
            "out_trade_no",
            format!("the order is {}: only a paid one is refunded", order.state),
        );
        require(others.len() < MOST_REFUNDS, "out_refund_no", format!("an order has at most {MOST_REFUNDS} refunds"));
        let left = left_to_refund(order, others);
        let right = (Fen(1)..=left).contains(&self.refund_fee);
        require(right, "refund_fee", format!("1 to {left} fen: what of the order is not refunded yet"));
        errors
    }

    /// The refund after WeChat told of it; none when that changes nothing. What does not fit it changes nothing: see
    /// [`is_told_by`](Self::is_told_by).
    pub fn after(&self, told: &pay::Refund) -> Option<Self> {
        let to = RefundState::from(told.status);
        let goes_back = self.state.is_final() || (to == RefundState::Processing && self.state != RefundState::New);
        if !self.is_told_by(told) || (goes_back && to != self.state) {
            return None;
        }
        let after = Self {
            state: to,
            refund_id: self.refund_id.clone().or_else(|| told.refund_id.clone()),
            received_account: told.received_account.clone().or_else(|| self.received_account.clone()),
            success_at: self.success_at.or(told.success_at),
            ..self.clone()
        };
        (after != *self).then_some(after)
    }

    /// Whether it is this refund that WeChat tells of: number, order and amount.
    pub fn is_told_by(&self, told: &pay::Refund) -> bool {
        let is_same = |own: &Option<String>, told: &Option<String>| own.is_none() || told.is_none() || own == told;
        self.out_refund_no == told.out_refund_no
            && self.refund_fee == told.refund
            && told.out_trade_no.as_ref().is_none_or(|number| *number == self.out_trade_no)
            && is_same(&self.refund_id, &told.refund_id)
    }
}

/// How much of an order may still be given back: what is neither given back nor on its way.
pub fn left_to_refund(order: &Order, refunds: &[Refund]) -> Fen {
    let counted = refunds.iter().filter(|refund| refund.state != RefundState::Closed);
    let given: u64 = counted.map(|refund| refund.refund_fee.0).fold(0, u64::saturating_add);
    Fen(order.terms.total_fee.0.saturating_sub(given))
}
