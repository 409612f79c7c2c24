//! `/pay/{mch_id}/{out_trade_no}`: what a user sees who pays. With WeChat it is a sheet of the app; here it is a page, on a
//! phone or a laptop.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use weft_wechat::pay::{Fen, TradeState};

use super::{Shared, book::Order};

/// The page, with places for what it is about.
const PAGE: &str = include_str!("page.html");

pub(super) fn routes(shared: Arc<Shared>) -> Router {
    Router::new().route("/pay/{mch_id}/{out_trade_no}", get(show).post(pay)).with_state(shared)
}

/// Where the page of an order is, below the gateway's address.
pub(super) fn path(mch_id: &str, out_trade_no: &str) -> String {
    let number: String = form_urlencoded::byte_serialize(out_trade_no.as_bytes()).collect();
    format!("/pay/{mch_id}/{number}")
}

async fn show(State(shared): State<Arc<Shared>>, Path((mch_id, out_trade_no)): Path<(String, String)>) -> Response {
    let mut book = shared.book();
    match book.order(&mch_id, &out_trade_no) {
        Some(order) => page(StatusCode::OK, &filled(order, &out_trade_no)),
        None => page(StatusCode::NOT_FOUND, &PAGE.replace("{state}", "none")),
    }
}

async fn pay(State(shared): State<Arc<Shared>>, Path((mch_id, out_trade_no)): Path<(String, String)>) -> Response {
    let told = match super::pay(&shared, &mch_id, &out_trade_no) {
        None => "not paid: there is no such order, or it is not open · 未支付：订单不存在，或不可支付",
        Some((_, None)) => "paid; WeChat Pay does not tell of it by itself · 已支付，不会自动通知",
        // Whoever pays from the command line looks at the order next.
        Some((_, Some(first))) => match first.await {
            Ok(true) => "paid, and the server has taken the notification · 已支付，服务端已收到通知",
            _ => "paid; the server has not taken the notification yet · 已支付，服务端尚未收到通知",
        },
    };
    // A browser goes on to the page, which shows what came of it; others show this line.
    (StatusCode::SEE_OTHER, [(header::LOCATION, path(&mch_id, &out_trade_no))], format!("{told}\n")).into_response()
}

fn filled(order: &Order, out_trade_no: &str) -> String {
    let state = match order.state {
        TradeState::Notpay | TradeState::Userpaying => "open",
        TradeState::Success | TradeState::Refund => "paid",
        _ => "closed",
    };
    let Fen(fen) = order.total;
    let amount = format!("{}.{:02}", fen / 100, fen % 100);
    PAGE.replace("{state}", state)
        .replace("{amount}", &amount)
        .replace("{number}", &escaped(out_trade_no))
        .replace("{body}", &escaped(&order.body()))
}

fn page(status: StatusCode, text: &str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'"),
    ];
    (status, headers, text.to_owned()).into_response()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
