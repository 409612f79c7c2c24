//! The bills of the simulated WeChat Pay, made of its book: what was paid and given back on a day.

use std::io::Write;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use sha1::{Digest, Sha1};
use weft_wechat::pay::v2::{Fields, SignType};
use weft_wechat::pay::{Fen, Party, time};

use super::book::{Book, No, Order};
use crate::model::BillDate;

pub(super) const TRADE_BILL: &str = "/v3/bill/tradebill";
pub(super) const FUND_FLOW_BILL: &str = "/v3/bill/fundflowbill";
pub(super) const DOWNLOAD: &str = "/v3/billdownload/file";

pub(super) const NO_BILL: No = No { v2: "No Bill Exist", v3: "NO_STATEMENT_EXIST", status: 400 };
const NOT_YET: No = No { v2: "Bill Creating", v3: "STATEMENT_CREATING", status: 400 };

const TRADE_COLUMNS: &str = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,\
                             交易状态,付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,\
                             充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注";

const TRADE_TOTALS: &str =
    "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额";

const FUND_FLOW_COLUMNS: &str = "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额（元）,\
                                 账户结余（元）,资金变更提交申请人,备注,业务凭证号";

const FUND_FLOW_TOTALS: &str = "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额";

/// Changes the text of bills before they are packed.
pub(super) type Change = Box<dyn Fn(String) -> String + Send>;

/// What tests do to bills.
#[derive(Default)]
pub(super) struct Spoilt {
    pub(super) change: Option<Change>,
    /// How many files will be cut off.
    pub(super) cut: u32,
}

/// The text of a bill; a no when there is none, or not yet.
fn text(book: &Book, mch_id: &str, date: &str, is_fund_flow: bool, now: u64) -> Result<String, No> {
    let date: BillDate = date.parse().map_err(|_| super::book::INVALID)?;
    if date > BillDate::newest(now) {
        return Err(NOT_YET);
    }
    let of_day = |seconds: Option<u64>| seconds.is_some_and(|at| (date.start()..date.end()).contains(&at));
    let mut trades = Sums::default();
    let mut text = if is_fund_flow { FUND_FLOW_COLUMNS.to_owned() } else { TRADE_COLUMNS.to_owned() };
    text.push_str("\r\n");
    for (number, order) in book.orders_of(mch_id) {
        if of_day(order.paid_at) {
            trades.payments += 1;
            trades.paid += order.total.0;
            let row = if is_fund_flow { income(number, order) } else { payment(number, order) };
            text.push_str(&row);
        }
        for refund in order.refunds.iter().filter(|refund| of_day(refund.success_at)) {
            trades.refunds += 1;
            trades.given += refund.refund.0;
            let row = if is_fund_flow { outgo(order, refund) } else { refunded(number, order, refund) };
            text.push_str(&row);
        }
    }
    if trades.payments + trades.refunds == 0 {
        return Err(NO_BILL);
    }
    text.push_str(&if is_fund_flow { trades.fund_flow() } else { trades.trades() });
    Ok(match &book.spoilt.change {
        Some(change) => change(text),
        None => text,
    })
}

#[derive(Default)]
struct Sums {
    payments: u64,
    paid: u64,
    refunds: u64,
    given: u64,
}

impl Sums {
    fn trades(&self) -> String {
        let (paid, given) = (yuan(Fen(self.paid)), yuan(Fen(self.given)));
        let count = self.payments + self.refunds;
        format!("{TRADE_TOTALS}\r\n`{count},`{paid},`{given},`0.00,`0.00000,`{paid},`{given}\r\n")
    }

    fn fund_flow(&self) -> String {
        let (paid, given) = (yuan(Fen(self.paid)), yuan(Fen(self.given)));
        let Self { payments, refunds, .. } = self;
        format!("{FUND_FLOW_TOTALS}\r\n`{},`{payments},`{paid},`{refunds},`{given}\r\n", payments + refunds)
    }
}

/// The columns that lines about payments and refunds have in common.
fn head(at: u64, number: &str, order: &Order, state: &str) -> String {
    let Party { appid, mch_id, sub_mch_id, .. } = &order.party;
    let (sub, openid) = (sub_mch_id.as_deref().unwrap_or("0"), order.openid.as_deref().unwrap_or_default());
    let transaction = order.transaction_id.as_deref().unwrap_or_default();
    let (at, trade_type) = (time::to_spaced(at), order.trade_type);
    format!("`{at},`{appid},`{mch_id},`{sub},`,`{transaction},`{number},`{openid},`{trade_type},`{state},`OTHERS,`CNY")
}

fn payment(number: &str, order: &Order) -> String {
    let head = head(order.paid_at.unwrap_or_default(), number, order, "SUCCESS");
    let (total, attach) = (yuan(order.total), order.attach.as_deref().unwrap_or_default());
    // Commas in names have no quotes.
    format!("{head},`{total},`0.00,`0,`0,`0.00,`0.00,`,`,`梨, 一个,`{attach},`0.00000,`0.60%,`{total},`0.00,`\r\n")
}

