//! What a process that is killed leaves behind.

use std::collections::HashMap;

use reqwest::Method;
use serde_json::{Value, json};
use weft::simulator::wechat::Wechat;

use super::{APPID, ORDER};
use crate::support::{TestApp, client, process::Process, until};

const USERS: u64 = 150;
const SEND: &str = "/cgi-bin/message/template/send";

async fn call(base: &str, token: &str, method: Method, path: &str, body: Option<Value>) -> Value {
    let mut request = client().request(method, format!("{base}/api/v1{path}")).bearer_auth(token);
    if let Some(body) = body {
        request = request.json(&body);
    }
    request.send().await.unwrap().json().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_gets_a_message_once_although_the_process_is_killed_three_times() {
    let wechat = Wechat::start().await.unwrap();
    wechat.add_account(APPID, "thesecret");
    wechat.follow_many(APPID, 0..USERS);
    let template = wechat.add_template(APPID, "订单通知", ORDER);
    let folder = tempfile::tempdir().unwrap();
    let (data, plugins) = (folder.path().join("data"), folder.path().join("plugins"));
    let app = TestApp::start_with(|config| {
        config.data_dir.clone_from(&data);
        config.wechat.api_base.clone_from(&wechat.base);
    })
    .await;
    app.create_app("shop", json!({"appsecret": "thesecret"})).await;
    assert_eq!(app.api(Method::POST, "/apps/shop/templates/sync", None).await.0, 200);
    let token = app.token.clone();
    app.stop().await;

    std::fs::create_dir_all(&plugins).unwrap();
    let settings = [("WEFT_WECHAT__API_BASE", wechat.base.as_str())];
    let serve = || Process::serve_with(&data, &plugins, &settings);
    let mut process = serve();
    let body = json!({"openids": wechat.followers(APPID), "data": {"first": "a", "order": "b"}});
    let path = format!("/apps/shop/templates/{template}/send");
    let started = call(&process.base, &token, Method::POST, &path, Some(body)).await;
    let id = started["id"].as_str().unwrap_or_else(|| panic!("{started}"));
    for asked in [20, 55, 90] {
        // In the middle of a batch, as likely as not.
        until("WeChat was asked", async || (wechat.count(SEND) >= asked).then_some(())).await;
        process.kill();
        process = serve();
    }
    let job = until("the job is done", async || {
        let job = call(&process.base, &token, Method::GET, &format!("/jobs/{id}"), None).await;
        (job["state"] == "done").then_some(job)
    })
    .await;
    assert_eq!(job["result"]["outcomes"], json!({"sent": USERS}), "{job}");
    let mut got: HashMap<String, u64> = HashMap::new();
    for sent in wechat.template_messages(APPID) {
        *got.entry(sent["touser"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    assert_eq!((got.len() as u64, got.values().max()), (USERS, Some(&1)));
}
