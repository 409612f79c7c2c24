//! What WeChat tells of a refund, the same for v2 and v3.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Fen;

/// Where a refund is, in the terms of v3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RefundStatus {
    /// Accepted; the money is on its way.
    Processing,
    /// The user has the money.
    Success,
    /// It came to nothing; a new one needs a new number. v2 calls it `REFUNDCLOSE`.
    Closed,
    /// The user's card cannot take it, and somebody has to look after it. v2 calls it `CHANGE`.
    Abnormal,
}

impl RefundStatus {
    /// Every status.
    pub const ALL: [Self; 4] = [Self::Processing, Self::Success, Self::Closed, Self::Abnormal];

    /// As v3 writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Processing => "PROCESSING",
            Self::Success => "SUCCESS",
            Self::Closed => "CLOSED",
            Self::Abnormal => "ABNORMAL",
        }
    }
}

impl fmt::Display for RefundStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// WeChat names a status that is not known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the status of the refund is none that is known here")]
pub struct UnknownRefundStatus;

impl FromStr for RefundStatus {
    type Err = UnknownRefundStatus;

    /// Takes the names of both versions.
    fn from_str(text: &str) -> Result<Self, UnknownRefundStatus> {
        match text {
            "REFUNDCLOSE" => Ok(Self::Closed),
            "CHANGE" => Ok(Self::Abnormal),
            _ => Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or(UnknownRefundStatus),
        }
    }
}

/// What WeChat tells of a refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// The merchant's number of the refund.
    pub out_refund_no: String,
    /// WeChat's number of the refund.
    pub refund_id: Option<String>,
    /// The merchant's number of the order, where it is told.
    pub out_trade_no: Option<String>,
    /// WeChat's number of the order, where it is told.
    pub transaction_id: Option<String>,
    /// Where it is.
    pub status: RefundStatus,
    /// How much is given back.
    pub refund: Fen,
    /// What the order was about, where it is told.
    pub total: Option<Fen>,
    /// When the user had the money, in seconds since 1970.
    pub success_at: Option<u64>,
    /// Where the money goes, in WeChat's words, such as `招商银行信用卡0403`.
    pub received_account: Option<String>,
}
