//! How users pay.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How an order is paid, in the terms of v2; v3 calls [`TradeType::Mweb`] `h5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TradeType {
    /// In a page inside WeChat, or in a mini program.
    Jsapi,
    /// By a QR code that the user scans.
    Native,
    /// In an app of one's own.
    App,
    /// In a browser outside of WeChat.
    Mweb,
    /// By a code that the merchant scans from the user's phone. There is no notification.
    Micropay,
}

impl TradeType {
    /// Every type.
    pub const ALL: [Self; 5] = [Self::Jsapi, Self::Native, Self::App, Self::Mweb, Self::Micropay];

    /// As WeChat writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jsapi => "JSAPI",
            Self::Native => "NATIVE",
            Self::App => "APP",
            Self::Mweb => "MWEB",
            Self::Micropay => "MICROPAY",
        }
    }
}

impl fmt::Display for TradeType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The text names no way to pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a trade type is JSAPI, NATIVE, APP, MWEB or MICROPAY · 交易类型可选 JSAPI、NATIVE、APP、MWEB、MICROPAY")]
pub struct UnknownTradeType;

impl FromStr for TradeType {
    type Err = UnknownTradeType;

    fn from_str(text: &str) -> Result<Self, UnknownTradeType> {
        Self::ALL.into_iter().find(|trade_type| trade_type.as_str() == text).ok_or(UnknownTradeType)
    }
}
