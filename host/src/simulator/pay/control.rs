//! `/simulator/pay/…`: what is not WeChat Pay but steers the simulation, for programs that cannot call
//! [`PayGateway`](super::PayGateway) themselves.
//!
//! | | |
//! |---|---|
//! | `POST /simulator/pay/merchants` | adds a merchant: [`MerchantFields`] |
//! | `GET /simulator/pay/orders/{mch_id}/{out_trade_no}` | an order as WeChat Pay knows it, with the page at which it is paid |
//! | `POST /simulator/pay/orders/{mch_id}/{out_trade_no}` | `{"pay": true}`, or `{"state": "USERPAYING"}` whatever it was |
//! | `PUT /simulator/pay/refunds` | `{"held": true}`: new refunds stay `PROCESSING` until they are settled |
//! | `POST /simulator/pay/refunds/{mch_id}/{out_refund_no}` | `{"status": "SUCCESS"}`: settles one |
//! | `GET`, `PUT /simulator/pay/notifying` | how WeChat Pay tells of payments by itself: [`Notifying`] |
//! | `POST /simulator/pay/release` | `{"order": "in_order"}`, `reverse` or `at_once`: lets go what was kept back |
//! | `GET /simulator/pay/tries` | what was told so far, and how it was answered |
//! | `POST /simulator/pay/notifications` | `{"mch_id", "out_trade_no"}` and perhaps `"probe": true`: tells of an order once |
//! | `POST`, `DELETE /simulator/pay/faults` | plans a fault: `{"path", "fault", "times"}`; forgets those that are planned |
//! | `GET`, `DELETE /simulator/pay/calls` | the calls that arrived; forgets them |

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, State as Extract},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use serde::Deserialize;
use serde_json::{Value, json};
use weft_wechat::pay::{Party, RefundStatus, TradeState, v2, v3};

use super::{Notifying, PlannedFault, Release, Shared, book::Account, notices, page};

/// A merchant: with `api_key` one of v2, with `apiv3_key` and `certificate` one of v3.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MerchantFields {
    /// 商户号.
    pub mch_id: String,
    /// The account that it is bound to.
    pub appid: String,
    /// 特约商户, for partners.
    pub sub_mch_id: Option<String>,
    /// The sub-merchant's account.
    pub sub_appid: Option<String>,
    /// The key of v2.
    pub api_key: Option<String>,
    /// MD5 or HMAC-SHA256, for v2; HMAC-SHA256 without.
    pub sign_type: Option<String>,
    /// The key of v3.
    pub apiv3_key: Option<String>,
    /// The merchant's certificate as PEM, for v3.
    pub certificate: Option<String>,
}

impl MerchantFields {
    /// What it signs with; an error says what is wrong.
    pub(super) fn account(&self) -> Result<Account, &'static str> {
        let party = Party {
            appid: self.appid.clone(),
            mch_id: self.mch_id.clone(),
            sub_appid: self.sub_appid.clone(),
            sub_mch_id: self.sub_mch_id.clone(),
        };
        if party.mch_id.is_empty() || party.appid.is_empty() {
            return Err("a merchant has a mch_id and an appid");
        }
        match (&self.api_key, &self.apiv3_key, &self.certificate) {
            (Some(key), None, None) => {
                let key = key.parse().map_err(|_| "api_key: 32 letters or digits")?;
                let sign_type = self.sign_type.as_deref().unwrap_or("HMAC-SHA256");
                let sign_type = sign_type.parse().map_err(|_| "sign_type: MD5 or HMAC-SHA256")?;
                Ok(Account::V2(v2::Merchant { party, key, sign_type }))
            }
            (None, Some(key), Some(certificate)) => {
                let apiv3_key = key.parse().map_err(|_| "apiv3_key: 32 letters or digits")?;
                let certificate = v3::Certificate::from_pem(certificate).map_err(|_| "certificate: a PEM")?;
                Ok(Account::V3 { party, apiv3_key, public_key: certificate.public_key })
            }
            _ => Err("give either api_key (v2), or apiv3_key and certificate (v3)"),
        }
    }
}

pub(super) fn routes(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/simulator/pay/merchants", post(add_merchant))
        .route("/simulator/pay/orders/{mch_id}/{out_trade_no}", get(order).post(change_order))
        .route("/simulator/pay/refunds", put(hold_refunds))
        .route("/simulator/pay/refunds/{mch_id}/{out_refund_no}", post(settle_refund))
        .route("/simulator/pay/notifying", get(notifying).put(set_notifying))
        .route("/simulator/pay/release", post(release))
        .route("/simulator/pay/tries", get(tries))
        .route("/simulator/pay/notifications", post(notify))
        .route("/simulator/pay/faults", post(plan).delete(forget_faults))
        .route("/simulator/pay/calls", get(calls).delete(forget_calls))
        .with_state(shared)
}

