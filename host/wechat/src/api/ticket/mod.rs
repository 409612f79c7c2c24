//! Tickets: what pages sign with for the JS-SDK.

pub mod getticket;

use std::str::FromStr;

/// What a ticket is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TicketType {
    /// `wx.config` of the JS-SDK.
    Jsapi,
    /// Cards and coupons.
    Card,
}

impl TicketType {
    /// The text at WeChat.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jsapi => "jsapi",
            Self::Card => "wx_card",
        }
    }
}

impl FromStr for TicketType {
    type Err = UnknownTicketType;

    fn from_str(text: &str) -> Result<Self, UnknownTicketType> {
        [Self::Jsapi, Self::Card].into_iter().find(|known| known.as_str() == text).ok_or(UnknownTicketType)
    }
}

/// WeChat has no tickets of this type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("one of jsapi, wx_card · 可选 jsapi、wx_card")]
pub struct UnknownTicketType;
