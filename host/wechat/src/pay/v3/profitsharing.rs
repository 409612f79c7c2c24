//! `/v3/profitsharing/…`: parts of a payment to others.

use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::parse;
use super::{Call, CallError, Method, encode_path};
use crate::pay::{Fen, Party};

const BASE: &str = "/v3/profitsharing";

/// Who may get a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receiver {
    /// `MERCHANT_ID`, `PERSONAL_OPENID` or `PERSONAL_SUB_OPENID`.
    pub kind: String,
    /// The merchant number, or the openid.
    pub account: String,
}

/// Allows somebody to get parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddReceiver {
    /// Who.
    pub receiver: Receiver,
    /// Their name, [sealed](super::PublicKey::seal_sensitive): WeChat wants that of a merchant, and looks at that of a person.
    pub name: Option<String>,
    /// What they are to the merchant: `STORE`, `STAFF`, `PARTNER`, `SUPPLIER`, …
    pub relation_type: String,
    /// In own words, where the type is `CUSTOM`.
    pub custom_relation: Option<String>,
}

/// Allows it no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteReceiver {
    /// Who.
    pub receiver: Receiver,
}

/// A part of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// To whom.
    pub receiver: Receiver,
    /// How much.
    pub amount: Fen,
    /// What it is for.
    pub description: String,
}

/// Gives parts of a payment to others. After a failure the same number is sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// WeChat's number of the order.
    pub transaction_id: String,
    /// The merchant's number of the split.
    pub out_order_no: String,
    /// Who gets what.
    pub shares: Vec<Share>,
    /// Whether what is left is the merchant's now.
    pub unfreeze_unsplit: bool,
}

/// Asks how much of a payment is not given to anybody yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryAmounts {
    /// WeChat's number of the order.
    pub transaction_id: String,
}

/// How much of a payment is left.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Amounts {
    /// WeChat's number of the order.
    pub transaction_id: String,
    /// What can still be given to others.
    pub unsplit_amount: Fen,
}

/// Asks what became of a split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuerySplit {
    /// WeChat's number of the order.
    pub transaction_id: String,
    /// The merchant's number of the split.
    pub out_order_no: String,
}

/// Frees what is left of a payment for the merchant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfreeze {
    /// WeChat's number of the order.
    pub transaction_id: String,
    /// The merchant's number of this.
    pub out_order_no: String,
    /// What it is for.
    pub description: String,
}

/// Takes a part back, as before a refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Return {
    /// The merchant's number of the split.
    pub out_order_no: String,
    /// The merchant's number of this.
    pub out_return_no: String,
    /// The merchant that gives it back.
    pub return_mchid: String,
    /// How much.
    pub amount: Fen,
    /// What it is for.
    pub description: String,
}

/// Asks what became of a part that was to be taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryReturn {
    /// The merchant's number of the split.
    pub out_order_no: String,
    /// The merchant's number of this.
    pub out_return_no: String,
}

/// A part of a split as WeChat tells it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ShareTold {
    /// The merchant number, or the openid.
    pub account: String,
    /// How much.
    pub amount: Fen,
    /// `PENDING`, `SUCCESS` or `CLOSED`.
    pub result: String,
    /// Why it came to nothing.
    pub fail_reason: Option<String>,
}

/// A split as WeChat tells it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SplitTold {
    /// The merchant's number.
    pub out_order_no: String,
    /// WeChat's number.
    pub order_id: Option<String>,
    /// `PROCESSING` or `FINISHED`.
    pub state: String,
    /// What became of each part.
    #[serde(default)]
    pub receivers: Vec<ShareTold>,
}

/// A part that was taken back, as WeChat tells it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ReturnTold {
    /// The merchant's number.
    pub out_return_no: String,
    /// `PROCESSING`, `SUCCESS` or `FAILED`.
    pub result: String,
    /// Why it failed.
    pub fail_reason: Option<String>,
}

impl Call for AddReceiver {
    const METHOD: Method = Method::Post;
    type Answer = ();

    fn target(&self, _: &Party) -> String {
        format!("{BASE}/receivers/add")
    }

    fn body(&self, party: &Party) -> Value {
        let Receiver { kind, account } = &self.receiver;
        let mut body = json!({"type": kind, "account": account, "relation_type": self.relation_type});
        for (name, value) in [("name", &self.name), ("custom_relation", &self.custom_relation)] {
            if let Some(value) = value {
                body[name] = (&**value).into();
            }
        }
        of(party, body)
    }

    fn read(&self, _: &Party, _: &[u8]) -> Result<(), CallError> {
        Ok(())
    }
}

impl Call for DeleteReceiver {
    const METHOD: Method = Method::Post;
    type Answer = ();

    fn target(&self, _: &Party) -> String {
        format!("{BASE}/receivers/delete")
    }

    fn body(&self, party: &Party) -> Value {
        let Receiver { kind, account } = &self.receiver;
        of(party, json!({"type": kind, "account": account}))
    }

    fn read(&self, _: &Party, _: &[u8]) -> Result<(), CallError> {
        Ok(())
    }
}

