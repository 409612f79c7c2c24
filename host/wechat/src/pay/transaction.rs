//! What WeChat tells of an order, the same for v2 and v3.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Fen;

/// Where WeChat sees an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TradeState {
    /// Not paid yet.
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
    /// Paid, and refunds were begun since. How far they are, only the refunds tell.
    Refund,
}

impl TradeState {
    /// Every state.
    pub const ALL: [Self; 7] =
        [Self::Notpay, Self::Userpaying, Self::Payerror, Self::Closed, Self::Revoked, Self::Success, Self::Refund];

    /// As WeChat writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Notpay => "NOTPAY",
            Self::Userpaying => "USERPAYING",
            Self::Payerror => "PAYERROR",
            Self::Closed => "CLOSED",
            Self::Revoked => "REVOKED",
            Self::Success => "SUCCESS",
            Self::Refund => "REFUND",
        }
    }
}

impl fmt::Display for TradeState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// WeChat names a state that is not known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the state of the order is none that is known here")]
pub struct UnknownTradeState;

impl FromStr for TradeState {
    type Err = UnknownTradeState;

    /// `ACCEPT`, a payment that waits for the bank, counts as a user who is paying.
    fn from_str(text: &str) -> Result<Self, UnknownTradeState> {
        if text == "ACCEPT" {
            return Ok(Self::Userpaying);
        }
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or(UnknownTradeState)
    }
}

/// What WeChat tells of an order. Of one that nobody has paid it tells little.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// The account; the partner's in partner mode. Not in every answer.
    pub appid: Option<String>,
    /// The merchant; the partner's in partner mode.
    pub mch_id: String,
    /// In partner mode the sub-merchant's account.
    pub sub_appid: Option<String>,
    /// In partner mode the sub-merchant.
    pub sub_mch_id: Option<String>,
    /// The merchant's number.
    pub out_trade_no: String,
    /// WeChat's number, once the order is paid.
    pub transaction_id: Option<String>,
    /// Where it is.
    pub state: TradeState,
    /// `JSAPI`, `NATIVE`, `FACEPAY`, …
    pub trade_type: Option<String>,
    /// What was to be paid.
    pub total: Option<Fen>,
    /// `CNY`; v2 may leave it out.
    pub currency: Option<String>,
    /// Seconds since 1970.
    pub paid_at: Option<u64>,
    /// Who paid, as the account knows them.
    pub openid: Option<String>,
    /// Who paid, as the sub-merchant's account knows them.
    pub sub_openid: Option<String>,
    /// What the order was created with.
    pub attach: Option<String>,
    /// Everything else, by the names of v2 or v3, in their order.
    pub other: Vec<(String, String)>,
}
