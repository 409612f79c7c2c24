//! Fields about an order, as queries, payments by code and notifications have them.

use super::answer::{CallError, In};
use super::{Fields, Merchant};
use crate::pay::{TradeState, Transaction, time};

/// Fields that say nothing of the order itself, or have a place of their own.
const KNOWN: [&str; 26] = [
    "appid",
    "attach",
    "err_code",
    "err_code_des",
    "fee_type",
    "mch_id",
    "nonce_str",
    "openid",
    "out_trade_no",
    "result_code",
    "return_code",
    "return_msg",
    "sign",
    "sign_type",
    "sub_appid",
    "sub_mch_id",
    "sub_openid",
    "time_end",
    "total_fee",
    "trade_state",
    "trade_type",
    "transaction_id",
    "recall",
    "prepay_id",
    "code_url",
    "mweb_url",
];

/// What verified fields say of an order that is in `state`.
pub(super) fn transaction(fields: &Fields, state: TradeState) -> Result<Transaction, CallError> {
    let paid_at = fields.get("time_end").map(time::from_compact).transpose().in_field("time_end")?;
    let other = fields.iter().filter(|(name, value)| !KNOWN.contains(name) && !value.is_empty());
    Ok(Transaction {
        appid: fields.text("appid"),
        mch_id: fields.text("mch_id").ok_or(CallError::Missing("mch_id"))?,
        sub_appid: fields.text("sub_appid"),
        sub_mch_id: fields.text("sub_mch_id"),
        out_trade_no: fields.text("out_trade_no").ok_or(CallError::Missing("out_trade_no"))?,
        transaction_id: fields.text("transaction_id"),
        state,
        trade_type: fields.text("trade_type"),
        total: fields.amount("total_fee").in_field("total_fee")?,
        currency: fields.text("fee_type"),
        paid_at,
        openid: fields.text("openid"),
        sub_openid: fields.text("sub_openid"),
        attach: fields.text("attach"),
        other: other.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
    })
}

/// As [`transaction`], of an order that must be the one with that number.
pub(super) fn transaction_of(fields: &Fields, state: TradeState, out_trade_no: &str) -> Result<Transaction, CallError> {
    let transaction = transaction(fields, state)?;
    if transaction.out_trade_no == out_trade_no { Ok(transaction) } else { Err(CallError::Other("out_trade_no")) }
}

impl Merchant {
    /// The fields in which WeChat tells of an order, without a signature.
    pub fn fields_of(&self, transaction: &Transaction) -> Fields {
        let mut fields = Fields::default();
        fields.push("return_code", "SUCCESS");
        fields.push("result_code", "SUCCESS");
        fields.push_some("appid", transaction.appid.as_deref());
        fields.push("mch_id", &transaction.mch_id);
        fields.push_some("sub_appid", transaction.sub_appid.as_deref());
        fields.push_some("sub_mch_id", transaction.sub_mch_id.as_deref());
        fields.push("out_trade_no", &transaction.out_trade_no);
        fields.push_some("transaction_id", transaction.transaction_id.as_deref());
        fields.push_some("trade_type", transaction.trade_type.as_deref());
        fields.push("total_fee", transaction.total.map(|total| total.to_string()).unwrap_or_default());
        fields.push_some("fee_type", transaction.currency.as_deref());
        fields.push("time_end", transaction.paid_at.map(time::to_compact).unwrap_or_default());
        fields.push_some("openid", transaction.openid.as_deref());
        fields.push_some("sub_openid", transaction.sub_openid.as_deref());
        fields.push_some("attach", transaction.attach.as_deref());
        for (name, value) in &transaction.other {
            fields.push(name, value);
        }
        fields
    }
}
