//! Who may call what, and tricks.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use weft::simulator::wechat::Fault;

use super::{CUSTOM_SEND, Shop, USER_INFO};

/// Status and body of a request whose path stands on the wire as it is written here.
async fn on_the_wire(shop: &Shop, method: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(shop.app.base.trim_start_matches("http://")).await.unwrap();
    let token = &shop.app.token;
    let head = format!("{method} {path} HTTP/1.1\r\nhost: weft\r\nauthorization: Bearer {token}\r\n");
    stream.write_all(format!("{head}connection: close\r\ncontent-length: 0\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_path_leads_nowhere_else() {
    let (shop, wechat) = Shop::open().await;
    for path in [
        "cgi-bin/../cgi-bin/user/info",
        "cgi-bin/%2e%2e/user/info",
        "cgi-bin%2Fuser%2Finfo",
        "cgi-bin//user/info",
        "/cgi-bin/user/info",
        "cgi-bin/user/info/",
        "http://127.0.0.1:1/a",
        "//127.0.0.1:1/a",
        "@127.0.0.1:1/a",
        "cgi-bin/user;a=b/info",
        "cgi-bin/%00",
        "cgi-bin/%E7%94%A8",
        ".",
        "..",
    ] {
        let (status, answer) = on_the_wire(&shop, "GET", &format!("/api/v1/apps/shop/wechat/{path}")).await;
        assert!([400, 404].contains(&status) && answer.contains("application/problem+json"), "{path}: {answer}");
    }
    let (status, _) = on_the_wire(&shop, "GET", "/api/v1/apps/shop/wechat/").await;
    assert!([400, 404].contains(&status));
    for path in [
        "cgi-bin/token?grant_type=client_credential&appid=a&secret=b",
        "CGI-bin/Stable_Token",
        "cgi-bin/ticket/getticket?type=jsapi",
        "cgi-bin/clear_quota",
        "cgi-bin/clear_quota/v2",
        "cgi-bin/component/api_authorizer_token",
        "sns/jscode2session",
    ] {
        for method in [Method::GET, Method::POST] {
            let response = shop.request(method, path).send().await.unwrap();
            assert_eq!(response.status(), 422, "{path}");
            let problem: Value = response.json().await.unwrap();
            assert_eq!(problem["type"], "not-called-so", "{problem}");
        }
    }
    for method in ["HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"] {
        let (status, _) = on_the_wire(&shop, method, "/api/v1/apps/shop/wechat/cgi-bin/user/info").await;
        assert_eq!(status, 405, "{method}");
    }
    assert_eq!(wechat.calls(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_with_the_permission_and_only_what_the_account_may_do() {
    let (shop, wechat) = Shop::open().await;
    shop.create("mini", json!({"type": "miniprogram"})).await;
    shop.create("new", json!({"verified": false})).await;
    shop.create("bare", json!({"appsecret": null})).await;
    let call = async |permission: &str, app: &str, path: &str| {
        let token = shop.app.token_for(&[permission]).await;
        shop.app.api_as(&token, Method::GET, &format!("/apps/{app}/wechat/{path}"), None).await
    };
    let user = format!("{USER_INFO}?openid=oU");
    for (permission, status) in
        [("shop|wechat_api", 200), ("shop", 200), ("*", 200), ("shop|user", 403), ("mini|wechat_api", 403)]
    {
        assert_eq!(call(permission, "shop", &user).await.0, status, "{permission}");
    }
    assert_eq!(call("*", "nobody", &user).await.0, 404);
    let before = wechat.calls().len();
    for (app, path, words) in [
        ("mini", "cgi-bin/menu/get", "custom menus"),
        ("new", USER_INFO, "verified"),
        ("new", CUSTOM_SEND, "verified"),
        ("bare", "wxa/getwxacode", "appsecret"),
    ] {
        let (status, problem) = call("*", app, path).await;
        assert_eq!((status, &problem["type"]), (422, &json!("unable")), "{app} {path}");
        assert!(problem["detail"].as_str().unwrap().contains(words), "{problem}");
    }
    assert_eq!(wechat.calls().len(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_token_shows_in_no_answer() {
    let (shop, wechat) = Shop::open().await;
    let apps = shop.app.state.store.apps();
    let app = apps.find("shop").await.unwrap().unwrap();
    let token = shop.app.state.wechat.access_token(&app).await.unwrap().secret.expose().to_owned();
    let mut shown = Vec::new();
    for fault in [
        Fault::Text(format!("{{\"errcode\":40066,\"errmsg\":\"invalid url ?access_token={token}\"}}")),
        Fault::Text(format!("<html>GET /cgi-bin/user/info?access_token={token}&{token}</html>")),
        Fault::Redirect(format!("http://127.0.0.1/{token}")),
        Fault::Disconnect,
    ] {
        wechat.fault("/cgi-bin/user/info", fault, 1);
        let response = shop.post(USER_INFO, "{}").await;
        shown.push(format!("{:?}", response.headers()));
        shown.push(response.text().await.unwrap());
    }
    let shown = shown.concat();
    assert!(shown.contains("***") && !shown.contains(&token), "{shown}");
}
