//! Orders in memory. Their state changes when the test says so, with `TestHost::order`, and from new to not paid by
//! `orders::prepay`. What the real host refuses is refused here, too, in its words.

use std::collections::BTreeSet;

use super::state::{Part, State, denied, with};
use crate::{
    context::Field,
    error::Error,
    order::{self, Order, TradeType},
    orders::{NewOrder, NewRefund, RefundAnswer},
};

#[derive(Default)]
pub(super) struct Orders {
    pub(super) granted: Vec<String>,
    /// Those that the app has beside [`MERCHANT`].
    merchants: BTreeSet<String>,
    all: Vec<Order>,
    pub(super) refunds: Vec<Asked>,
}

/// A refund that was asked for.
pub(super) struct Asked {
    merchant: String,
    out_trade_no: String,
    reason: Option<String>,
    pub(super) refund: RefundAnswer,
}

/// The merchant that is meant where none is named. The app has it, those that a test adds, and those of the orders that
/// it adds.
const MERCHANT: &str = "default";

/// The most that an order may cost, in fen.
const HIGHEST_FEE: u64 = 1_000_000_000_000;

/// How many refunds an order may have.
const MOST_REFUNDS: usize = 50;

/// How long an order may be paid when nothing else is said, in seconds.
const DEFAULT_TIME_LIMIT: u64 = 2 * 3600;

/// The longest that it may be, in seconds.
const LONGEST_TIME_LIMIT: u64 = 366 * 24 * 3600;

impl Orders {
    pub(super) fn add_merchant(&mut self, name: &str) {
        self.merchants.insert(name.to_owned());
    }

    pub(super) fn put(&mut self, order: Order) {
        self.add_merchant(&order.merchant);
        self.all.retain(|known| (&known.merchant, &known.out_trade_no) != (&order.merchant, &order.out_trade_no));
        self.all.push(order);
    }

    /// The name of the merchant that is meant, which has to be one of the app's.
    pub(super) fn merchant<'a>(&self, name: Option<&'a str>) -> Result<&'a str, Error> {
        let name = name.unwrap_or(MERCHANT);
        if name == MERCHANT || self.merchants.contains(name) {
            return Ok(name);
        }
        let unknown = format!("the app has no merchant `{name}`; a test adds one with `TestHost::merchant`");
        Err(Error::NotFound(unknown))
    }

    fn find(&self, merchant: Option<&str>, out_trade_no: &str) -> Result<Option<&Order>, Error> {
        let merchant = self.merchant(merchant)?;
        Ok(self.all.iter().find(|order| order.merchant == merchant && order.out_trade_no == out_trade_no))
    }

    fn existing(&self, merchant: Option<&str>, out_trade_no: &str) -> Result<Order, Error> {
        let found = self.find(merchant, out_trade_no)?.cloned();
        found.ok_or_else(|| Error::NotFound(format!("there is no order `{out_trade_no}`")))
    }
}

fn orders<T>(right: &str, look: impl FnOnce(&mut State) -> Result<T, Error>) -> Result<T, Error> {
    with(|state| {
        if !state.orders.granted.iter().any(|granted| granted == right) {
            return Err(denied(&format!("orders: {right}")));
        }
        state.meets(Part::Orders)?;
        look(state)
    })
}

pub(crate) fn find(merchant: Option<&str>, out_trade_no: &str) -> Result<Option<Order>, Error> {
    orders("read", |state| Ok(state.orders.find(merchant, out_trade_no)?.cloned()))
}

