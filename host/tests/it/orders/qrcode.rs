//! The QR codes of orders.

use reqwest::{Client, Method, Response};
use serde_json::json;
use weft::qr_code::{QrLevel, QrStyle, png, svg};

use super::{NUMBER, gateway::Till, merchants::MERCHANTS};
use crate::support::till::MCH_ID;

const STYLE: QrStyle = QrStyle { size: 320, margin: 4, level: QrLevel::M };

async fn get(till: &Till, query: &str, accept: &str) -> Response {
    let url = format!("{}/api/v1{MERCHANTS}/default/orders/{NUMBER}/qrcode{query}", till.app.base);
    let request = Client::builder().no_proxy().build().unwrap().get(url).bearer_auth(&till.app.token);
    request.header("accept", accept).send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_native_order_has_a_picture_that_says_where_it_is_paid() {
    for version in ["v2", "v3"] {
        let till = Till::open(version).await;
        let new = json!({"out_trade_no": NUMBER, "body": "一个梨", "total_fee": 101, "trade_type": "NATIVE"});
        till.app.api(Method::POST, &format!("{MERCHANTS}/default/orders"), Some(new)).await;
        // WeChat hears of the order by it, which stands in the audit log; once.
        let picture = get(&till, "", "*/*").await;
        assert_eq!(picture.headers()["content-type"], "image/svg+xml");
        let picture = picture.text().await.unwrap();
        let order = till.get("").await;
        assert_eq!(order["state"], "NOTPAY");
        let code_url = till.pay.page(MCH_ID, NUMBER);
        assert_eq!(picture, svg(&code_url, STYLE).unwrap(), "{version}");
        for (query, accept) in [("?format=png", "*/*"), ("", "image/png,image/*;q=0.8"), ("", "text/html, image/png")] {
            let picture = get(&till, query, accept).await;
            assert_eq!(picture.headers()["content-type"], "image/png", "{query} {accept}");
            assert_eq!(picture.bytes().await.unwrap(), png(&code_url, STYLE).unwrap());
        }
        let picture = get(&till, "?format=svg&size=100&margin=0&level=H", "image/png").await.text().await.unwrap();
        assert_eq!(picture, svg(&code_url, QrStyle { size: 100, margin: 0, level: QrLevel::H }).unwrap());
        let (_, log) = till.app.api(Method::GET, "/audit-log?action=read_order_qrcode", None).await;
        assert_eq!(log["items"].as_array().unwrap().len(), 1, "{log}");

        for (query, field) in
            [("?size=20", "size"), ("?size=0", "size"), ("?size=4096", "size"), ("?margin=99", "margin")]
        {
            let refused = get(&till, query, "*/*").await;
            assert_eq!(refused.status(), 422, "{query}");
            let problem: serde_json::Value = refused.json().await.unwrap();
            assert_eq!(problem["errors"][0]["field"], field, "{problem}");
        }
        assert_eq!(get(&till, "?level=X", "*/*").await.status(), 400);
        till.pay.pay(MCH_ID, NUMBER).unwrap();
        till.post("sync", json!({})).await;
        assert_eq!(get(&till, "", "*/*").await.status(), 409, "it is paid");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_orders_have_none() {
    let till = Till::open("v3").await;
    assert_eq!(get(&till, "", "*/*").await.status(), 404);
    till.order("JSAPI").await;
    assert_eq!(get(&till, "", "*/*").await.status(), 409);
}
