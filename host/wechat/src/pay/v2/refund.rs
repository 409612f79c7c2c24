//! POST /secapi/pay/refund

use super::answer::{CallError, In};
use super::{Call, Fields};
use crate::pay::{self, Fen, RefundStatus};

/// Gives money back. After a failure the same `out_refund_no` is sent again: a new one would give it back twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// The merchant's number of the order.
    pub out_trade_no: String,
    /// The merchant's number of the refund.
    pub out_refund_no: String,
    /// What the order was about.
    pub total: Fen,
    /// How much is given back.
    pub refund: Fen,
    /// Why, for the user; at most 80 bytes.
    pub reason: Option<String>,
    /// Where WeChat tells of the outcome.
    pub notify_url: Option<String>,
}

impl Call for Refund {
    const PATH: &'static str = "/secapi/pay/refund";
    const NEEDS_CERTIFICATE: bool = true;
    type Answer = pay::Refund;

    fn fields(&self) -> Fields {
        let mut fields = Fields::default();
        fields.push("out_trade_no", &self.out_trade_no);
        fields.push("out_refund_no", &self.out_refund_no);
        fields.push("total_fee", self.total.to_string());
        fields.push("refund_fee", self.refund.to_string());
        fields.push_some("refund_desc", self.reason.as_deref());
        fields.push_some("notify_url", self.notify_url.as_deref());
        fields
    }

    /// WeChat has accepted it, no more.
    fn read(&self, fields: &Fields) -> Result<pay::Refund, CallError> {
        if fields.get("out_refund_no").is_some_and(|number| number != self.out_refund_no) {
            return Err(CallError::Other("out_refund_no"));
        }
        let refund = fields.amount("refund_fee").in_field("refund_fee")?;
        Ok(pay::Refund {
            out_refund_no: self.out_refund_no.clone(),
            refund_id: fields.text("refund_id"),
            out_trade_no: Some(self.out_trade_no.clone()),
            transaction_id: fields.text("transaction_id"),
            status: RefundStatus::Processing,
            refund: refund.ok_or(CallError::Missing("refund_fee"))?,
            total: fields.amount("total_fee").in_field("total_fee")?,
            success_at: None,
            received_account: None,
        })
    }
}
