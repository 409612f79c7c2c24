//! Orders of the app's merchants. Needs the grant `orders`, which lists `read`, `create` and
//! `refund`.
//!
//! `merchant` is the merchant's name in Weft; `None` means the one of the app with the greatest weight. A name that none of
//! the app's merchants has is [`Error::NotFound`].
//!
//! WeChat Pay's codes are words: a refusal is [`Error::Wechat`] with the number 0 and a message that begins with the
//! code, as in `NOTENOUGH: …`. When it is not known whether WeChat Pay did what it was asked for, the error is
//! [`Error::TimedOut`]: ask again with the same numbers.
//!
//! ```
//! use weft_plugin::{orders::NewOrder, prelude::*, testing::TestHost};
//!
//! /// What a page hands to WeChat's payment call.
//! fn buy(openid: &str, number: &str) -> Result<Vec<weft_plugin::Field>> {
//!     let order = orders::create(&NewOrder::jsapi(number, "一壶龙井", 990, openid))?;
//!     Ok(orders::prepay(None, &order.out_trade_no)?)
//! }
//!
//! assert!(matches!(*buy("o1", "T20260001").unwrap_err(), Error::Denied(_)));
//! TestHost::new().grant_orders(&["create"]);
//! let names: Vec<_> = buy("o1", "T20260001").unwrap().into_iter().map(|field| field.path).collect();
//! assert_eq!(names, ["appId", "timeStamp", "nonceStr", "package", "signType", "paySign"]);
//! ```

/// What [`create_refund`] gives, with WeChat's word for how far the refund is. Another thing is
/// [`Refund`](crate::Refund): Weft's own record, of which refund hooks are told, and whose state is a
/// [`RefundState`](crate::RefundState).
///
pub use crate::bindings::imported::orders::Refund as RefundAnswer;
pub use crate::bindings::imported::{
    orders::{NewOrder, NewRefund},
    types::Field,
};
use crate::{
    error::Error,
    imports,
    order::{Order, TradeType},
};

impl NewOrder {
    /// An order that this user pays within WeChat, on a page or in a mini program. `total_fee` is in fen. It is one of
    /// the app's merchant with the greatest weight, and may be paid for two hours; the fields say otherwise:
    ///
    /// ```
    /// use weft_plugin::orders::NewOrder;
    ///
    /// let order = NewOrder { attach: Some("table 4".into()), ..NewOrder::jsapi("T20260001", "一壶龙井", 990, "o1") };
    /// ```
    pub fn jsapi(
        out_trade_no: impl Into<String>,
        body: impl Into<String>,
        total_fee: u64,
        openid: impl Into<String>,
    ) -> Self {
        Self {
            trade_type: TradeType::Jsapi,
            openid: Some(openid.into()),
            ..Self::native(out_trade_no, body, total_fee)
        }
    }

    /// An order that is paid by whoever scans a QR code, which says the `code_url` of [`prepay`]. `total_fee` is in fen.
    pub fn native(out_trade_no: impl Into<String>, body: impl Into<String>, total_fee: u64) -> Self {
        Self {
            merchant: None,
            out_trade_no: out_trade_no.into(),
            body: body.into(),
            total_fee,
            trade_type: TradeType::Native,
            openid: None,
            attach: None,
            expires_at: None,
        }
    }
}

impl NewRefund {
    /// A refund of an order of the app's merchant with the greatest weight. `refund_fee` is in fen.
    ///
    /// ```
    /// use weft_plugin::{orders::NewRefund, prelude::*, testing::{self, TestHost}};
    ///
    /// /// Gives all of it back. The number is made of the order's: however often it is asked for, it is one refund.
    /// fn give_back(order: &Order) -> Result<()> {
    ///     let number = format!("{}-all", order.out_trade_no);
    ///     orders::create_refund(&NewRefund::new(&order.out_trade_no, number, order.total_fee))?;
    ///     Ok(())
    /// }
    ///
    /// let paid = Order { state: OrderState::Success, ..testing::order("T20260001", 990) };
    /// let host = TestHost::new().grant_orders(&["refund"]).order(paid.clone());
    /// give_back(&paid).and_then(|()| give_back(&paid)).unwrap();
    /// assert_eq!(host.refunds().len(), 1);
    /// ```
    pub fn new(out_trade_no: impl Into<String>, out_refund_no: impl Into<String>, refund_fee: u64) -> Self {
        Self {
            merchant: None,
            out_trade_no: out_trade_no.into(),
            out_refund_no: out_refund_no.into(),
            refund_fee,
            reason: None,
        }
    }
}

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

/// Gives money back; the same number is the same refund. Grant `refund`. What becomes of it is told to
/// [refund hooks](crate::hooks).
pub fn create_refund(refund: &NewRefund) -> Result<RefundAnswer, Error> {
    imports::orders::create_refund(refund)
}
