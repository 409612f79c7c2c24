//! Orders of the app's merchants. Needs the grant `orders`, which lists `read`, `create` and
//! `refund`.
//!
//! `merchant` is the merchant's name in Weft; `None` means the one of the app with the greatest weight.
//!
//! WeChat Pay's codes are words: a refusal is [`Error::Wechat`] with the number 0 and a message that begins with the
//! code, as in `NOTENOUGH: …`. When it is not known whether WeChat Pay did what it was asked for, the error is
//! [`Error::TimedOut`]: ask again with the same numbers.
//!
//! ```
//! use weft_plugin::{orders::NewOrder, prelude::*, testing::Host};
//!
//! /// What a page hands to WeChat's payment call.
//! fn buy(openid: &str, number: &str) -> Result<Vec<weft_plugin::Field>> {
//!     let order = orders::create(&NewOrder {
//!         merchant: None,
//!         out_trade_no: number.into(),
//!         body: "一壶龙井".into(),
//!         total_fee: 990, // fen
//!         trade_type: TradeType::Jsapi,
//!         openid: Some(openid.into()),
//!         attach: None,
//!         expires_at: None,
//!     })?;
//!     Ok(orders::prepay(None, &order.out_trade_no)?)
//! }
//!
//! assert!(matches!(buy("o1", "T20260001"), Err(Failure(Error::Denied(_)))));
//! Host::new().grant_orders(&["create"]);
//! let names: Vec<_> = buy("o1", "T20260001").unwrap().into_iter().map(|field| field.path).collect();
//! assert_eq!(names, ["appId", "timeStamp", "nonceStr", "package", "signType", "paySign"]);
//! ```

pub use crate::bindings::imported::{
    orders::{NewOrder, NewRefund, Refund},
    types::Field,
};
use crate::{error::Error, imports, order::Order};

/// The order as Weft knows it; asks nobody. Grant `read`.
pub fn find(merchant: Option<&str>, out_trade_no: &str) -> Result<Option<Order>, Error> {
    imports::orders::find(merchant, out_trade_no)
}

/// Creates an order; the same number with the same content is the same order. Grant `create`.
pub fn create(order: &NewOrder) -> Result<Order, Error> {
    imports::orders::create(order)
}

/// What the page, app or mini program hands to WeChat's payment call; for native orders `code_url`,
/// for mweb `mweb_url`. Grant `create`.
pub fn prepay(merchant: Option<&str>, out_trade_no: &str) -> Result<Vec<Field>, Error> {
    imports::orders::prepay(merchant, out_trade_no)
}

/// Asks WeChat for the order's state and applies it. Grant `read`.
pub fn query(merchant: Option<&str>, out_trade_no: &str) -> Result<Order, Error> {
    imports::orders::query(merchant, out_trade_no)
}

/// Gives money back; the same number is the same refund. Grant `refund`.
pub fn create_refund(refund: &NewRefund) -> Result<Refund, Error> {
    imports::orders::create_refund(refund)
}
