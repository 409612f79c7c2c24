//! `/apps/{app}/merchants/{merchant}/check`: what is right and wrong with a merchant.

use reqwest::Method;
use serde_json::{Value, json};
use weft::{
    clock::Clock,
    simulator::pay::{PayGateway, PlatformKey},
    storage::StoreError,
};
use weft_wechat::pay::TradeState;

use super::{APIV3_KEY, CERTIFICATE, OTHER_KEY, merchants::MERCHANTS};
use crate::support::{TestApp, till, with};

/// A server that calls `pay`, with this merchant.
async fn open(pay: &PayGateway, merchant: Value) -> TestApp {
    let app = TestApp::start_with(|config| config.pay.api_base.clone_from(&pay.base)).await;
    till::create(&app, merchant).await;
    app
}

async fn report(app: &TestApp, query: &str) -> Value {
    let (status, report) = app.api(Method::POST, &format!("{MERCHANTS}/default/check{query}"), None).await;
    assert_eq!(status, 200, "{report}");
    report
}

/// The outcomes of a check, and the details of what failed.
async fn check(app: &TestApp, query: &str) -> (String, String) {
    let report = report(app, query).await;
    let steps = report["steps"].as_array().unwrap();
    let text = |step: &Value, field: &str| step[field].as_str().unwrap().to_owned();
    let outcomes: Vec<_> = steps.iter().map(|step| text(step, "step") + " " + &text(step, "outcome")).collect();
    let failed = steps.iter().filter(|step| step["outcome"] == "failed");
    let failed: Vec<_> = failed.map(|step| text(step, "detail")).collect();
    assert_eq!(report["ok"], failed.is_empty(), "{report}");
    (outcomes.join(", "), failed.join("; "))
}

