//! `/v3/profitsharing/…`: parts of a payment to others. The order has to be created for it, and the
//! receivers be added first. In partner mode use [`post`] with the partner's numbers.
//!
//! ```
//! use weft_plugin::{pay::profitsharing::{self, Receiver, Share}, prelude::*, testing::TestHost};
//!
//! /// Gives a tenth to the partner, and the rest to the shop.
//! #[order_hook]
//! fn share(event: OrderEvent) -> Result<()> {
//!     // Refunds are events of a paid order, too.
//!     if event.state != OrderState::Success {
//!         return Ok(());
//!     }
//!     let Some(transaction) = event.order.transaction_id else { return Ok(()) };
//!     let share = Share::new(Receiver::merchant("1900000111"), event.order.total_fee / 10, "佣金");
//!     // The order's own number: WeChat splits once for it, however often the event comes.
//!     profitsharing::split(None, &transaction, &event.order.out_trade_no, &[share], true)?;
//!     Ok(())
//! }
//!
//! let host = TestHost::new().grant_pay_apis(&["/v3/profitsharing/"]).on_pay(|call| {
//!     Ok(serde_json::json!({"out_order_no": call.body["out_order_no"], "state": "PROCESSING", "receivers": []}))
//! });
//! let mut order = weft_plugin::testing::order("A1", 990);
//! order.state = OrderState::Success;
//! order.transaction_id = Some("42".into());
//! share(weft_plugin::testing::order_event(order, OrderState::Notpay)).unwrap();
//! assert_eq!(host.pay_calls()[0].body["receivers"][0]["amount"], 99);
//! ```

use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::json;

use super::{Encrypted, appid, get, post, segment};
use crate::error::Error;

/// Who may get a part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Receiver {
    /// `MERCHANT_ID`, `PERSONAL_OPENID` or `PERSONAL_SUB_OPENID`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The merchant number, or the openid.
    pub account: String,
}

impl Receiver {
    /// A merchant, by its number.
    pub fn merchant(mch_id: &str) -> Self {
        Self { kind: "MERCHANT_ID".to_owned(), account: mch_id.to_owned() }
    }

    /// A user, by the openid.
    pub fn user(openid: &str) -> Self {
        Self { kind: "PERSONAL_OPENID".to_owned(), account: openid.to_owned() }
    }
}

/// A part of a payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Share {
    /// To whom.
    #[serde(flatten)]
    pub receiver: Receiver,
    /// How much, in fen.
    pub amount: u64,
    /// What it is for.
    pub description: String,
}

impl Share {
    /// So many fen for somebody.
    pub fn new(receiver: Receiver, amount: u64, description: &str) -> Self {
        Self { receiver, amount, description: description.to_owned() }
    }
}

/// A split as WeChat tells it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Split {
    /// The merchant's number.
    pub out_order_no: String,
    /// `PROCESSING` or `FINISHED`.
    pub state: String,
    /// What became of each part.
    #[serde(default)]
    pub receivers: Vec<Part>,
}

/// A part of a split as WeChat tells it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Part {
    /// The merchant number, or the openid.
    pub account: String,
    /// How much, in fen.
    pub amount: u64,
    /// `PENDING`, `SUCCESS` or `CLOSED`.
    pub result: String,
    /// Why it came to nothing.
    pub fail_reason: Option<String>,
}

/// A part that was taken back, as WeChat tells it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Returned {
    /// The merchant's number of this.
    pub out_return_no: String,
    /// `PROCESSING`, `SUCCESS` or `FAILED`.
    pub result: String,
    /// Why it failed.
    pub fail_reason: Option<String>,
}

/// Allows somebody to get parts. `relation_type` is `STORE`, `STAFF`, `PARTNER`, `SUPPLIER`, …; WeChat
/// wants the name of a merchant.
pub fn add_receiver(
    merchant: Option<&str>,
    receiver: &Receiver,
    relation_type: &str,
    name: Option<Encrypted>,
) -> Result<(), Error> {
    let Receiver { kind, account } = receiver;
    let mut body = json!({"appid": appid(), "type": kind, "account": account, "relation_type": relation_type});
    if let Some(name) = name {
        body["name"] = json!(name);
    }
    post::<IgnoredAny>(merchant, "/v3/profitsharing/receivers/add", &body).map(drop)
}

/// Allows it no more.
pub fn delete_receiver(merchant: Option<&str>, receiver: &Receiver) -> Result<(), Error> {
    let Receiver { kind, account } = receiver;
    let body = json!({"appid": appid(), "type": kind, "account": account});
    post::<IgnoredAny>(merchant, "/v3/profitsharing/receivers/delete", &body).map(drop)
}

/// Gives parts of a payment to others, by WeChat's number of the order. The same number is the same
/// split. `unfreeze_unsplit` says that what is left is the merchant's now.
pub fn split(
    merchant: Option<&str>,
    transaction_id: &str,
    out_order_no: &str,
    shares: &[Share],
    unfreeze_unsplit: bool,
) -> Result<Split, Error> {
    let body = json!({
        "appid": appid(), "transaction_id": transaction_id, "out_order_no": out_order_no, "receivers": shares,
        "unfreeze_unsplit": unfreeze_unsplit,
    });
    post(merchant, "/v3/profitsharing/orders", &body)
}

/// Asks what became of a split.
pub fn query(merchant: Option<&str>, transaction_id: &str, out_order_no: &str) -> Result<Split, Error> {
    let path = format!("/v3/profitsharing/orders/{}", segment(out_order_no));
    get(merchant, &path, &[("transaction_id", transaction_id)])
}

/// Frees what is left of a payment for the merchant.
pub fn unfreeze(
    merchant: Option<&str>,
    transaction_id: &str,
    out_order_no: &str,
    description: &str,
) -> Result<Split, Error> {
    let body = json!({"transaction_id": transaction_id, "out_order_no": out_order_no, "description": description});
    post(merchant, "/v3/profitsharing/orders/unfreeze", &body)
}

/// How much of a payment, in fen, is not given to anybody yet.
pub fn unsplit_amount(merchant: Option<&str>, transaction_id: &str) -> Result<u64, Error> {
    #[derive(Deserialize)]
    struct Amounts {
        unsplit_amount: u64,
    }
    let path = format!("/v3/profitsharing/transactions/{}/amounts", segment(transaction_id));
    get(merchant, &path, &[]).map(|Amounts { unsplit_amount }| unsplit_amount)
}

/// Takes a part back from a merchant, as before a refund. The same number is the same.
pub fn take_back(
    merchant: Option<&str>,
    out_order_no: &str,
    out_return_no: &str,
    return_mchid: &str,
    amount: u64,
    description: &str,
) -> Result<Returned, Error> {
    let body = json!({
        "out_order_no": out_order_no, "out_return_no": out_return_no, "return_mchid": return_mchid, "amount": amount,
        "description": description,
    });
    post(merchant, "/v3/profitsharing/return-orders", &body)
}

/// Asks what became of a part that was to be taken back.
pub fn query_return(merchant: Option<&str>, out_order_no: &str, out_return_no: &str) -> Result<Returned, Error> {
    let path = format!("/v3/profitsharing/return-orders/{}", segment(out_return_no));
    get(merchant, &path, &[("out_order_no", out_order_no)])
}
