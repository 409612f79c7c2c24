//! `/apps/{app}/merchants`.

use reqwest::Method;
use serde_json::{Value, json};

use super::{CERTIFICATE, OTHER_KEY, PRIVATE_KEY};
use crate::support::{TestApp, with};

pub(super) const MERCHANTS: &str = "/apps/shop/merchants";

pub(crate) const API_KEY: &str = "192006250b4c09247ec02edce69f6a2d";
pub(crate) const APIV3_KEY: &str = "0123456789abcdefghijABCDEFGHIJ!@";

/// A server with one app.
pub(super) async fn shop() -> TestApp {
    // Nobody listens there.
    let app = TestApp::start_with(|config| "http://127.0.0.1:9".clone_into(&mut config.pay.api_base)).await;
    app.create_app("shop", json!({"appid": "wx1"})).await;
    app
}

pub(super) fn v2() -> Value {
    json!({"mch_id": "1900000109", "api_version": "v2", "api_key": API_KEY, "sign_type": "HMAC-SHA256"})
}

fn v3() -> Value {
    json!({
        "name": "new", "title": "新", "mch_id": "1900000110", "apiv3_key": APIV3_KEY, "private_key": PRIVATE_KEY,
        "client_cert": CERTIFICATE, "weight": 5,
    })
}