fn refused(why: &str) -> Response {
    (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({"error": why}))).into_response()
}

async fn add_merchant(Extract(shared): Extract<Arc<Shared>>, Json(fields): Json<MerchantFields>) -> Response {
    match fields.account() {
        Ok(account) => {
            shared.book().accounts.insert(fields.mch_id, account);
            StatusCode::NO_CONTENT.into_response()
        }
        Err(why) => refused(why),
    }
}

async fn order(
    Extract(shared): Extract<Arc<Shared>>,
    Path((mch_id, out_trade_no)): Path<(String, String)>,
) -> Response {
    let mut book = shared.book();
    let Some(order) = book.order(&mch_id, &out_trade_no) else { return StatusCode::NOT_FOUND.into_response() };
    let refunded = order.given_back();
    let told = json!({
        "state": order.state, "total": order.total, "transaction_id": order.transaction_id, "refunded": refunded,
        "page": page::path(&mch_id, &out_trade_no),
    });
    Json(told).into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OrderChange {
    #[serde(default)]
    pay: bool,
    state: Option<TradeState>,
}

async fn change_order(
    Extract(shared): Extract<Arc<Shared>>,
    Path((mch_id, out_trade_no)): Path<(String, String)>,
    Json(change): Json<OrderChange>,
) -> Response {
    {
        let mut book = shared.book();
        let Some(order) = book.order(&mch_id, &out_trade_no) else { return StatusCode::NOT_FOUND.into_response() };
        if let Some(state) = change.state {
            order.state = state;
        }
    }
    if change.pay && super::pay(&shared, &mch_id, &out_trade_no).is_none() {
        return refused("the order is not to be paid any more");
    }
    StatusCode::NO_CONTENT.into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Holding {
    held: bool,
}

async fn hold_refunds(Extract(shared): Extract<Arc<Shared>>, Json(fields): Json<Holding>) -> StatusCode {
    shared.book().holds_refunds = fields.held;
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settled {
    status: RefundStatus,
}

async fn settle_refund(
    Extract(shared): Extract<Arc<Shared>>,
    Path((mch_id, out_refund_no)): Path<(String, String)>,
    Json(fields): Json<Settled>,
) -> StatusCode {
    if super::settle_refund(&shared, &mch_id, &out_refund_no, fields.status) {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::NOT_FOUND
    }
}

async fn notifying(Extract(shared): Extract<Arc<Shared>>) -> Json<Notifying> {
    Json(shared.book().notifying)
}

async fn set_notifying(Extract(shared): Extract<Arc<Shared>>, Json(how): Json<Notifying>) -> StatusCode {
    shared.book().notifying = how;
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReleaseFields {
    order: Release,
}

async fn release(Extract(shared): Extract<Arc<Shared>>, Json(fields): Json<ReleaseFields>) -> Json<Value> {
    Json(json!({"taken": notices::release(&shared, fields.order).await}))
}

async fn tries(Extract(shared): Extract<Arc<Shared>>) -> Json<Value> {
    Json(json!(shared.book().tries))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NotifyFields {
    mch_id: String,
    out_trade_no: String,
    #[serde(default)]
    probe: bool,
}

async fn notify(Extract(shared): Extract<Arc<Shared>>, Json(fields): Json<NotifyFields>) -> Response {
    let NotifyFields { mch_id, out_trade_no, probe } = fields;
    let notice = shared.book().notice(&mch_id, &out_trade_no);
    let Some(notice) = notice else { return StatusCode::NOT_FOUND.into_response() };
    if probe {
        notice.probe(&shared, 1).await;
    } else {
        notice.once(&shared, 1).await;
    }
    Json(json!(shared.book().tries.last())).into_response()
}

async fn plan(Extract(shared): Extract<Arc<Shared>>, Json(fault): Json<PlannedFault>) -> StatusCode {
    shared.book().faults.push(fault);
    StatusCode::NO_CONTENT
}

async fn forget_faults(Extract(shared): Extract<Arc<Shared>>) -> StatusCode {
    shared.book().faults.clear();
    StatusCode::NO_CONTENT
}

async fn calls(Extract(shared): Extract<Arc<Shared>>) -> Json<Value> {
    let book = shared.book();
    Json(book.calls.iter().map(|call| json!({"target": call.target, "body": call.body})).collect())
}

async fn forget_calls(Extract(shared): Extract<Arc<Shared>>) -> StatusCode {
    shared.book().calls.clear();
    StatusCode::NO_CONTENT
}
