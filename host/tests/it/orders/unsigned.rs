//! Noes of v2 that nobody has signed.

use std::sync::{Arc, Mutex};

use axum::Router;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use weft::clock::Clock;
use weft::model::{Observation, ObservationSource};
use weft_wechat::pay::{
    Party, TradeState,
    v2::{Fields, Merchant, SignType},
};

use super::NUMBER;
use super::merchants::{API_KEY, MERCHANTS, v2};
use crate::support::{TestApp, till::MCH_ID};

/// A no with that code, as WeChat signs it.
fn signed(code: &str) -> String {
    let party = Party { appid: "wx1".into(), mch_id: MCH_ID.into(), sub_appid: None, sub_mch_id: None };
    let merchant = Merchant { party, key: API_KEY.parse().unwrap(), sign_type: SignType::HmacSha256 };
    let mut fields = Fields::default();
    for (name, value) in [
        ("return_code", "SUCCESS"),
        ("appid", "wx1"),
        ("mch_id", MCH_ID),
        ("nonce_str", "n"),
        ("result_code", "FAIL"),
        ("err_code", code),
    ] {
        fields.push(name, value);
    }
    merchant.signed(fields, SignType::HmacSha256).to_xml("xml")
}

/// The same as anybody could write it.
fn unsigned(code: &str) -> String {
    format!("<xml><return_code>FAIL</return_code><error_code>{code}</error_code></xml>")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_no_changes_an_order_only_where_it_is_signed() {
    let said = Arc::new(Mutex::new(String::new()));
    let say = Arc::clone(&said);
    let answer = Router::new().fallback(async move || say.lock().unwrap().clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, answer).await.unwrap() });

    for (action, code, becomes) in
        [("close", "ORDERCLOSED", "CLOSED"), ("close", "ORDERNOTEXIST", "CLOSED"), ("sync", "ORDERNOTEXIST", "NOTPAY")]
    {
        let app = TestApp::start_at(Clock::system(), |config| config.pay.api_base.clone_from(&base)).await;
        app.create_app("shop", json!({"appid": "wx1"})).await;
        assert_eq!(app.api(Method::POST, MERCHANTS, Some(v2())).await.0, 201);
        let orders = format!("{MERCHANTS}/default/orders");
        let new = json!({"out_trade_no": NUMBER, "body": "一个梨", "total_fee": 101, "openid": "oTEST"});
        assert_eq!(app.api(Method::POST, &orders, Some(new)).await.0, 201);
        let seen = Observation::done(ObservationSource::Query, TradeState::Userpaying, 1, "test");
        app.state.store.orders().apply("shop", "default", NUMBER, &seen).await.unwrap().unwrap();
        let ask = async |text: String| -> (u16, Value) {
            *said.lock().unwrap() = text;
            let (status, _) = app.api(Method::POST, &format!("{orders}/{NUMBER}/{action}"), Some(json!({}))).await;
            (status, app.api(Method::GET, &format!("{orders}/{NUMBER}"), None).await.1["state"].clone())
        };
        assert_eq!(ask(unsigned(code)).await, (502, json!("USERPAYING")), "{action} {code}");
        assert_eq!(ask(signed(code)).await, (200, json!(becomes)), "{action} {code}");
    }
}