/// The fields that a problem names.
pub(super) fn wrong(problem: &Value) -> Vec<&str> {
    let errors = problem["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    errors.iter().map(|error| error["field"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn merchants_of_both_versions_are_kept_and_their_keys_are_not_told() {
    let app = shop().await;
    let (status, old) = app.api(Method::POST, MERCHANTS, Some(v2())).await;
    assert_eq!(status, 201, "{old}");
    assert_eq!(
        (&old["name"], &old["title"], &old["api_version"]),
        (&json!("default"), &json!("default"), &json!("v2"))
    );
    assert_eq!((&old["api_key"], &old["private_key"]), (&json!({"set": true}), &json!({"set": false})));
    assert!(old["notify_url"].as_str().unwrap().ends_with("/wechat/shop/pay/default/notify/"));
    let (status, new) = app.api(Method::POST, MERCHANTS, Some(v3())).await;
    assert_eq!(status, 201, "{new}");
    assert_eq!((&new["api_version"], &new["weight"]), (&json!("v3"), &json!(5)));
    assert_eq!(new["serial_no"].as_str().unwrap().len(), 40, "taken from the certificate");
    let (_, list) = app.api(Method::GET, MERCHANTS, None).await;
    assert_eq!(list["items"], json!([old, new]));
    for secret in [API_KEY, APIV3_KEY, "BEGIN"] {
        assert!(!list.to_string().contains(secret));
    }
    assert_eq!(app.api(Method::POST, MERCHANTS, Some(v2())).await.0, 409);
    assert_eq!(app.api(Method::POST, "/apps/nobody/merchants", Some(v2())).await.0, 404);
    assert_eq!(app.api(Method::GET, "/apps/nobody/merchants", None).await.0, 404);

    let path = &format!("{MERCHANTS}/default");
    let changes = json!({"title": "旧", "sign_type": "MD5", "client_cert": CERTIFICATE, "client_key": PRIVATE_KEY});
    let (status, patched) = app.api(Method::PATCH, path, Some(changes)).await;
    assert_eq!((status, &patched["title"], &patched["sign_type"]), (200, &json!("旧"), &json!("MD5")), "{patched}");
    assert_eq!(patched["client_key"], json!({"set": true}));
    let changes = json!({"client_cert": null, "client_key": null});
    let (_, patched) = app.api(Method::PATCH, path, Some(changes)).await;
    assert_eq!((&patched["client_cert"], &patched["serial_no"]), (&json!({"set": false}), &Value::Null));
    assert_eq!(app.api(Method::GET, path, None).await.1, patched);
    assert_eq!(app.api(Method::DELETE, path, None).await.0, 204);
    assert_eq!(app.api(Method::DELETE, path, None).await.0, 404);
    assert_eq!(app.api(Method::GET, path, None).await.0, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_looked_at_before_they_are_kept() {
    let app = shop().await;
    for (merchant, fields) in [
        (json!({}), vec!["mch_id", "apiv3_key", "private_key", "serial_no"]),
        (with(v2(), json!({"api_key": null})), vec!["api_key"]),
        (with(v2(), json!({"api_key": "short"})), vec!["api_key"]),
        (with(v2(), json!({"mch_id": "19000001o9"})), vec!["mch_id"]),
        (with(v2(), json!({"name": "a b"})), vec!["name"]),
        (with(v2(), json!({"title": ""})), vec!["title"]),
        (with(v2(), json!({"mch_app_id": "wx2"})), vec!["sub_mch_id"]),
        (with(v2(), json!({"client_key": PRIVATE_KEY})), vec!["client_cert"]),
        (with(v2(), json!({"client_cert": CERTIFICATE})), vec!["client_key"]),
        (with(v2(), json!({"client_cert": "abc", "client_key": PRIVATE_KEY})), vec!["client_cert"]),
        (with(v2(), json!({"client_cert": CERTIFICATE, "client_key": OTHER_KEY})), vec!["client_key"]),
        (with(v3(), json!({"private_key": OTHER_KEY})), vec!["private_key"]),
        (with(v3(), json!({"private_key": CERTIFICATE})), vec!["private_key"]),
        (with(v3(), json!({"serial_no": "0C4A"})), vec!["serial_no"]),
        (with(v3(), json!({"apiv3_key": "short"})), vec!["apiv3_key"]),
        (with(v3(), json!({"public_key_id": "PUB_KEY_ID_1"})), vec!["public_key_id"]),
        (with(v3(), json!({"public_key": PRIVATE_KEY, "public_key_id": "1"})), vec!["public_key", "public_key_id"]),
        (with(v3(), json!({"colour": "red"})), vec!["colour"]),
        (with(v3(), json!({"api_version": "v4"})), vec!["api_version"]),
    ] {
        let (status, problem) = app.api(Method::POST, MERCHANTS, Some(merchant.clone())).await;
        assert_eq!((status, wrong(&problem)), (422, fields), "{problem}");
        for secret in ["PRIVATE KEY", API_KEY, APIV3_KEY] {
            assert!(!problem.to_string().contains(&format!("{secret}-----\n")), "{problem}");
        }
    }
    assert_eq!(app.api(Method::GET, MERCHANTS, None).await.1["items"], json!([]), "nothing of this is kept");

    app.api(Method::POST, MERCHANTS, Some(v3())).await;
    let path = &format!("{MERCHANTS}/new");
    for (patch, fields) in [
        (json!({"mch_id": "1900000111"}), vec!["mch_id"]),
        (json!({"name": "other"}), vec!["name"]),
        (json!({"api_version": "v2"}), vec!["api_key"]),
        (json!({"private_key": null}), vec!["client_key", "private_key"]),
    ] {
        let (status, problem) = app.api(Method::PATCH, path, Some(patch)).await;
        assert_eq!((status, wrong(&problem)), (422, fields), "{problem}");
    }
    let (status, both) = app.api(Method::PATCH, path, Some(json!({"api_version": "v2", "api_key": API_KEY}))).await;
    assert_eq!((status, &both["apiv3_key"]), (200, &json!({"set": true})), "keys of both versions may be there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_call_needs_its_permission() {
    let app = shop().await;
    app.api(Method::POST, MERCHANTS, Some(v2())).await;
    let one = format!("{MERCHANTS}/default");
    let orders = format!("{one}/orders");
    let order = format!("{orders}/T20260101");
    let calls = [
        (Method::GET, MERCHANTS.to_owned(), "pay_manage"),
        (Method::POST, MERCHANTS.to_owned(), "pay_manage"),
        (Method::GET, one.clone(), "pay_manage"),
        (Method::POST, format!("{one}/check"), "pay_manage"),
        (Method::GET, format!("{one}/wechat/v3/certificates"), "pay_api"),
        (Method::POST, format!("{one}/wechat/tools/shorturl"), "pay_api"),
        (Method::PATCH, one.clone(), "pay_manage"),
        (Method::GET, orders.clone(), "pay_order"),
        (Method::POST, orders, "pay_order"),
        (Method::GET, order.clone(), "pay_order"),
        (Method::GET, format!("{order}/events"), "pay_order"),
        (Method::POST, format!("{order}/events/x/redeliver"), "pay_order"),
        (Method::POST, format!("{order}/refunds/x/close"), "pay_order"),
        (Method::DELETE, one, "pay_manage"),
    ];
    for permission in ["pay_order", "menu", "pay_full", "pay_manage", "pay_api"] {
        let token = app.token_for(&[&format!("shop|{permission}")]).await;
        for (method, path, needed) in &calls {
            let body = matches!(*method, Method::POST | Method::PATCH).then(|| json!({"body": "b", "total_fee": 1}));
            let (status, problem) = app.api_as(&token, method.clone(), path, body).await;
            // What a body lacks is looked at first.
            let may = permission == *needed || permission == "pay_full";
            assert_eq!(status == 403, !may && status != 422, "{permission} {method} {path}: {status} {problem}");
        }
    }
}
