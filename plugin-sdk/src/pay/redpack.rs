//! `/mmpaymkttransfers/sendredpack` and `/mmpaymkttransfers/gethbinfo`: money to a user in a red packet
//! (v2). Merchants that do not have it yet do not get it any more; they have
//! [`transfer_bills`](super::transfer_bills).
//!
//! ```
//! use weft_plugin::{pay::redpack::{self, NewRedPack}, prelude::*, testing::TestHost};
//!
//! fn send(openid: &str, number: &str) -> Result<String> {
//!     let packet = NewRedPack {
//!         mch_billno: number.into(),
//!         send_name: "茶园".into(),
//!         re_openid: openid.into(),
//!         total_amount: 100, // fen
//!         wishing: "新年快乐".into(),
//!         client_ip: "203.0.113.9".into(),
//!         act_name: "猜灯谜".into(),
//!         remark: "快来抢".into(),
//!         scene_id: None,
//!     };
//!     Ok(redpack::send(None, &packet)?.send_listid)
//! }
//!
//! let host = TestHost::new().grant_pay_apis(&["/mmpaymkttransfers/sendredpack"]);
//! host.on_pay(|_| Ok(serde_json::json!({"send_listid": "1000041701"})));
//! assert_eq!(send("o1", "R20260001"), Ok("1000041701".into()));
//! assert_eq!(host.pay_calls()[0].body["total_amount"], "100");
//! ```

use serde::{Deserialize, Deserializer, de::Error as _};

use super::call_v2;
use crate::error::Error;

/// A new red packet. After a failure the same number is used again: another one would send it twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRedPack {
    /// The merchant's number; at most 28 letters and digits.
    pub mch_billno: String,
    /// Who sends it, for the user.
    pub send_name: String,
    /// To whom.
    pub re_openid: String,
    /// How much, in fen.
    pub total_amount: u64,
    /// What is wished.
    pub wishing: String,
    /// The address of the machine that sends it.
    pub client_ip: String,
    /// What it is about.
    pub act_name: String,
    /// For the user.
    pub remark: String,
    /// `PRODUCT_1` to `PRODUCT_8`; WeChat wants one for less than a yuan or more than 200.
    pub scene_id: Option<String>,
}

/// A red packet that WeChat has taken.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Sent {
    /// WeChat's number.
    pub send_listid: String,
}

/// A red packet as WeChat tells it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RedPack {
    /// `SENDING`, `SENT`, `FAILED`, `RECEIVED`, `RFUND_ING` (WeChat's spelling) or `REFUND`.
    pub status: String,
    /// How much, in fen.
    #[serde(deserialize_with = "fen")]
    pub total_amount: u64,
    /// Why it failed.
    pub reason: Option<String>,
}

/// Sends a red packet.
pub fn send(merchant: Option<&str>, packet: &NewRedPack) -> Result<Sent, Error> {
    let amount = packet.total_amount.to_string();
    let mut fields = vec![
        ("mch_billno", &*packet.mch_billno),
        ("send_name", &packet.send_name),
        ("re_openid", &packet.re_openid),
        ("total_amount", &amount),
        ("total_num", "1"),
        ("wishing", &packet.wishing),
        ("client_ip", &packet.client_ip),
        ("act_name", &packet.act_name),
        ("remark", &packet.remark),
    ];
    fields.extend(packet.scene_id.as_deref().map(|scene| ("scene_id", scene)));
    call_v2(merchant, "/mmpaymkttransfers/sendredpack", &fields)
}

/// Asks what became of a red packet.
pub fn query(merchant: Option<&str>, mch_billno: &str) -> Result<RedPack, Error> {
    call_v2(merchant, "/mmpaymkttransfers/gethbinfo", &[("mch_billno", mch_billno), ("bill_type", "MCHT")])
}

/// An amount, which v2 writes as a text.
fn fen<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}