pub(crate) fn create(new: &NewOrder) -> Result<Order, Error> {
    orders("create", |state| {
        let merchant = state.orders.merchant(new.merchant.as_deref())?.to_owned();
        let now = state.now.as_secs();
        check_order(new, now)?;
        let order = Order {
            merchant,
            out_trade_no: new.out_trade_no.clone(),
            body: new.body.clone(),
            total_fee: new.total_fee,
            fee_type: "CNY".to_owned(),
            trade_type: new.trade_type,
            openid: new.openid.clone(),
            attach: new.attach.clone(),
            created_at: now,
            expires_at: Some(new.expires_at.unwrap_or(now + DEFAULT_TIME_LIMIT)),
            state: order::State::New,
            transaction_id: None,
            paid_at: None,
            version: 0,
            result: Vec::new(),
        };
        let content = |order: &Order| {
            let expires = new.expires_at.and(order.expires_at);
            (order.body.clone(), order.total_fee, order.trade_type, order.openid.clone(), order.attach.clone(), expires)
        };
        let found = state.orders.find(Some(&order.merchant), &order.out_trade_no)?;
        match found {
            Some(known) if content(known) == content(&order) => Ok(known.clone()),
            Some(_) => Err(other_content("order", &order.out_trade_no)),
            None => {
                state.orders.all.push(order.clone());
                Ok(order)
            }
        }
    })
}

pub(crate) fn prepay(merchant: Option<&str>, out_trade_no: &str) -> Result<Vec<Field>, Error> {
    orders("create", |state| {
        let order = state.orders.existing(merchant, out_trade_no)?;
        if !order.state.is_open() {
            return Err(Error::Conflict(format!("the order is {}: it cannot be paid any more", order.state)));
        }
        if order.expires_at.is_some_and(|end| end <= state.now.as_secs()) {
            return Err(Error::Conflict("the order's time has run out: create another one".to_owned()));
        }
        let fields = paying(&order, &state.app.appid)?;
        if order.state == order::State::New {
            state.orders.put(Order { state: order::State::Notpay, version: order.version + 1, ..order });
        }
        Ok(fields)
    })
}

/// What the user needs to pay, by the names that WeChat has for it.
fn paying(order: &Order, appid: &str) -> Result<Vec<Field>, Error> {
    let number = &order.out_trade_no;
    let (time, prepay_id) = (order.created_at.to_string(), format!("wx-{number}"));
    let package = format!("prepay_id={prepay_id}");
    let (code_url, mweb_url) =
        (format!("weixin://wxpay/bizpayurl?pr={number}"), format!("https://wx.tenpay.com/?prepay_id={prepay_id}"));
    let fields: &[(&str, &str)] = match order.trade_type {
        TradeType::Jsapi => &[
            ("appId", appid),
            ("timeStamp", &time),
            ("nonceStr", "nonce"),
            ("package", &package),
            ("signType", "RSA"),
            ("paySign", "signature"),
        ],
        TradeType::App => &[
            ("appid", appid),
            ("partnerid", "1900000000"),
            ("prepayid", &prepay_id),
            ("noncestr", "nonce"),
            ("timestamp", &time),
            ("sign", "signature"),
            ("package", "Sign=WXPay"),
        ],
        TradeType::Native => &[("code_url", code_url.as_str())],
        TradeType::Mweb => &[("mweb_url", mweb_url.as_str())],
        TradeType::Micropay => {
            return Err(Error::Conflict("a payment by code is made in one step".to_owned()));
        }
    };
    Ok(fields.iter().map(|&(path, value)| Field { path: path.to_owned(), value: value.to_owned() }).collect())
}

pub(crate) fn query(merchant: Option<&str>, out_trade_no: &str) -> Result<Order, Error> {
    orders("read", |state| state.orders.existing(merchant, out_trade_no))
}

