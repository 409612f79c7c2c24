//! What became of comparing the bills of a day with the orders and refunds here, and what differs.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use weft_wechat::pay::Fen;

use super::BillDate;
use super::words::words;

/// The comparison of a merchant's bills of one day. Times are seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reconciliation {
    /// The app's name.
    pub app: String,
    /// The merchant's name in the app.
    pub merchant: String,
    /// The day.
    pub date: BillDate,
    /// How often it was begun.
    pub run: u64,
    /// When it was begun the last time.
    pub begun_at: u64,
    /// When it came to its end the last time; none when it never did.
    pub done_at: Option<u64>,
    /// Why it came to nothing the last time.
    pub error: Option<String>,
    /// What was found the last time that it came to its end.
    pub figures: Figures,
}

/// What was found in a day's bills.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Figures {
    /// How many payments of this merchant's there are in the bill.
    pub payments: u64,
    /// Their sum, in fen.
    #[schema(value_type = u64)]
    pub payments_total: Fen,
    /// How many refunds of this merchant's there are in the bill.
    pub refunds: u64,
    /// Their sum, in fen.
    #[schema(value_type = u64)]
    pub refunds_total: Fen,
    /// How many lines are about other accounts or sub-merchants of the same merchant number.
    pub others: u64,
    /// How many orders and refunds WeChat was asked about because of the bill.
    pub asked: u64,
    /// How many of them are now what they are at WeChat.
    pub mended: u64,
    /// How many differences were left out because there are too many.
    pub left_out: u64,
    /// Why the movements of the account were not compared; null when they were.
    pub fund_flow_error: Option<String>,
}

/// What kind of difference it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// A payment of an order that is not here.
    UnknownOrder,
    /// The order is somewhere else here than at WeChat.
    OrderState,
    /// The order was paid here, and the bill has no payment of it.
    MissingOrder,
    /// The payment is of another amount than the order.
    OrderAmount,
    /// The order is paid by another payment.
    TransactionId,
    /// The payment is another account's or sub-merchant's.
    OtherParty,
    /// A refund that is not here.
    UnknownRefund,
    /// The refund is of another amount, or of another order.
    RefundAmount,
    /// The refund is somewhere else here than at WeChat.
    RefundState,
    /// The refund is here, and the bill has none of it.
    MissingRefund,
    /// More or less was paid into the account than the trades sum up to.
    FundFlowPayments,
    /// More or less was given back from the account than the refunds sum up to.
    FundFlowRefunds,
}

words!(
    DifferenceKind {
        UnknownOrder: "unknown_order",
        OrderState: "order_state",
        MissingOrder: "missing_order",
        OrderAmount: "order_amount",
        TransactionId: "transaction_id",
        OtherParty: "other_party",
        UnknownRefund: "unknown_refund",
        RefundAmount: "refund_amount",
        RefundState: "refund_state",
        MissingRefund: "missing_refund",
        FundFlowPayments: "fund_flow_payments",
        FundFlowRefunds: "fund_flow_refunds",
    },
    UnknownDifference
);

impl DifferenceKind {
    /// What a person should do about it.
    pub fn what_to_do(self) -> &'static str {
        match self {
            Self::UnknownOrder => {
                "Find out which program created the order. When it is one of yours that nobody serves any more, deliver \
                 what was bought or refund it in WeChat Pay's console."
            }
            Self::OrderState => {
                "WeChat was asked and its answer did not settle it: look at the order's alarms, and compare it with \
                 WeChat Pay's console. A bill alone changes no order."
            }
            Self::MissingOrder => {
                "WeChat was asked and says that it is paid, or could not say otherwise: look for it in the bill of the \
                 day before or after, and ask WeChat Pay's support when it is in none."
            }
            Self::OrderAmount => {
                "Somebody paid another amount than the order is about. Do not deliver; look at the payment in WeChat \
                 Pay's console, and refund it there."
            }
            Self::TransactionId => {
                "The order may have been paid twice: look at both payments in WeChat Pay's console, and refund one of \
                 them there."
            }
            Self::OtherParty => {
                "The number is used by another account or sub-merchant of the same merchant number. See to it that \
                 numbers are not shared."
            }
            Self::UnknownRefund => {
                "Somebody gave the money back outside of Weft, as in WeChat Pay's console. When that was meant, resolve \
                 this; the order shows it as REFUND."
            }
            Self::RefundAmount => {
                "The refund is of another amount, or of another order, than here: compare it with WeChat Pay's console."
            }
            Self::RefundState => {
                "WeChat was asked and its answer did not settle it: send the refund again with the same number, and \
                 look after it in WeChat Pay's console when it is ABNORMAL."
            }
            Self::MissingRefund => {
                "Look for it in the bill of the day before or after. When it is in none, query the refund, and ask \
                 WeChat Pay's support."
            }
            Self::FundFlowPayments | Self::FundFlowRefunds => {
                "Compare both bills in WeChat Pay's console. What was settled on another day, and payments in other \
                 currencies, are good reasons for a difference."
            }
        }
    }
}

/// There is no such kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no kind of difference has this name")]
pub struct UnknownDifference;

/// Something that differs, as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What.
    pub kind: DifferenceKind,
    /// The merchant's number of the order; empty where it is about none.
    pub out_trade_no: String,
    /// The merchant's number of the refund; empty where it is about none.
    pub out_refund_no: String,
    /// WeChat's number of the payment or the refund, where there is one.
    pub wechat_number: Option<String>,
    /// What is here, for people.
    pub here: String,
    /// What WeChat has, for people.
    pub at_wechat: String,
}

/// A difference as it is kept. Times are seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// UUIDs of version 7: newer ones are greater.
    pub id: String,
    /// The app's name.
    pub app: String,
    /// The merchant's name in the app.
    pub merchant: String,
    /// The day of the bill.
    pub date: BillDate,
    /// What differs.
    pub found: Found,
    /// In how many comparisons it was found.
    pub times: u64,
    /// When it was found first.
    pub first_found_at: u64,
    /// When it was found last.
    pub last_found_at: u64,
    /// Whether somebody, or a later comparison, is done with it.
    pub resolved: Option<Resolution>,
}

/// That, and how, a difference was settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// Seconds since 1970.
    pub at: u64,
    /// The name of the token; none when a later comparison did not find it any more.
    pub by: Option<String>,
    /// What they noted.
    pub note: String,
}
