//! WeChat Pay with the keys of the app's merchants, which no plugin sees: profit sharing, transfers
//! to users, red packets, and any other call. What orders are made of is in [`orders`](crate::orders).
//!
//! Needs the grant `pay_apis`, a list of path prefixes, which the operator gives by name: neither
//! `wechat_apis` nor `orders` brings it along. Each function names the path that it calls. `merchant`
//! is the merchant's name in Weft; `None` means the one of the app with the greatest weight. Amounts
//! are fen.
//!
//! A refusal is [`Error::Wechat`] with the number 0 and a message that begins with WeChat Pay's code,
//! as in `NOT_ENOUGH: …`. When it is not known whether WeChat Pay did what it was asked for, the error
//! is [`Error::TimedOut`]: ask about it, or ask again for exactly the same, with the same number.
//!
//! ```standalone_crate
//! use weft_plugin::{pay::transfer_bills::{self, NewBill}, prelude::*, testing::TestHost};
//!
//! asks! { pay_apis: ["/v3/fund-app/mch-transfer/transfer-bills"] }
//!
//! /// What a page hands to WeChat, so that the user can take the prize.
//! fn prize(openid: &str, number: &str) -> Result<Option<String>> {
//!     let bill = NewBill::new(number, "1000", openid, 100, "新年抽奖").report("活动名称", "新年抽奖");
//!     Ok(transfer_bills::create(None, &bill)?.package_info)
//! }
//!
//! assert!(matches!(*prize("o1", "B1").unwrap_err(), Error::Denied(_)));
//!
//! let host = TestHost::new().grant_asked().on_pay(|call| {
//!     assert_eq!(call.body["transfer_amount"], 100);
//!     Ok(serde_json::json!({"out_bill_no": "B1", "state": "WAIT_USER_CONFIRM", "package_info": "p"}))
//! });
//! assert_eq!(prize("o1", "B1").unwrap().as_deref(), Some("p"));
//! assert_eq!(host.pay_calls().len(), 1);
//! ```

use std::fmt::{self, Write};

use serde::{Serialize, de::DeserializeOwned};

pub use crate::bindings::imported::pay::{V2Request, V3Request};
use crate::{error::Error, imports};

pub mod profitsharing;
pub mod redpack;
pub mod transfer_bills;

/// A text that only WeChat may read, such as a name: the host seals it on its way. `Debug` hides it.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Encrypted {
    #[serde(rename = "$encrypt")]
    text: String,
}

impl<T: Into<String>> From<T> for Encrypted {
    fn from(text: T) -> Self {
        Self { text: text.into() }
    }
}

impl fmt::Debug for Encrypted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Encrypted(…)")
    }
}

/// Reads from v3: a GET request. `T` is what the JSON of the answer is read as.
pub fn get<T: DeserializeOwned>(merchant: Option<&str>, path: &str, query: &[(&str, &str)]) -> Result<T, Error> {
    let query = query.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    call("GET", merchant, path, query, None)
}

/// Writes to v3: a POST request with JSON. Where WeChat says nothing but that it is done, `T` is `()`.
pub fn post<T: DeserializeOwned>(merchant: Option<&str>, path: &str, body: &impl Serialize) -> Result<T, Error> {
    call("POST", merchant, path, Vec::new(), Some(serde_json::to_string(body)?))
}

/// A call of v2. The fields go without those that every call has: the account, the merchant,
/// `nonce_str`, `sign_type` and `sign`. In the answer every value is a text.
pub fn call_v2<T: DeserializeOwned>(merchant: Option<&str>, path: &str, fields: &[(&str, &str)]) -> Result<T, Error> {
    let fields = fields.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    let request = V2Request { merchant: merchant.map(str::to_owned), path: path.to_owned(), fields };
    Ok(serde_json::from_str(&imports::pay::call_v2(&request)?)?)
}

fn call<T: DeserializeOwned>(
    method: &str,
    merchant: Option<&str>,
    path: &str,
    query: Vec<(String, String)>,
    body: Option<String>,
) -> Result<T, Error> {
    let (method, merchant, path) = (method.to_owned(), merchant.map(str::to_owned), path.to_owned());
    let answer = imports::pay::call_v3(&V3Request { merchant, method, path, query, body })?;
    Ok(serde_json::from_str(if answer.is_empty() { "null" } else { &answer })?)
}

/// A text within a path or a query: whatever is no letter, digit, `-`, `.`, `_` or `~` is percent-encoded.
pub(crate) fn segment(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a text cannot fail.
            _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// The app's own account, for calls that name it.
fn appid() -> String {
    imports::context::current_app().appid
}
