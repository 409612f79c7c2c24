//! `/apps/{app}/users/{openid}/messages`: customer-service messages, through the real listener.

use reqwest::Method;
use serde_json::json;
use weft::simulator::wechat::{Action, Fault};

use crate::support::{FAN, Inbox, said};

const PATH: &str = "/apps/shop/users/oFan/messages";
const SEND: &str = "/cgi-bin/message/custom/send";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_has_the_shape_of_a_reply_and_stands_in_the_log() {
    let inbox = Inbox::start().await;
    inbox.account("shop", json!({})).await;
    let send = async |body| inbox.app.api(Method::POST, PATH, Some(body)).await;
    let (status, sent) = send(json!({"type": "text", "content": "您的快递到了"})).await;
    assert_eq!((status, &sent), (200, &json!({"openid": FAN, "msgtype": "text"})));
    let article = json!({"title": "t", "url": "https://a.example/"});
    assert_eq!(send(json!({"type": "news", "articles": [article]})).await.0, 200);
    assert_eq!(send(json!({"type": "news", "media_id": "M"})).await.1["msgtype"], "mpnews");
    let at_wechat = inbox.sent("shop");
    assert_eq!((said(&at_wechat[0]), &at_wechat[0]["touser"]), ("您的快递到了", &json!(FAN)));
    assert_eq!(at_wechat[2]["mpnews"]["media_id"], "M");
    let logged = inbox.logged("shop", FAN, 3).await;
    let first = ("customer_service".to_owned(), "sent".to_owned(), "您的快递到了".to_owned());
    assert_eq!(logged[0], first);

    for (body, field) in [
        (json!({"type": "text"}), "content"),
        (json!({"type": "text", "content": " "}), "content"),
        (json!({"type": "text", "content": "x", "media_id": "M"}), "media_id"),
        (json!({"type": "transfer_customer_service"}), "type"),
        (json!({"type": "forward", "url": "https://a.example/"}), "type"),
        (json!({"type": "custom", "handler": "greeter"}), "type"),
    ] {
        let (status, problem) = send(body.clone()).await;
        assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!(field)), "{body}: {problem}");
    }
    assert_eq!(inbox.sent("shop").len(), 3);
    assert_eq!(
        inbox
            .app
            .api(Method::POST, "/apps/nobody/users/oFan/messages", Some(json!({"type": "text", "content": "x"})))
            .await
            .0,
        404
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_say_what_they_mean() {
    let inbox = Inbox::start().await;
    inbox.account("shop", json!({})).await;
    inbox.wechat.set_windows("wxshop", true);
    let send = async || inbox.app.api(Method::POST, PATH, Some(json!({"type": "text", "content": "x"}))).await;
    let (status, problem) = send().await;
    assert_eq!((status, &problem["errcode"]), (502, &json!(45015)));
    assert!(problem["detail"].as_str().unwrap().contains("48 hours"), "{problem}");
    inbox.wechat.acted("wxshop", FAN, Action::Writes);
    for _ in 0..5 {
        assert_eq!(send().await.0, 200);
    }
    let (status, problem) = send().await;
    assert_eq!((status, &problem["errcode"]), (502, &json!(45047)));
    assert!(problem["detail"].as_str().unwrap().contains("until the user writes again"), "{problem}");
    inbox.wechat.acted("wxshop", FAN, Action::Writes);
    inbox.wechat.fault(SEND, Fault::Disconnect, 1);
    let (status, problem) = send().await;
    assert_eq!((status, &problem["type"]), (502, &json!("wechat-unreachable")), "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("may have sent it"), "{problem}");

    inbox.account("other", json!({"verified": false})).await;
    let path = "/apps/other/users/oFan/messages";
    let (status, problem) = inbox.app.api(Method::POST, path, Some(json!({"type": "text", "content": "x"}))).await;
    assert_eq!((status, &problem["type"]), (422, &json!("unable")), "{problem}");
    let token = inbox.app.token_for(&["shop|user"]).await;
    let (status, _) = inbox.app.api_as(&token, Method::POST, PATH, Some(json!({"type": "text", "content": "x"}))).await;
    assert_eq!(status, 403);
}
