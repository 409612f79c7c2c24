//! WeChat Pay without sending anything: [`v2`] (XML, MD5 or HMAC-SHA256) and [`v3`] (JSON, RSA and AES-GCM).
//!
//! What both tell of an order is a [`Transaction`], and of a refund a [`Refund`]: whoever keeps orders need not know
//! which version a merchant uses. No value that arrives is given out before its signature was verified.

mod fen;
mod out_trade_no;
mod path;
mod refund;
mod trade_type;
mod transaction;

pub mod bill;
pub mod client;
pub mod time;
pub mod v2;
pub mod v3;

pub use fen::{Fen, InvalidFen};
pub use out_trade_no::{InvalidNumber, OutRefundNo, OutTradeNo};
pub use path::{PayPath, PayPathError};
pub use refund::{Refund, RefundStatus, UnknownRefundStatus};
pub use trade_type::{TradeType, UnknownTradeType};
pub use transaction::{TradeState, Transaction, UnknownTradeState};

/// Whose orders they are: a merchant, and in partner mode the merchant on whose behalf the partner acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// The account that the merchant number is bound to; the partner's in partner mode.
    pub appid: String,
    /// The merchant number; the partner's in partner mode.
    pub mch_id: String,
    /// In partner mode the account of the sub-merchant, when it has one of its own.
    pub sub_appid: Option<String>,
    /// In partner mode the sub-merchant.
    pub sub_mch_id: Option<String>,
}

impl Party {
    /// Whether a partner acts for a sub-merchant.
    pub fn is_partner(&self) -> bool {
        self.sub_mch_id.is_some()
    }
}
