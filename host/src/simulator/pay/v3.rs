//! The gateway of v3: JSON.

use axum::{
    http::{HeaderMap, Method, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use weft_wechat::pay::v3::{self, Apiv3Key, InvalidKey, Resource};
use weft_wechat::pay::{Fen, Party, Refund, TradeState, Transaction, time};

use super::book::{Account, Book, INVALID, NO_RESOURCE, NOT_BOUND, NOT_FOUND, No, Order};
use super::platform::Platform;
use super::{Posted, combined, coupons, sharing, transfers};

/// The key with which the simulated WeChat signs. It stands in the source for everybody to read: it proves nothing.
pub const PLATFORM_KEY: &str = include_str!("platform_key.pem");

/// The public half of [`PLATFORM_KEY`], for merchants with the WeChat Pay public key.
pub const PLATFORM_PUBLIC_KEY: &str = include_str!("platform_public_key.pem");

const BASE: &str = "/v3/pay/transactions/";
const REFUNDS: &str = "/v3/refund/domestic/refunds";
const SHARING: &str = "/v3/profitsharing/";
const TRANSFERS: &str = "/v3/fund-app/mch-transfer/transfer-bills";
const COUPONS: &str = "/v3/marketing/favor/";
const COMBINED: &str = "/v3/combine-transactions/";

pub(super) fn answer(
    book: &mut Book,
    platform: &Platform,
    method: &Method,
    target: &str,
    headers: &HeaderMap,
    body: &str,
    now: u64,
) -> Response {
    let answered = match caller(book, method, target, headers, body) {
        Some(party) if target.starts_with(BASE) || target.starts_with(REFUNDS) => {
            carry_out(book, &party, method, target, body, now)
        }
        Some(party) => {
            let serial = headers.get("wechatpay-serial").and_then(|serial| serial.to_str().ok()).unwrap_or_default();
            carry_out_more(book, platform, &party, (method, target, body), serial, now)
        }
        None => Err(No { v2: "SIGNERROR", v3: "SIGN_ERROR", status: 401 }),
    };
    let (status, body) = match answered {
        Ok(Value::Null) => (204, String::new()),
        Ok(told) => (200, told.to_string()),
        Err(no) => (no.status, json!({"code": no.v3, "message": no.v3}).to_string()),
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match signed(platform, &body, now) {
        Ok(headers) => {
            let mut response = (status, body).into_response();
            for (name, value) in headers {
                if let Ok(value) = value.parse() {
                    response.headers_mut().insert(name, value);
                }
            }
            response
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Whose call it is, when it is signed by them.
fn caller(book: &Book, method: &Method, target: &str, headers: &HeaderMap, body: &str) -> Option<Party> {
    let header = headers.get("authorization")?.to_str().ok()?.strip_prefix("WECHATPAY2-SHA256-RSA2048 ")?;
    let part = |name: &str| {
        let found = header.split(',').find_map(|part| part.strip_prefix(name)?.strip_prefix("=\""));
        found.and_then(|value| value.strip_suffix('"'))
    };
    let Some(Account::V3 { party, public_key, .. }) = book.accounts.get(part("mchid")?) else { return None };
    let method = if *method == Method::GET { v3::Method::Get } else { v3::Method::Post };
    let timestamp = part("timestamp")?.parse().ok()?;
    let message = v3::canonical_message(method, target, timestamp, part("nonce_str")?, body);
    public_key.verify(message.as_bytes(), part("signature")?).then(|| party.clone())
}

fn carry_out(book: &mut Book, party: &Party, method: &Method, target: &str, body: &str, now: u64) -> Result<Value, No> {
    let path = target.split('?').next().unwrap_or_default();
    let asked: Value = serde_json::from_str(body).unwrap_or_default();
    let mch_id = &party.mch_id;
    let text = |name: &str| asked[name].as_str().ok_or(INVALID);
    if let Some(refund) = path.strip_prefix(REFUNDS) {
        if let Some(number) = refund.strip_prefix('/') {
            return book.find_refund(mch_id, &decoded(number)).map(|refund| refund_told(&refund));
        }
        let fee = Fen(asked["amount"]["refund"].as_u64().ok_or(INVALID)?);
        let refund = book.refund(mch_id, text("out_trade_no")?, text("out_refund_no")?, fee, now)?;
        return Ok(refund_told(&refund));
    }
    let rest = path.strip_prefix(BASE).ok_or(NOT_FOUND)?;
    if let Some(number) = rest.strip_prefix("out-trade-no/") {
        return match number.strip_suffix("/close") {
            Some(number) if *method == Method::POST => book.close(mch_id, &decoded(number)).map(|()| Value::Null),
            _ => book.told(mch_id, &decoded(number)).map(|told| order_told(&told)).ok_or(NOT_FOUND),
        };
    }
    // One that is bound to no merchant.
    if asked["appid"].as_str().is_some_and(|appid| appid != party.appid) {
        return Err(NOT_BOUND);
    }
    let (trade_type, name, prefix) = match rest {
        "jsapi" => ("JSAPI", "prepay_id", ""),
        "app" => ("APP", "prepay_id", ""),
        "native" => ("NATIVE", "code_url", "weixin://wxpay/bizpayurl?pr="),
        "h5" => ("MWEB", "h5_url", "https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?prepay_id="),
        _ => return Err(NOT_FOUND),
    };
    let order = Order {
        party: party.clone(),
        total: Fen(asked["amount"]["total"].as_u64().ok_or(INVALID)?),
        content: content(&asked),
        trade_type,
        openid: Some(asked["payer"]["openid"].as_str().unwrap_or("oSimulated").to_owned()),
        attach: asked["attach"].as_str().map(str::to_owned),
        notify_url: text("notify_url")?.to_owned(),
        state: TradeState::Notpay,
        transaction_id: None,
        paid_at: None,
        refunds: Vec::new(),
    };
    let prepay_id = book.prepay(text("out_trade_no")?, order)?;
    Ok(json!({name: format!("{prefix}{prepay_id}")}))
}

/// What is no order: certificates, parts of payments, money and coupons to users, orders that are paid together.
fn carry_out_more(
    book: &mut Book,
    platform: &Platform,
    party: &Party,
    (method, target, body): (&Method, &str, &str),
    serial: &str,
    now: u64,
) -> Result<Value, No> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let mut asked: Value = serde_json::from_str(body).unwrap_or_default();
    let mch_id = &party.mch_id;
    if path == "/v3/certificates" {
        let Some(Account::V3 { apiv3_key, .. }) = book.accounts.get(mch_id) else { return Err(INVALID) };
        return platform.certificates(apiv3_key).ok_or(NO_RESOURCE);
    }
    for name in ["user_name", "name"] {
        if let Some(sealed) = asked[name].as_str() {
            asked[name] = platform.open(serial, sealed).ok_or(INVALID)?.into();
        }
    }
    if let Some(rest) = path.strip_prefix(SHARING) {
        return sharing::answer(book, mch_id, method, (rest, &query), &asked);
    }
    if let Some(rest) = path.strip_prefix(TRANSFERS) {
        return transfers::answer(book, mch_id, method, rest, &asked, now);
    }
    if let Some(rest) = path.strip_prefix(COUPONS) {
        return coupons::answer(book, mch_id, method, rest, &asked);
    }
    match path.strip_prefix(COMBINED) {
        Some(rest) => combined::answer(book, mch_id, method, rest, &asked),
        None => Err(NOT_FOUND),
    }
}

/// What must be the same when an order is told again: not where the payment is called from.
fn content(asked: &Value) -> String {
    let mut content = asked.clone();
    if let Some(scene) = content["scene_info"].as_object_mut() {
        scene.remove("payer_client_ip");
    }
    content.to_string()
}

fn decoded(part: &str) -> String {
    form_urlencoded::parse(format!("p={part}").as_bytes()).map(|(_, value)| value.into_owned()).collect()
}

fn order_told(told: &Transaction) -> Value {
    let mut json = json!({
        "appid": told.appid, "mchid": told.mch_id, "out_trade_no": told.out_trade_no,
        "trade_state": told.state, "trade_state_desc": told.state, "attach": told.attach.clone().unwrap_or_default(),
    });
    if let (Some(transaction_id), Some(total)) = (&told.transaction_id, told.total) {
        json["transaction_id"] = transaction_id.as_str().into();
        json["trade_type"] = told.trade_type.clone().into();
        json["success_time"] = told.paid_at.map(time::to_rfc3339).into();
        json["payer"] = json!({"openid": told.openid});
        json["amount"] = json!({"total": total, "payer_total": total, "currency": "CNY", "payer_currency": "CNY"});
        for (name, value) in &told.other {
            json[name] = value.as_str().into();
        }
    }
    json
}

fn refund_told(refund: &Refund) -> Value {
    json!({
        "out_refund_no": refund.out_refund_no, "refund_id": refund.refund_id, "out_trade_no": refund.out_trade_no,
        "transaction_id": refund.transaction_id, "status": refund.status, "channel": "ORIGINAL",
        "success_time": refund.success_at.map(time::to_rfc3339),
        "user_received_account": refund.received_account,
        "amount": {"refund": refund.refund, "total": refund.total, "currency": "CNY"},
    })
}

fn signed(platform: &Platform, body: &str, now: u64) -> Result<Vec<(&'static str, String)>, InvalidKey> {
    let (serial, signature) = platform.sign(format!("{now}\nsimulated\n{body}\n").as_bytes())?;
    Ok(vec![
        ("wechatpay-timestamp", now.to_string()),
        ("wechatpay-nonce", "simulated".to_owned()),
        ("wechatpay-serial", serial),
        ("wechatpay-signature", signature),
        ("wechatpay-signature-type", "WECHATPAY2-SHA256-RSA2048".to_owned()),
        ("content-type", "application/json".to_owned()),
    ])
}

pub(super) fn notification(
    platform: &Platform,
    key: &Apiv3Key,
    url: String,
    told: &Transaction,
    now: u64,
) -> Result<Posted, InvalidKey> {
    let text = order_told(told).to_string();
    let resource = Resource::seal(key, "transaction", "simulated-12", "transaction", text.as_bytes());
    let body = json!({
        "id": format!("EV-{}", told.out_trade_no), "create_time": time::to_rfc3339(now),
        "resource_type": "encrypt-resource", "event_type": "TRANSACTION.SUCCESS", "summary": "支付成功",
        "resource": resource.map_err(|_| InvalidKey::Rsa)?,
    });
    let body = body.to_string();
    let headers = signed(platform, &body, now)?;
    Ok(Posted { url, headers, body })
}
