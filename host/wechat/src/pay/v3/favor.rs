//! `/v3/marketing/favor/…`: coupons (代金券) of a stock, given to users.

use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::parse;
use super::{Call, CallError, Method, encode_path};
use crate::pay::{Fen, Party};

const BASE: &str = "/v3/marketing/favor";

/// Gives a user a coupon. After a failure the same number is sent again: a new one would give two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Send {
    /// To whom.
    pub openid: String,
    /// Of which stock.
    pub stock_id: String,
    /// The merchant that made the stock; the one that calls where there is none.
    pub stock_creator_mchid: Option<String>,
    /// The merchant's number of this.
    pub out_request_no: String,
}

/// Asks for a stock of coupons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryStock {
    /// Which.
    pub stock_id: String,
    /// The merchant that made it; the one that calls where there is none.
    pub stock_creator_mchid: Option<String>,
}

/// Asks for stocks of coupons, page by page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListStocks {
    /// The merchant that made them; the one that calls where there is none.
    pub stock_creator_mchid: Option<String>,
    /// `unactivated`, `audit`, `running`, `stoped` (WeChat's spelling) or `paused`.
    pub status: Option<String>,
    /// Which page, beginning with 0.
    pub offset: u32,
    /// How many on a page; at most 10.
    pub limit: u32,
}

/// Asks for a coupon that a user has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryCoupon {
    /// Whose.
    pub openid: String,
    /// Which.
    pub coupon_id: String,
}

/// Asks for the coupons of a user, page by page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListCoupons {
    /// Whose.
    pub openid: String,
    /// Of one stock.
    pub stock_id: Option<String>,
    /// `SENDED` (WeChat's spelling), `USED` or `EXPIRED`.
    pub status: Option<String>,
    /// Of the merchant that made the stock.
    pub creator_mchid: Option<String>,
    /// Which page, beginning with 0.
    pub offset: u32,
    /// How many on a page; at most 20.
    pub limit: u32,
}

/// A coupon that was given.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Sent {
    /// WeChat's number of it.
    pub coupon_id: String,
}

/// A stock as WeChat tells it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Stock {
    /// Its number.
    pub stock_id: String,
    /// What it is called.
    pub stock_name: String,
    /// `unactivated`, `audit`, `running`, `stoped` or `paused`.
    pub status: String,
    /// RFC 3339: from when the coupons can be used.
    pub available_begin_time: Option<String>,
    /// RFC 3339: until when.
    pub available_end_time: Option<String>,
    /// How many were given.
    pub distributed_coupons: Option<u64>,
}

/// A coupon as WeChat tells it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Coupon {
    /// Its number.
    pub coupon_id: String,
    /// Its stock.
    pub stock_id: String,
    /// What it is called.
    pub coupon_name: String,
    /// `SENDED`, `USED` or `EXPIRED`.
    pub status: String,
    /// What it takes off, where that is a fixed amount.
    pub normal_coupon_information: Option<NormalCoupon>,
}

/// What a coupon with a fixed amount takes off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct NormalCoupon {
    /// How much.
    pub coupon_amount: Fen,
    /// From which price on.
    pub transaction_minimum: Fen,
}

/// One page.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Page<T> {
    /// How many there are in all.
    pub total_count: u64,
    /// Those on this page; WeChat leaves it out where there is none.
    #[serde(default = "Vec::new")]
    pub data: Vec<T>,
}

/// Names and values that are there, encoded.
fn query<const N: usize>(parts: [(&str, Option<&str>); N]) -> String {
    let parts = parts.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", encode_path(value?))));
    parts.collect::<Vec<_>>().join("&")
}

fn creator<'a>(named: Option<&'a String>, party: &'a Party) -> &'a str {
    named.map_or(&*party.mch_id, String::as_str)
}

impl Call for Send {
    const METHOD: Method = Method::Post;
    type Answer = Sent;

    fn target(&self, _: &Party) -> String {
        format!("{BASE}/users/{}/coupons", encode_path(&self.openid))
    }

    fn body(&self, party: &Party) -> Value {
        json!({
            "stock_id": self.stock_id,
            "stock_creator_mchid": creator(self.stock_creator_mchid.as_ref(), party),
            "out_request_no": self.out_request_no,
            "appid": party.appid,
        })
    }

    fn read(&self, _: &Party, body: &[u8]) -> Result<Sent, CallError> {
        parse(body)
    }
}

impl Call for QueryStock {
    const METHOD: Method = Method::Get;
    type Answer = Stock;

    fn target(&self, party: &Party) -> String {
        let creator = creator(self.stock_creator_mchid.as_ref(), party);
        let query = query([("stock_creator_mchid", Some(creator))]);
        format!("{BASE}/stocks/{}?{query}", encode_path(&self.stock_id))
    }

    fn read(&self, _: &Party, body: &[u8]) -> Result<Stock, CallError> {
        let stock: Stock = parse(body)?;
        if stock.stock_id == self.stock_id { Ok(stock) } else { Err(CallError::Other("stock_id")) }
    }
}

impl Call for ListStocks {
    const METHOD: Method = Method::Get;
    type Answer = Page<Stock>;

    fn target(&self, party: &Party) -> String {
        let (offset, limit) = (self.offset.to_string(), self.limit.to_string());
        let query = query([
            ("offset", Some(&offset)),
            ("limit", Some(&limit)),
            ("stock_creator_mchid", Some(creator(self.stock_creator_mchid.as_ref(), party))),
            ("status", self.status.as_deref()),
        ]);
        format!("{BASE}/stocks?{query}")
    }

    fn read(&self, _: &Party, body: &[u8]) -> Result<Page<Stock>, CallError> {
        parse(body)
    }
}

impl Call for QueryCoupon {
    const METHOD: Method = Method::Get;
    type Answer = Coupon;

    fn target(&self, party: &Party) -> String {
        let (openid, coupon) = (encode_path(&self.openid), encode_path(&self.coupon_id));
        format!("{BASE}/users/{openid}/coupons/{coupon}?{}", query([("appid", Some(&party.appid))]))
    }

    fn read(&self, _: &Party, body: &[u8]) -> Result<Coupon, CallError> {
        let coupon: Coupon = parse(body)?;
        if coupon.coupon_id == self.coupon_id { Ok(coupon) } else { Err(CallError::Other("coupon_id")) }
    }
}

impl Call for ListCoupons {
    const METHOD: Method = Method::Get;
    type Answer = Page<Coupon>;

    fn target(&self, party: &Party) -> String {
        let (offset, limit) = (self.offset.to_string(), self.limit.to_string());
        let query = query([
            ("appid", Some(&party.appid)),
            ("stock_id", self.stock_id.as_deref()),
            ("status", self.status.as_deref()),
            ("creator_mchid", self.creator_mchid.as_deref()),
            ("offset", Some(&offset)),
            ("limit", Some(&limit)),
        ]);
        format!("{BASE}/users/{}/coupons?{query}", encode_path(&self.openid))
    }

    fn read(&self, _: &Party, body: &[u8]) -> Result<Page<Coupon>, CallError> {
        parse(body)
    }
}
