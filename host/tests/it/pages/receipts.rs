//! What is kept of a visit: enough to make the call again, and no secrets.

use reqwest::Method;
use serde_json::{Value, json};
use weft::plugins::Receipt;

use super::Site;
use crate::support::until;

/// The receipt of the last call; null before the first one.
async fn last(site: &Site) -> Value {
    let (_, page) = site.app.api(Method::GET, "/plugins/guest/receipts?limit=1", None).await;
    let Some(id) = page["items"][0]["id"].as_str() else { return Value::Null };
    site.app.api(Method::GET, &format!("/plugins/guest/receipts/{id}"), None).await.1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_has_no_secrets_of_visitors() {
    let site = Site::start().await;
    let form = "name=%E4%BD%A0&password=hunter2&access%5Ftoken=hunter2&gift=1";
    let request = site.request(Method::POST, "/fail/error?page=2&token=hunter2").body(form);
    let request = request.header("cookie", "cart=hunter2").header("authorization", "Basic hunter2");
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let request = request.header("referer", "https://shop.example/?ticket=hunter2&page=1");
    assert_eq!(request.send().await.unwrap().status(), 500);
    let receipt = last(&site).await;
    assert!(!receipt.to_string().contains("hunter2"), "{receipt}");
    let input = &receipt["input"];
    assert_eq!((&receipt["kind"], &receipt["entry"], &receipt["raw"]), (&json!("page"), &json!("fail"), &json!("")));
    assert_eq!((&input["method"], &input["path"]), (&json!("POST"), &json!("/fail/error")));
    assert_eq!(input["query"], "page=2&token=***");
    assert_eq!(input["body"], json!({"$text": "name=%E4%BD%A0&password=***&access%5Ftoken=***&gift=1"}));
    let headers = input["headers"].as_array().unwrap();
    assert!(headers.contains(&json!(["cookie", "***"])) && headers.contains(&json!(["authorization", "***"])));

    site.get("/answer/cookies").await;
    let answered = last(&site).await["answer"].clone();
    assert_eq!(answered["body"], json!({"$text": "<p>你好</p>"}));
    assert!(answered["headers"].as_array().unwrap().contains(&json!(["set-cookie", "***"])), "{answered}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_bodies_and_files_are_left_out() {
    let site = Site::start().await;
    let post = async |content_type: &str, bytes: usize| {
        let before = last(&site).await["id"].clone();
        let request = site.request(Method::POST, "/fail/error").header("content-type", content_type);
        assert_eq!(request.body(vec![b'x'; bytes]).send().await.unwrap().status(), 500);
        // What is long is written when the page has been answered.
        until("it leaves a receipt", async || {
            let last = last(&site).await;
            (last["id"] != before).then(|| last["input"]["body"].clone())
        })
        .await
    };
    assert_eq!(post("text/plain", 32 << 10).await["$text"].as_str().unwrap().len(), 32 << 10);
    assert_eq!(post("text/plain", (32 << 10) + 1).await, "left out: 32769 bytes");
    assert_eq!(post("multipart/form-data; boundary=x", 10).await, "left out: 10 bytes");
    assert_eq!(post("image/png", 10).await, "left out: 10 bytes");
    let receipt: Receipt = serde_json::from_value(last(&site).await).unwrap();
    let plugin = site.app.state.plugins.find("guest").unwrap();
    let error = site.app.state.plugins.replay(plugin.loaded.as_ref().unwrap(), &receipt).await.unwrap_err();
    assert!(error.to_string().contains("left out: 10 bytes"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_visit_can_be_made_again() {
    let site = Site::start().await;
    for path in ["/fail/panic", "/told/x?y=1", "/kept/nothing", "/answer/status/404"] {
        let request = site.request(Method::POST, path).header("content-type", "text/plain").body("hi");
        request.send().await.unwrap();
        let before: Receipt = serde_json::from_value(last(&site).await).unwrap();
        let plugin = site.app.state.plugins.find("guest").unwrap();
        let after = site.app.state.plugins.replay(plugin.loaded.as_ref().unwrap(), &before).await.unwrap();
        assert_eq!((after.outcome, after.error, after.answer), (before.outcome, before.error, before.answer), "{path}");
        // Each of them leaves a receipt, although it goes well.
        tokio::time::sleep(std::time::Duration::from_millis(11)).await;
    }
}
