//! POST /pay/refundquery

use super::answer::{CallError, In};
use super::{Call, Fields};
use crate::pay::{self, RefundStatus, time};

/// Asks where a refund is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundQuery {
    /// The merchant's number of the refund.
    pub out_refund_no: String,
}

impl Call for RefundQuery {
    const PATH: &'static str = "/pay/refundquery";
    type Answer = pay::Refund;

    fn fields(&self) -> Fields {
        let mut fields = Fields::default();
        fields.push("out_refund_no", &self.out_refund_no);
        fields
    }

    /// The refund stands at index 0, as it alone was asked for. `refund_recv_accout` is WeChat's own spelling.
    fn read(&self, fields: &Fields) -> Result<pay::Refund, CallError> {
        if fields.get("out_refund_no_0") != Some(&self.out_refund_no) {
            return Err(CallError::Other("out_refund_no"));
        }
        let status = fields.get("refund_status_0").ok_or(CallError::Missing("refund_status_0"))?;
        let status = status.parse::<RefundStatus>().in_field("refund_status_0")?;
        let refund = fields.amount("refund_fee_0").in_field("refund_fee_0")?;
        let success_at = fields.get("refund_success_time_0").map(time::from_spaced).transpose();
        Ok(pay::Refund {
            out_refund_no: self.out_refund_no.clone(),
            refund_id: fields.text("refund_id_0"),
            out_trade_no: fields.text("out_trade_no"),
            transaction_id: fields.text("transaction_id"),
            status,
            refund: refund.ok_or(CallError::Missing("refund_fee_0"))?,
            total: fields.amount("total_fee").in_field("total_fee")?,
            success_at: success_at.in_field("refund_success_time_0")?,
            received_account: fields.text("refund_recv_accout_0"),
        })
    }
}