/// The merchant of v3 with something changed; null takes away.
fn v3(change: &Value) -> Value {
    let mut merchant = with(till::merchant("v3"), change.clone());
    merchant.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    merchant
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merchant_with_the_public_key_is_proven_in_both_directions() {
    let pay = till::gateway("v3", "wx1", Clock::system()).await;
    let app = open(&pay, till::merchant("v3")).await;
    let found = check(&app, "").await;
    let right = "keys ok, certificates skipped, request_signature ok, answer_signature ok, clock ok, appid skipped";
    assert_eq!(found, (right.to_owned(), String::new()));
    let orders = pay.calls().into_iter().filter(|call| call.body.contains("out_trade_no")).count();
    assert_eq!(orders, 0, "nothing is made");
    let found = check(&app, "?with_order=true").await;
    assert_eq!(found.0, right.replace("appid skipped", "appid ok"));
    let calls = pay.calls();
    let made = calls.iter().find(|call| call.target == "/v3/pay/transactions/native").unwrap();
    let made: Value = serde_json::from_str(&made.body).unwrap();
    assert_eq!(made["amount"]["total"], 1);
    assert_eq!(pay.state_of("1900000109", made["out_trade_no"].as_str().unwrap()), Some(TradeState::Closed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merchant_with_certificates_is_proven_by_them() {
    let pay = till::gateway("v3", "wx1", Clock::system()).await;
    pay.sign_with(PlatformKey::FirstCertificate, &[PlatformKey::FirstCertificate]);
    let without = json!({"public_key": null, "public_key_id": null});
    let app = open(&pay, v3(&without)).await;
    let found = check(&app, "").await;
    let right = "keys ok, certificates ok, request_signature ok, answer_signature ok, clock ok, appid skipped";
    assert_eq!(found, (right.to_owned(), String::new()));
    // The key is looked at anew each time, although certificates are known.
    let other = json!({"apiv3_key": APIV3_KEY.replace('0', "9")});
    assert_eq!(app.api(Method::PATCH, &format!("{MERCHANTS}/default"), Some(other)).await.0, 200);
    let (outcomes, why) = check(&app, "").await;
    assert!(outcomes.starts_with("keys ok, certificates failed, "), "{outcomes}");
    assert!(why.contains("apiv3_key must be the one that is set at WeChat Pay"), "{why}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_a_merchant_of_v3_is_told_with_what_to_do() {
    let serial = "453F8B3AAC8912264AE8CBCC14C4207AFFCECAB3";
    let other_key = json!({"private_key": OTHER_KEY, "client_cert": null, "serial_no": serial});
    let pay = till::gateway("v3", "wx1", Clock::system()).await;
    let (outcomes, why) = check(&open(&pay, v3(&other_key)).await, "?with_order=true").await;
    assert!(outcomes.contains("request_signature failed") && outcomes.contains("appid skipped"), "{outcomes}");
    assert!(why.contains("SIGN_ERROR") && why.contains("private_key and serial_no"), "{why}");

    let theirs = weft_wechat::pay::v3::Certificate::from_pem(CERTIFICATE).unwrap();
    assert_eq!(theirs.serial, serial);
    let other = include_str!("../../../wechat/tests/it/pay/keys/merchant_public_key.pem");
    let (outcomes, why) = check(&open(&pay, v3(&json!({"public_key": other}))).await, "").await;
    assert!(outcomes.contains("request_signature skipped, answer_signature failed"), "{outcomes}");
    assert!(why.contains("public_key and public_key_id"), "{why}");

    let elsewhere = till::gateway("v3", "wxelsewhere", Clock::system()).await;
    let app = open(&elsewhere, till::merchant("v3")).await;
    assert!(check(&app, "").await.0.ends_with("appid skipped"));
    let (outcomes, why) = check(&app, "?with_order=true").await;
    assert!(outcomes.ends_with("appid failed"), "{outcomes}");
    assert!(why.contains("APPID_MCHID_NOT_MATCH") && why.contains("bind the account") && why.contains("wx1"), "{why}");
    drop(elsewhere);
    let (outcomes, _) = check(&app, "").await;
    assert!(outcomes.contains("request_signature failed, answer_signature skipped"), "nobody answers: {outcomes}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merchant_of_v2_is_proven_with_its_certificate() {
    let pay = till::gateway("v2", "wx1", Clock::system()).await;
    let app = open(&pay, till::merchant("v2")).await;
    let right = "keys ok, request_signature ok, answer_signature ok, appid ok, client_certificate ok";
    for query in ["", "?with_order=true"] {
        assert_eq!(check(&app, query).await, (right.to_owned(), String::new()), "{query}");
    }
    let mut bare = till::merchant("v2");
    bare.as_object_mut().unwrap().remove("client_cert");
    let (outcomes, _) = check(&open(&pay, bare.clone()).await, "").await;
    assert!(outcomes.ends_with("client_certificate skipped"), "{outcomes}");

    for (field, wrong) in [("api_key", "292006250b4c09247ec02edce69f6a2d"), ("sign_type", "MD5")] {
        bare[field] = wrong.into();
        let (outcomes, why) = check(&open(&pay, bare.clone()).await, "").await;
        assert!(outcomes.contains("request_signature failed, answer_signature skipped, appid skipped"), "{outcomes}");
        assert!(why.contains("签名失败") && why.contains("api_key"), "{field} {why}");
        bare = till::merchant("v2");
    }
    let elsewhere = till::gateway("v2", "wxelsewhere", Clock::system()).await;
    let (outcomes, why) = check(&open(&elsewhere, till::merchant("v2")).await, "").await;
    assert!(outcomes.contains("answer_signature ") && outcomes.contains("appid "), "{outcomes}");
    assert!(why.contains("appid"), "{why}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_asked_without_keys_and_no_secret_is_told() {
    let pay = till::gateway("v3", "wx1", Clock::system()).await;
    let app = open(&pay, till::merchant("v3")).await;
    let told = report(&app, "?with_order=true").await.to_string();
    for secret in [APIV3_KEY, "BEGIN"] {
        assert!(!told.contains(secret), "{told}");
    }
    let (_, log) = app.api(Method::GET, "/audit-log?action=check_merchant", None).await;
    assert_eq!(log["items"].as_array().unwrap().len(), 1);
    let asked = pay.calls().len();
    let change = |merchant: &mut weft::model::Merchant| {
        merchant.private_key = None;
        Ok::<_, StoreError>(())
    };
    app.state.store.merchants().change("shop", "default", change).await.unwrap();
    let (status, problem) = app.api(Method::POST, &format!("{MERCHANTS}/default/check"), None).await;
    assert_eq!((status, &problem["type"]), (422, &json!("unable")), "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("private_key"), "{problem}");
    assert_eq!(pay.calls().len(), asked);
    assert_eq!(app.api(Method::POST, &format!("{MERCHANTS}/nobody/check"), None).await.0, 404);
}
