//! Orders of WeChat Pay, the same for v2 and v3.
//!
//! ```
//! use weft_plugin::{prelude::*, testing};
//!
//! let order = testing::order("A1", 990);
//! assert!(!order.is_paid());
//! assert!(Order { state: OrderState::Refund, ..order }.is_paid());
//! ```

use std::fmt;

pub use crate::bindings::imported::order::{Order, State, TradeType};

impl Order {
    /// Whether it was paid, also when it was refunded since.
    pub fn is_paid(&self) -> bool {
        matches!(self.state, State::Success | State::Refund)
    }
}

impl State {
    /// WeChat's word for it, such as `SUCCESS`; `NEW` where WeChat does not know the order yet.
    ///
    /// ```
    /// use weft_plugin::prelude::*;
    ///
    /// assert_eq!(format!("the order is {}", OrderState::Userpaying), "the order is USERPAYING");
    /// ```
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "NEW",
            Self::Notpay => "NOTPAY",
            Self::Userpaying => "USERPAYING",
            Self::Success => "SUCCESS",
            Self::Refund => "REFUND",
            Self::Closed => "CLOSED",
            Self::Revoked => "REVOKED",
            Self::Payerror => "PAYERROR",
        }
    }

    /// Whether it may still be paid.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::New | Self::Notpay | Self::Userpaying | Self::Payerror)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TradeType {
    /// WeChat's word for it, such as `JSAPI`.
    pub const fn as_str(self) -> &'static str {
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
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