fn refunded(number: &str, order: &Order, refund: &weft_wechat::pay::Refund) -> String {
    let head = head(refund.success_at.unwrap_or_default(), number, order, "REFUND");
    let (id, given) = (refund.refund_id.as_deref().unwrap_or_default(), yuan(refund.refund));
    let (own, status) = (&refund.out_refund_no, refund.status.as_str());
    format!(
        "{head},`0.00,`0.00,`{id},`{own},`{given},`0.00,`ORIGINAL,`{status},`梨, 一个,`,`0.00000,`0.60%,`0.00,`{given},`\r\n"
    )
}

fn income(number: &str, order: &Order) -> String {
    let at = time::to_spaced(order.paid_at.unwrap_or_default());
    let (id, total) = (order.transaction_id.as_deref().unwrap_or_default(), yuan(order.total));
    format!("`{at},`{id},`1,`交易,`交易,`收入,`{total},`0.00,`system,`,`{number}\r\n")
}

fn outgo(order: &Order, refund: &weft_wechat::pay::Refund) -> String {
    let at = time::to_spaced(refund.success_at.unwrap_or_default());
    let (id, given) = (refund.refund_id.as_deref().unwrap_or_default(), yuan(refund.refund));
    let (mch_id, own) = (&order.party.mch_id, &refund.out_refund_no);
    format!("`{at},`{id},`2,`退款,`退款,`支出,`{given},`0.00,`{mch_id}API,`,`{own}\r\n")
}

fn yuan(Fen(fen): Fen) -> String {
    format!("{}.{:02}", fen / 100, fen % 100)
}

/// The file, packed; cut off when that was asked for.
fn packed(book: &mut Book, text: &str) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    // Into memory: it cannot fail.
    drop(packed.write_all(text.as_bytes()));
    let mut file = packed.finish().unwrap_or_default();
    if book.spoilt.cut > 0 {
        book.spoilt.cut -= 1;
        file.truncate(file.len() / 2);
    }
    file
}

/// How a call of v2 for a bill is signed; none for other calls.
pub(super) fn sign_type_of(path: &str, own: SignType) -> Option<SignType> {
    match path {
        "/pay/downloadbill" => Some(own),
        "/pay/downloadfundflow" => Some(SignType::HmacSha256),
        _ => None,
    }
}

/// What v2 answers to a call for a bill: the file, or a no without a signature.
pub(super) fn answer_v2(book: &mut Book, mch_id: &str, path: &str, asked: &Fields, now: u64) -> Response {
    let compact = asked.get("bill_date").filter(|date| date.len() == 8 && date.is_ascii()).unwrap_or("00000000");
    let date = format!("{}-{}-{}", &compact[..4], &compact[4..6], &compact[6..]);
    match text(book, mch_id, &date, path == "/pay/downloadfundflow", now) {
        Ok(text) => packed(book, &text).into_response(),
        Err(no) => {
            let mut fields = Fields::default();
            fields.push("return_code", "FAIL");
            fields.push("return_msg", no.v2);
            if no.v2 == NO_BILL.v2 {
                fields.push("error_code", "20002");
            }
            fields.to_xml("xml").into_response()
        }
    }
}

/// What v3 tells of a bill: its hash, and where it is.
pub(super) fn told(book: &Book, mch_id: &str, target: &str, now: u64) -> Result<Value, No> {
    let is_fund_flow = target.starts_with(FUND_FLOW_BILL);
    let date = parameter(target, "bill_date");
    let text = text(book, mch_id, &date, is_fund_flow, now)?;
    let hash = hex::encode(Sha1::digest(text.as_bytes()));
    let kind = if is_fund_flow { "fundflow" } else { "trade" };
    let url = format!("https://api.mch.weixin.qq.com{DOWNLOAD}?token={kind}.{date}");
    Ok(json!({"hash_type": "SHA1", "hash_value": hash, "download_url": url}))
}

/// The file of v3, to whoever has signed for it. It is not signed.
pub(super) fn download(book: &mut Book, mch_id: &str, target: &str, now: u64) -> Response {
    let token = parameter(target, "token");
    let (kind, date) = token.split_once('.').unwrap_or_default();
    match text(book, mch_id, date, kind == "fundflow", now) {
        Ok(text) => ([(header::CONTENT_TYPE, "application/octet-stream")], packed(book, &text)).into_response(),
        Err(no) => StatusCode::from_u16(no.status).unwrap_or(StatusCode::NOT_FOUND).into_response(),
    }
}

fn parameter(target: &str, name: &str) -> String {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let found = form_urlencoded::parse(query.as_bytes()).find(|(own, _)| own == name);
    found.map(|(_, value)| value.into_owned()).unwrap_or_default()
}
