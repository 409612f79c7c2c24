//! What goes out and what comes back, as it is.

use std::time::Duration;

use futures::StreamExt;
use reqwest::Method;
use serde_json::{Value, json};
use weft::simulator::wechat::Fault;

use super::{APPID, CUSTOM_SEND, Recorder, Shop, TOKEN, USER_INFO, retried};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn query_body_and_answer_pass_through_as_they_are() {
    const ANSWER: &[u8] = b"{\"errcode\":0, \"nickname\":\"a\x08b\xff\"}";
    const BODY: &str = "{ \"b\":1,\t\"a\":\"你好\", \"a\":2.50 }\n";
    let recorder = Recorder::start(ANSWER).await;
    let base = recorder.base.clone();
    let shop = Shop::with(|config| config.wechat.api_base = base).await;

    let json = shop.request(Method::POST, "wxa/anything?x=1").header("content-type", "application/json; charset=utf-8");
    let response = json.body(BODY).send().await.unwrap();
    assert_eq!((response.status().as_u16(), retried(&response)), (200, "0"));
    let headers = response.headers().clone();
    assert!(headers["content-type"] == "text/plain" && headers["x-content-type-options"] == "nosniff");
    assert!(!headers.contains_key("x-secret") && !headers.contains_key("set-cookie"), "{headers:?}");
    assert_eq!(response.bytes().await.unwrap(), ANSWER);

    let xml = shop.request(Method::POST, "semantic/semproxy/search").header("content-type", "text/xml");
    xml.body("<xml/>").send().await.unwrap();
    shop.post("cgi-bin/empty", "").await;
    shop.get("cgi-bin/user/info?openid=a%26b%3D+c&lang=zh_CN&access_token=theirs&x=%E4%BD%A0").await;

    let requests = recorder.requests();
    let seen: Vec<_> = requests
        .iter()
        .map(|request| (&*request.method, &*request.content_type, &*request.content_length, &request.body[..]))
        .collect();
    let length = BODY.len().to_string();
    let expected: [(&str, &str, &str, &[u8]); 4] = [
        ("POST", "application/json; charset=utf-8", &length, BODY.as_bytes()),
        ("POST", "text/xml", "6", b"<xml/>"),
        ("POST", "application/json", "0", b""),
        ("GET", "", "", b""),
    ];
    assert_eq!(seen, expected);
    let query = |at: usize| requests[at].uri.split_once('?').unwrap().1;
    assert_eq!(query(0), format!("access_token={TOKEN}&x=1"));
    assert_eq!(query(3), format!("access_token={TOKEN}&openid=a%26b%3D+c&lang=zh_CN&x=%E4%BD%A0"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_of_qr_codes_come_from_their_own_host_and_need_no_token() {
    let recorder = Recorder::start(b"\xff\xd8\xff\xe0 a picture").await;
    let base = recorder.base.clone();
    let shop = Shop::with(|config| config.wechat.mp_base = base).await;
    let response = shop.get("cgi-bin/showqrcode?ticket=gQH8%2B").await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.bytes().await.unwrap(), &b"\xff\xd8\xff\xe0 a picture"[..]);
    assert_eq!(recorder.requests()[0].uri, "/cgi-bin/showqrcode?ticket=gQH8%2B");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_wechat_refuses_comes_back_with_its_errcode_and_a_refused_token_is_replaced() {
    let (shop, wechat) = Shop::open().await;
    let unknown: Value = shop.get(&format!("{USER_INFO}?openid=oNobody")).await.json().await.unwrap();
    assert_eq!(unknown["errcode"], 40003);
    assert!(unknown["errmsg"].as_str().unwrap().contains("rid:"), "{unknown}");

    wechat.invalidate_token(APPID);
    let response = shop.get(&format!("{USER_INFO}?openid=oU")).await;
    assert_eq!((response.status().as_u16(), retried(&response)), (200, "1"));
    assert_eq!(response.json::<Value>().await.unwrap()["openid"], "oU");
    assert_eq!(wechat.count("/cgi-bin/stable_token"), 2);

    // A second new token is not asked for.
    wechat.fault("/cgi-bin/user/info", Fault::Errcode(42001), 9);
    let before = wechat.count("/cgi-bin/user/info");
    let response = shop.get(&format!("{USER_INFO}?openid=oU")).await;
    assert_eq!(response.json::<Value>().await.unwrap()["errcode"], 42001);
    assert_eq!(wechat.count("/cgi-bin/user/info") - before, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_no_harm_is_tried_again_and_nothing_else() {
    let (shop, wechat) = Shop::open().await;
    let message = json!({"touser": "oU", "msgtype": "text", "text": {"content": "你好"}}).to_string();
    wechat.fault("/cgi-bin/message/custom/send", Fault::Errcode(-1), 2);
    let response = shop.post(CUSTOM_SEND, message.clone()).await;
    assert_eq!((response.status().as_u16(), retried(&response)), (200, "2"), "WeChat says that it did nothing");
    assert_eq!(response.json::<Value>().await.unwrap()["errcode"], 0);

    wechat.fault("/cgi-bin/message/custom/send", Fault::Disconnect, 1);
    let response = shop.post(CUSTOM_SEND, message.clone()).await;
    assert_eq!(response.status(), 502);
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["type"], "wechat-unreachable", "{problem}");
    assert_eq!(wechat.sent(APPID).len(), 2, "WeChat did it, and was not asked again");

    wechat.fault("/cgi-bin/user/info", Fault::Disconnect, 2);
    let response = shop.get(&format!("{USER_INFO}?openid=oU")).await;
    assert_eq!((response.status().as_u16(), retried(&response)), (200, "2"));

    // What stands before WeChat may answer otherwise: that comes back too.
    wechat.fault("/cgi-bin/message/custom/send", Fault::Status(503), 1);
    let response = shop.post(CUSTOM_SEND, message).await;
    assert_eq!((response.status().as_u16(), retried(&response)), (503, "0"));
    assert_eq!(response.text().await.unwrap(), "planned");
    wechat.fault("/cgi-bin/user/info", Fault::Status(502), 9);
    let response = shop.get(&format!("{USER_INFO}?openid=oU")).await;
    assert_eq!((response.status().as_u16(), retried(&response)), (502, "2"));
    wechat.fault("/cgi-bin/user/get", Fault::Html, 1);
    assert!(shop.get("cgi-bin/user/get").await.text().await.unwrap().contains("<html>"));
    wechat.fault("/cgi-bin/user/get", Fault::Redirect(format!("{}/elsewhere", wechat.base)), 1);
    let response = shop.get("cgi-bin/user/get").await;
    assert_eq!(response.status(), 502);
    assert!(!response.headers().contains_key("location"));
    assert_eq!(wechat.count("/elsewhere"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quota_that_is_used_up_is_told_by_wechat_once_and_then_by_weft() {
    let (shop, wechat) = Shop::open().await;
    wechat.fault("/cgi-bin/user/info", Fault::Errcode(45011), 1);
    let path = format!("{USER_INFO}?openid=oU");
    assert_eq!(shop.get(&path).await.json::<Value>().await.unwrap()["errcode"], 45011);
    let response = shop.get(&path).await;
    assert_eq!(response.status(), 429);
    let wait: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((50..=60).contains(&wait), "{wait}");
    let problem: Value = response.json().await.unwrap();
    assert_eq!((&problem["type"], &problem["errcode"]), (&json!("too-often"), &json!(45011)));
    assert!(problem["detail"].as_str().unwrap().contains("calls go on at"), "{problem}");
    assert_eq!(wechat.count("/cgi-bin/user/info"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_billion_bytes_are_cut_off() {
    let (shop, wechat) = Shop::open().await;
    wechat.fault("/cgi-bin/user/info", Fault::Huge, 1);
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_mins(1)).build().unwrap();
    let url = format!("{}/api/v1/apps/shop/wechat/{USER_INFO}", shop.app.base);
    let response = client.get(url).bearer_auth(&shop.app.token).send().await.unwrap();
    let mut chunks = response.bytes_stream();
    let mut arrived = 0;
    let end = loop {
        match chunks.next().await {
            Some(Ok(chunk)) => arrived += chunk.len(),
            end => break end,
        }
    };
    assert!(matches!(end, Some(Err(_))), "it does not look whole");
    assert!((1..=64 << 20).contains(&arrived), "{arrived}");
}
