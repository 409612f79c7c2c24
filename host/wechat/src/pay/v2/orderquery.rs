//! POST /pay/orderquery

use super::answer::{CallError, In};
use super::transaction::transaction_of;
use super::{Call, Fields};
use crate::pay::{TradeState, Transaction};

/// Asks where an order is. WeChat refuses with `ORDERNOTEXIST` as long as nobody looked at it; that does not say
/// that it is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderQuery {
    /// The merchant's number.
    pub out_trade_no: String,
}

impl Call for OrderQuery {
    const PATH: &'static str = "/pay/orderquery";
    type Answer = Transaction;

    fn fields(&self) -> Fields {
        let mut fields = Fields::default();
        fields.push("out_trade_no", &self.out_trade_no);
        fields
    }

    fn read(&self, fields: &Fields) -> Result<Transaction, CallError> {
        let state = fields.get("trade_state").ok_or(CallError::Missing("trade_state"))?;
        let state = state.parse::<TradeState>().in_field("trade_state")?;
        transaction_of(fields, state, &self.out_trade_no)
    }
}
