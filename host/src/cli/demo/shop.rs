//! A shop of an operator's, as small as one can be: a page that sells a pear, and the server behind it, which holds the
//! token of the admin API. The page is `docs/shop.html`, an example to copy.

use std::{net::SocketAddr, sync::Arc};

use anyhow::Context;
use axum::{
    Json, Router,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::{get, post},
};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::api::Api;

/// What the shop sells.
const PAGE: &str = include_str!("../../../docs/shop.html");

/// Where the demo's orders are in the admin API.
pub(super) const ORDERS: &str = "/apps/demo/merchants/default/orders";

/// It runs until it is dropped.
pub(super) struct Shop {
    /// `http://127.0.0.1:…`
    pub(super) base: String,
    _stop: DropGuard,
}

impl Shop {
    /// Starts on a free port of the same interface as `beside`.
    pub(super) async fn start(beside: SocketAddr, base: &str, token: &str) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((beside.ip(), 0)).await.context("the demo's shop · 演示商店")?;
        let own = format!("http://{}", listener.local_addr()?);
        let routes = Router::new()
            .route("/", get(Html(PAGE)))
            .route("/orders", post(create))
            .route("/orders/{out_trade_no}", get(read))
            .route("/orders/{out_trade_no}/qrcode.svg", get(qr_code))
            .with_state(Arc::new(Api::new(base, token)?));
        let stop = CancellationToken::new();
        let serving = axum::serve(listener, routes).into_future();
        tokio::spawn(stop.clone().run_until_cancelled_owned(serving));
        Ok(Self { base: own, _stop: stop.drop_guard() })
    }
}

/// Creates an order, and tells the page where it is paid.
async fn create(State(api): State<Arc<Api>>) -> Result<Json<Value>, Failed> {
    let new = json!({"body": "A pear · 一个梨", "total_fee": 101, "trade_type": "NATIVE"});
    let order = api.call(Method::POST, ORDERS, Some(&new)).await?;
    let number = order["out_trade_no"].as_str().unwrap_or_default();
    let prepaid = api.call(Method::POST, &format!("{ORDERS}/{number}/prepay"), Some(&json!({}))).await?;
    Ok(Json(json!({"out_trade_no": number, "code_url": prepaid["code_url"]})))
}

/// Tells the page no more of an order than it needs: whoever has the number can ask.
async fn read(State(api): State<Arc<Api>>, Path(number): Path<String>) -> Result<Json<Value>, Failed> {
    let order = api.call(Method::GET, &order(&number), None).await?;
    Ok(Json(json!({"state": order["state"]})))
}

async fn qr_code(State(api): State<Arc<Api>>, Path(number): Path<String>) -> Result<Response, Failed> {
    let svg = api.text(&format!("{}/qrcode?size=240", order(&number))).await?;
    Ok(([(header::CONTENT_TYPE, "image/svg+xml")], svg).into_response())
}

fn order(number: &str) -> String {
    let number: String = form_urlencoded::byte_serialize(number.as_bytes()).collect();
    format!("{ORDERS}/{number}")
}

/// Why is for the operator, not for the page.
struct Failed;

impl From<anyhow::Error> for Failed {
    fn from(error: anyhow::Error) -> Self {
        tracing::warn!("the demo's shop: {error:#}");
        Self
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        StatusCode::BAD_GATEWAY.into_response()
    }
}
