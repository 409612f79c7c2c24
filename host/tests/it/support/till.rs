//! A simulated WeChat Pay, and the merchant that is known there.

use reqwest::Method;
use serde_json::{Value, json};
use weft::{
    clock::Clock,
    simulator::pay::{PLATFORM_PUBLIC_KEY, PUBLIC_KEY_ID, PayGateway},
};
use weft_wechat::pay::{
    Party,
    v2::{Merchant, SignType},
    v3::Certificate,
};

use super::TestApp;
use crate::orders::{API_KEY, APIV3_KEY, CERTIFICATE, PRIVATE_KEY};

/// Of the merchant.
pub(crate) const MCH_ID: &str = "1900000109";

/// A gateway where the merchant is known, with v2 or v3.
pub(crate) async fn gateway(version: &str, appid: &str, clock: Clock) -> PayGateway {
    let pay = PayGateway::start(clock).await.unwrap();
    let party = Party { appid: appid.to_owned(), mch_id: MCH_ID.to_owned(), sub_appid: None, sub_mch_id: None };
    if version == "v2" {
        let key = API_KEY.parse().unwrap();
        pay.add_v2(Merchant { party, key, sign_type: SignType::HmacSha256 });
    } else {
        let certificate = Certificate::from_pem(CERTIFICATE).unwrap();
        pay.add_v3(party, APIV3_KEY.parse().unwrap(), certificate.public_key);
    }
    pay
}

/// Creates the app `shop` with that merchant.
pub(crate) async fn create(app: &TestApp, merchant: Value) {
    app.create_app("shop", json!({"appid": "wx1"})).await;
    let (status, created) = app.api(Method::POST, "/apps/shop/merchants", Some(merchant)).await;
    assert_eq!(status, 201, "{created}");
}

/// Creates an order of 101 fen, has WeChat told of it and the user pay; gives WeChat's number of it.
pub(crate) async fn paid(app: &TestApp, pay: &PayGateway, number: &str) -> String {
    let orders = "/apps/shop/merchants/default/orders";
    let new = json!({"out_trade_no": number, "body": "一个梨", "total_fee": 101, "trade_type": "NATIVE"});
    let (status, order) = app.api(Method::POST, orders, Some(new)).await;
    assert_eq!(status, 201, "{order}");
    let (status, prepaid) = app.api(Method::POST, &format!("{orders}/{number}/prepay"), Some(json!({}))).await;
    assert_eq!(status, 200, "{prepaid}");
    pay.pay(MCH_ID, number).unwrap().transaction_id.unwrap()
}

/// The merchant as the admin API takes it.
pub(crate) fn merchant(version: &str) -> Value {
    json!({
        "mch_id": MCH_ID, "api_version": version, "sign_type": "HMAC-SHA256",
        "api_key": API_KEY, "apiv3_key": APIV3_KEY, "private_key": PRIVATE_KEY, "client_cert": CERTIFICATE,
        "public_key": PLATFORM_PUBLIC_KEY, "public_key_id": PUBLIC_KEY_ID,
    })
}
