//! `POST /v3/refund/domestic/refunds`, `GET …/{out_refund_no}`: refunds.

use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::parse;
use super::{Call, CallError, Method, encode_path};
use crate::pay::{self, Fen, Party, time};

const BASE: &str = "/v3/refund/domestic/refunds";

/// Gives money back. After a failure the same `out_refund_no` is sent again: a new one would give it back twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Create {
    /// The merchant's number of the order.
    pub out_trade_no: String,
    /// The merchant's number of the refund.
    pub out_refund_no: String,
    /// What the order was about.
    pub total: Fen,
    /// How much is given back.
    pub refund: Fen,
    /// Why, for the user; at most 80 characters.
    pub reason: Option<String>,
    /// Where WeChat tells of the outcome.
    pub notify_url: Option<String>,
}

impl Call for Create {
    const METHOD: Method = Method::Post;
    type Answer = pay::Refund;

    fn target(&self, _: &Party) -> String {
        BASE.to_owned()
    }

    fn body(&self, party: &Party) -> Value {
        let mut body = json!({
            "out_trade_no": self.out_trade_no,
            "out_refund_no": self.out_refund_no,
            "amount": {"refund": self.refund, "total": self.total, "currency": "CNY"},
        });
        let optional = [("sub_mchid", &party.sub_mch_id), ("reason", &self.reason), ("notify_url", &self.notify_url)];
        for (name, value) in optional {
            if let Some(value) = value {
                body[name] = (&**value).into();
            }
        }
        body
    }

    fn read(&self, _: &Party, body: &[u8]) -> Result<pay::Refund, CallError> {
        read_of(body, &self.out_refund_no)
    }
}

/// Asks where a refund is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The merchant's number of the refund.
    pub out_refund_no: String,
}

impl Call for Query {
    const METHOD: Method = Method::Get;
    type Answer = pay::Refund;

    fn target(&self, party: &Party) -> String {
        let path = format!("{BASE}/{}", encode_path(&self.out_refund_no));
        match &party.sub_mch_id {
            Some(sub_mch_id) => format!("{path}?sub_mchid={}", encode_path(sub_mch_id)),
            None => path,
        }
    }

    fn read(&self, _: &Party, body: &[u8]) -> Result<pay::Refund, CallError> {
        read_of(body, &self.out_refund_no)
    }
}

fn read_of(body: &[u8], out_refund_no: &str) -> Result<pay::Refund, CallError> {
    let (_, refund) = read_refund(body)?;
    if refund.out_refund_no == out_refund_no { Ok(refund) } else { Err(CallError::Other("out_refund_no")) }
}

/// A refund as v3 writes it, in answers and, with the merchant's number, in notifications.
pub(super) fn read_refund(body: &[u8]) -> Result<(Option<String>, pay::Refund), CallError> {
    #[derive(Deserialize)]
    struct Told {
        #[serde(alias = "sp_mchid")]
        mchid: Option<String>,
        out_refund_no: String,
        refund_id: Option<String>,
        out_trade_no: Option<String>,
        transaction_id: Option<String>,
        #[serde(alias = "refund_status")]
        status: String,
        success_time: Option<String>,
        user_received_account: Option<String>,
        amount: Amount,
    }
    #[derive(Deserialize)]
    struct Amount {
        refund: Fen,
        total: Option<Fen>,
    }
    let told: Told = parse(body)?;
    let unreadable = |field: &str| CallError::Unreadable(format!("its {field} makes no sense"));
    let full = |text: Option<String>| text.filter(|text| !text.is_empty());
    let success_at = full(told.success_time).map(|text| time::from_rfc3339(&text)).transpose();
    if told.amount.refund > Fen::MAX || told.amount.total.is_some_and(|total| total > Fen::MAX) {
        return Err(unreadable("amount"));
    }
    let refund = pay::Refund {
        out_refund_no: told.out_refund_no,
        refund_id: full(told.refund_id),
        out_trade_no: full(told.out_trade_no),
        transaction_id: full(told.transaction_id),
        status: told.status.parse().map_err(|_| unreadable("status"))?,
        refund: told.amount.refund,
        total: told.amount.total,
        success_at: success_at.map_err(|_| unreadable("success_time"))?,
        received_account: full(told.user_received_account),
    };
    Ok((told.mchid, refund))
}
