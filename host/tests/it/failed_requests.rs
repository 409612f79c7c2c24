//! What the log tells of requests to the admin API that fail elsewhere.

use reqwest::Method;
use serde_json::{Value, json};
use weft::simulator::http_client;
use weft_wechat::account::EncodingMode;

use crate::support::{TestApp, process::Process, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_wechat_does_not_do_stands_in_the_log_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let (data, plugins) = (folder.path().join("data"), folder.path().join("plugins"));
    std::fs::create_dir_all(&plugins).unwrap();
    let app = TestApp::start_with(|config| config.data_dir.clone_from(&data)).await;
    app.account("shop", EncodingMode::Plain, "nobody").await;
    let secret = json!({"appsecret": "0c79e1fa963cd80cc0be99b20a18faeb"});
    assert_eq!(app.api(Method::PATCH, "/apps/shop", Some(secret)).await.0, 200);
    let token = app.token.clone();
    app.stop().await;

    // Nobody listens there.
    let settings = [("WEFT_WECHAT__API_BASE", "http://127.0.0.1:1")];
    let process = tokio::task::block_in_place(|| Process::serve_with(&data, &plugins, &settings));
    let url = format!("{}/api/v1/apps/shop/access-token", process.base);
    let answer = http_client().unwrap().get(url).bearer_auth(&token).send().await.unwrap();
    assert_eq!(answer.status(), 502);
    let problem: Value = answer.json().await.unwrap();
    assert_eq!(problem["type"], "wechat-unreachable", "{problem}");
    let told = ["a request failed: ", "502", "wechat-unreachable", "/api/v1/apps/shop/access-token"];
    until("the log tells it", async || process.lines_with(&told).pop().map(drop)).await;
}
