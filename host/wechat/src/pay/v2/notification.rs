//! What WeChat posts when an order was paid, and what it must be answered.

use super::answer::CallError;
use super::transaction::transaction;
use super::{Fields, FieldsError, Merchant};
use crate::pay::{TradeState, Transaction};
use crate::xml;

/// A payment that WeChat told of, verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notification {
    /// The order is paid.
    Paid(Box<Transaction>),
    /// A payment came to nothing; the order may still be paid. WeChat's code for the reason.
    Failed {
        /// The merchant's number.
        out_trade_no: String,
        /// `err_code`.
        code: String,
    },
}

/// Why a notification is not believed. Whatever it says must not change anything.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotificationError {
    /// It cannot be read.
    #[error("the notification cannot be read: {0}")]
    Unreadable(#[from] FieldsError),
    /// It is not signed, or not by the merchant's key, or about somebody else, or makes no sense.
    #[error("the notification is not believed: {0}")]
    Unbelieved(CallError),
}

impl Merchant {
    /// Verifies and reads what was posted.
    ///
    /// # Errors
    /// When it is not signed by this merchant's key in the way that the merchant is set to, or makes no sense.
    pub fn open(&self, body: &[u8]) -> Result<Notification, NotificationError> {
        let fields = Fields::read(body)?;
        self.read_notification(&fields).map_err(NotificationError::Unbelieved)
    }

    fn read_notification(&self, fields: &Fields) -> Result<Notification, CallError> {
        self.check(fields, self.sign_type)?;
        if fields.get("result_code") != Some("SUCCESS") {
            let out_trade_no = fields.text("out_trade_no").ok_or(CallError::Missing("out_trade_no"))?;
            return Ok(Notification::Failed { out_trade_no, code: fields.text("err_code").unwrap_or_default() });
        }
        for field in ["appid", "transaction_id", "total_fee"] {
            fields.get(field).ok_or(CallError::Missing(field))?;
        }
        Ok(Notification::Paid(Box::new(transaction(fields, TradeState::Success)?)))
    }
}

/// The answer that ends WeChat's tries.
pub fn success() -> &'static str {
    "<xml><return_code><![CDATA[SUCCESS]]></return_code><return_msg><![CDATA[OK]]></return_msg></xml>"
}

/// The answer after which WeChat tries again.
pub fn failure(message: &str) -> String {
    let mut out = String::from("<xml><return_code><![CDATA[FAIL]]></return_code>");
    xml::cdata_within(&mut out, "return_msg", message, 120);
    out.push_str("</xml>");
    out
}
