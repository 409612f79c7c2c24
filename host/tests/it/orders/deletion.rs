//! Apps with orders, which nobody may lose unawares.

use std::process::Command;

use reqwest::Method;
use serde_json::{Value, json};

use super::NUMBER;
use super::merchants::{MERCHANTS, shop, v2};
use crate::support::{SECRET_KEY, TestApp};

const ORDERS: &str = "/apps/shop/merchants/default/orders";

/// The app `shop` with one order.
async fn ordered() -> TestApp {
    let app = shop().await;
    assert_eq!(app.api(Method::POST, MERCHANTS, Some(v2())).await.0, 201);
    let new = json!({"out_trade_no": NUMBER, "body": "一个梨", "total_fee": 101, "openid": "oTEST"});
    assert_eq!(app.api(Method::POST, ORDERS, Some(new)).await.0, 201);
    app
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_with_orders_is_deleted_only_by_who_says_that_they_are_to_be_lost() {
    let app = ordered().await;
    for query in ["", "?with_orders=false"] {
        let (status, problem) = app.api(Method::DELETE, &format!("/apps/shop{query}"), None).await;
        assert_eq!((status, &problem["type"]), (409, &json!("conflict")), "{problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("1 in all") && detail.contains("?with_orders=true"), "{detail}");
    }
    assert_eq!(app.api(Method::GET, &format!("{ORDERS}/{NUMBER}"), None).await.0, 200);
    assert_eq!(app.api(Method::DELETE, "/apps/shop?with_orders=true", None).await, (204, Value::String(String::new())));
    assert_eq!(app.api(Method::GET, "/apps/shop", None).await.0, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_is_it_with_the_command() {
    let app = ordered().await;
    let data = &app.state.config.data_dir;
    let remove = |more: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_weft"))
            .args(["app", "remove", "shop", "--yes"])
            .args(more)
            .current_dir(data)
            .env_clear()
            .env("WEFT_DATA_DIR", data)
            .env("WEFT_SECRET_KEY", SECRET_KEY)
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, told) = remove(&[]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("1 in all") && told.contains("--with-orders"), "{told}");
    assert_eq!(app.api(Method::GET, &format!("{ORDERS}/{NUMBER}"), None).await.0, 200);
    let (code, told) = remove(&["--with-orders"]);
    assert_eq!(code, Some(0), "{told}");
    assert_eq!(app.api(Method::GET, "/apps/shop", None).await.0, 404);
}
