//! A refund as programs read it: in the admin API, and in what webhooks are sent.

use serde::Serialize;
use utoipa::ToSchema;
use weft_wechat::pay::Fen;

use super::{Refund, RefundState};
use crate::time;

/// A refund.
#[derive(Debug, Serialize, ToSchema)]
pub struct RefundView {
    /// The merchant's number of it.
    pub out_refund_no: String,
    /// The order.
    pub out_trade_no: String,
    /// In fen.
    #[schema(value_type = u64)]
    pub refund_fee: Fen,
    /// For the user.
    pub reason: Option<String>,
    /// NEW (WeChat may not have it: send it again, or close it), PROCESSING, SUCCESS, CLOSED or ABNORMAL.
    #[schema(value_type = String, example = "SUCCESS")]
    pub state: RefundState,
    /// WeChat's number.
    pub refund_id: Option<String>,
    /// Where the money goes.
    pub received_account: Option<String>,
    /// RFC 3339: when the user had the money.
    pub success_at: Option<String>,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339.
    pub updated_at: String,
}

impl From<Refund> for RefundView {
    fn from(refund: Refund) -> Self {
        Self {
            out_refund_no: refund.out_refund_no,
            out_trade_no: refund.out_trade_no,
            refund_fee: refund.refund_fee,
            reason: refund.reason,
            state: refund.state,
            refund_id: refund.refund_id,
            received_account: refund.received_account,
            success_at: refund.success_at.map(time::rfc3339),
            created_at: time::rfc3339(refund.created_at),
            updated_at: time::rfc3339(refund.updated_at),
        }
    }
}