impl Call for Split {
    const METHOD: Method = Method::Post;
    type Answer = SplitTold;

    fn target(&self, _: &Party) -> String {
        format!("{BASE}/orders")
    }

    fn body(&self, party: &Party) -> Value {
        let share = |share: &Share| {
            let Receiver { kind, account } = &share.receiver;
            json!({"type": kind, "account": account, "amount": share.amount, "description": share.description})
        };
        let body = json!({
            "transaction_id": self.transaction_id,
            "out_order_no": self.out_order_no,
            "receivers": self.shares.iter().map(share).collect::<Vec<_>>(),
            "unfreeze_unsplit": self.unfreeze_unsplit,
        });
        of(party, body)
    }

    fn read(&self, _: &Party, body: &[u8]) -> Result<SplitTold, CallError> {
        split_of(body, &self.out_order_no)
    }
}

impl Call for QuerySplit {
    const METHOD: Method = Method::Get;
    type Answer = SplitTold;

    fn target(&self, party: &Party) -> String {
        let (number, transaction) = (encode_path(&self.out_order_no), encode_path(&self.transaction_id));
        with_sub_merchant(format!("{BASE}/orders/{number}?transaction_id={transaction}"), party)
    }

    fn read(&self, _: &Party, body: &[u8]) -> Result<SplitTold, CallError> {
        split_of(body, &self.out_order_no)
    }
}

impl Call for QueryAmounts {
    const METHOD: Method = Method::Get;
    type Answer = Amounts;

    fn target(&self, _: &Party) -> String {
        format!("{BASE}/transactions/{}/amounts", encode_path(&self.transaction_id))
    }

    fn read(&self, _: &Party, body: &[u8]) -> Result<Amounts, CallError> {
        let told: Amounts = parse(body)?;
        if told.transaction_id == self.transaction_id { Ok(told) } else { Err(CallError::Other("transaction_id")) }
    }
}

impl Call for Unfreeze {
    const METHOD: Method = Method::Post;
    type Answer = SplitTold;

    fn target(&self, _: &Party) -> String {
        format!("{BASE}/orders/unfreeze")
    }

    fn body(&self, party: &Party) -> Value {
        let mut body = json!({
            "transaction_id": self.transaction_id,
            "out_order_no": self.out_order_no,
            "description": self.description,
        });
        if let Some(sub_mch_id) = &party.sub_mch_id {
            body["sub_mchid"] = (&**sub_mch_id).into();
        }
        body
    }

    fn read(&self, _: &Party, body: &[u8]) -> Result<SplitTold, CallError> {
        split_of(body, &self.out_order_no)
    }
}

impl Call for Return {
    const METHOD: Method = Method::Post;
    type Answer = ReturnTold;

    fn target(&self, _: &Party) -> String {
        format!("{BASE}/return-orders")
    }

    fn body(&self, party: &Party) -> Value {
        let mut body = json!({
            "out_order_no": self.out_order_no,
            "out_return_no": self.out_return_no,
            "return_mchid": self.return_mchid,
            "amount": self.amount,
            "description": self.description,
        });
        if let Some(sub_mch_id) = &party.sub_mch_id {
            body["sub_mchid"] = (&**sub_mch_id).into();
        }
        body
    }

    fn read(&self, _: &Party, body: &[u8]) -> Result<ReturnTold, CallError> {
        return_of(body, &self.out_return_no)
    }
}

impl Call for QueryReturn {
    const METHOD: Method = Method::Get;
    type Answer = ReturnTold;

    fn target(&self, party: &Party) -> String {
        let (number, order) = (encode_path(&self.out_return_no), encode_path(&self.out_order_no));
        with_sub_merchant(format!("{BASE}/return-orders/{number}?out_order_no={order}"), party)
    }

    fn read(&self, _: &Party, body: &[u8]) -> Result<ReturnTold, CallError> {
        return_of(body, &self.out_return_no)
    }
}

/// The body with whose accounts it is about.
fn of(party: &Party, mut body: Value) -> Value {
    body["appid"] = (&*party.appid).into();
    for (name, value) in [("sub_mchid", &party.sub_mch_id), ("sub_appid", &party.sub_appid)] {
        if let Some(value) = value {
            body[name] = (&**value).into();
        }
    }
    body
}

/// A question, with whose the answer is to be in partner mode.
fn with_sub_merchant(target: String, party: &Party) -> String {
    match &party.sub_mch_id {
        Some(sub_mch_id) => format!("{target}&sub_mchid={}", encode_path(sub_mch_id)),
        None => target,
    }
}

fn return_of(body: &[u8], out_return_no: &str) -> Result<ReturnTold, CallError> {
    let told: ReturnTold = parse(body)?;
    if told.out_return_no == out_return_no { Ok(told) } else { Err(CallError::Other("out_return_no")) }
}

fn split_of(body: &[u8], out_order_no: &str) -> Result<SplitTold, CallError> {
    let told: SplitTold = parse(body)?;
    if told.out_order_no == out_order_no { Ok(told) } else { Err(CallError::Other("out_order_no")) }
}