pub(crate) fn create_refund(new: &NewRefund) -> Result<RefundAnswer, Error> {
    orders("refund", |state| {
        let order = state.orders.existing(new.merchant.as_deref(), &new.out_trade_no)?;
        let of_merchant: Vec<_> =
            state.orders.refunds.iter().filter(|asked| asked.merchant == order.merchant).collect();
        if let Some(known) = of_merchant.iter().find(|asked| asked.refund.out_refund_no == new.out_refund_no) {
            let is_same = known.out_trade_no == new.out_trade_no
                && known.refund.refund_fee == new.refund_fee
                && known.reason == new.reason;
            return if is_same { Ok(known.refund.clone()) } else { Err(other_content("refund", &new.out_refund_no)) };
        }
        let of_order = of_merchant.iter().filter(|asked| asked.out_trade_no == new.out_trade_no);
        let refunded: Vec<u64> = of_order.map(|asked| asked.refund.refund_fee).collect();
        check_refund(new, &order, &refunded)?;
        let refund = RefundAnswer {
            out_refund_no: new.out_refund_no.clone(),
            refund_id: None,
            refund_fee: new.refund_fee,
            status: "PROCESSING".to_owned(),
        };
        state.orders.refunds.push(Asked {
            merchant: order.merchant,
            out_trade_no: order.out_trade_no,
            reason: new.reason.clone(),
            refund: refund.clone(),
        });
        Ok(refund)
    })
}

fn other_content(what: &str, number: &str) -> Error {
    Error::Conflict(format!("there is another {what} {number} with another content: take another number"))
}

fn check_order(new: &NewOrder, now: u64) -> Result<(), Error> {
    let is_paid_by_somebody = new.trade_type != TradeType::Jsapi || new.openid.is_some();
    let is_openid = new.openid.as_deref().is_none_or(|openid| is_text(openid, 128));
    require(&[
        (is_number(&new.out_trade_no, 6, 32), "out_trade_no: 6 to 32 letters, digits or any of `_-|*@`"),
        (is_text(&new.body, 127), "body: 1 to 127 characters"),
        ((1..=HIGHEST_FEE).contains(&new.total_fee), "total_fee: at least 1 fen; the unit is fen, not yuan"),
        (is_paid_by_somebody, "openid: needed for JSAPI: the openid of who pays"),
        (
            new.expires_at.is_none_or(|end| (now + 60..=now + LONGEST_TIME_LIMIT).contains(&end)),
            "time_expire: a minute to a year after the order's beginning",
        ),
        (is_openid, "openid: 1 to 128 characters, without control characters"),
        (
            new.attach.as_deref().is_none_or(|attach| is_text(attach, 127)),
            "attach: 1 to 127 characters, without control characters",
        ),
    ])
}

/// `refunded` is how much each refund of the order has given back.
fn check_refund(new: &NewRefund, order: &Order, refunded: &[u64]) -> Result<(), Error> {
    let left = order.total_fee.saturating_sub(refunded.iter().sum());
    let paid = format!("out_trade_no: the order is {}: only a paid one is refunded", order.state);
    let most = format!("out_refund_no: an order has at most {MOST_REFUNDS} refunds");
    let within = format!("refund_fee: 1 to {left} fen: what of the order is not refunded yet");
    require(&[
        (is_number(&new.out_refund_no, 1, 64), "out_refund_no: 1 to 64 letters, digits or any of `_-|*@`"),
        (new.reason.as_deref().is_none_or(|reason| is_text(reason, 80)), "reason: 1 to 80 characters"),
        (order.is_paid(), paid.as_str()),
        (refunded.len() < MOST_REFUNDS, most.as_str()),
        ((1..=left).contains(&new.refund_fee), within.as_str()),
    ])
}

/// Each rule, and whether it is kept.
fn require(rules: &[(bool, &str)]) -> Result<(), Error> {
    let broken: Vec<_> = rules.iter().filter(|(is_kept, _)| !is_kept).map(|&(_, rule)| rule).collect();
    if broken.is_empty() { Ok(()) } else { Err(Error::Invalid(broken.join("; "))) }
}

fn is_number(text: &str, shortest: usize, longest: usize) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-|*@".contains(&byte);
    (shortest..=longest).contains(&text.len()) && text.bytes().all(is_allowed)
}

fn is_text(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}
