//! Orders of WeChat Pay, the same for v2 and v3.
//!
//! ```
//! use weft_plugin::{prelude::*, testing};
//!
//! let order = testing::order("A1", 990);
//! assert!(!order.is_paid());
//! assert!(Order { state: OrderState::Refund, ..order }.is_paid());
//! ```

pub use crate::bindings::imported::order::{Order, State, TradeType};

impl Order {
    /// Whether it was paid, also when it was refunded since.
    pub fn is_paid(&self) -> bool {
        matches!(self.state, State::Success | State::Refund)
    }
}
