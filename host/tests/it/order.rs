//! What happens to a message first, what next, and what no answer waits for.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{Router, routing::post};
use reqwest::Method;
use serde_json::{Value, json};
use weft::simulator::{Incoming, Signed, wechat::Fault};

use crate::support::{FAN, Inbox, ORIGINAL_ID, client, guests, until};

const INFO_BATCHGET: &str = "/cgi-bin/user/info/batchget";

async fn inbox() -> Inbox {
    Inbox::start().await
}

/// A user as operators see them; null when there is none.
async fn user(inbox: &Inbox, openid: &str) -> Value {
    let (status, user) = inbox.app.api(Method::GET, &format!("/apps/shop/users/{openid}"), None).await;
    if status == 200 { user } else { Value::Null }
}

/// A handler for every message, which an operator's server answers that first looks the user up: what it found.
async fn looked_up(inbox: &Inbox) -> Arc<Mutex<Vec<Value>>> {
    let found: Arc<Mutex<Vec<_>>> = Arc::default();
    let (record, base, token) = (Arc::clone(&found), inbox.app.base.clone(), inbox.app.token.clone());
    let client = client();
    let look_up = async move |body: String| {
        let openid = body.split("<FromUserName><![CDATA[").nth(1).unwrap().split(']').next().unwrap().to_owned();
        let url = format!("{base}/api/v1/apps/shop/users/{openid}");
        let user: Value = client.get(url).bearer_auth(&token).send().await.unwrap().json().await.unwrap();
        record.lock().unwrap().push(user);
        "<xml><MsgType>text</MsgType><Content>welcome</Content></xml>"
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let routes = Router::new().route("/", post(look_up));
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    let listed = json!({"forward_hosts": [address]});
    assert_eq!(inbox.app.api(Method::PATCH, "/apps/shop", Some(listed)).await.0, 200);
    let replies = json!([{"type": "forward", "url": format!("http://{address}/")}]);
    let handler = json!({"name": "all", "rules": [{"type": "all"}], "replies": replies});
    assert_eq!(inbox.app.api(Method::POST, "/apps/shop/handlers", Some(handler)).await.0, 201);
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_is_written_down_before_anybody_answers() {
    let inbox = inbox().await;
    // Nobody is looked up at WeChat: what is known comes from the messages.
    let account = inbox.account("shop", json!({"verified": false})).await;
    let found = looked_up(&inbox).await;
    let at = weft::clock::Clock::system().now() - 2;
    let send = async |incoming: Incoming, at: u64| {
        let message = incoming.xml(ORIGINAL_ID, at, at);
        let exchange = account.deliver(message.clone(), &account.sign(&message)).await.unwrap();
        (exchange.text().unwrap_or_default(), found.lock().unwrap().pop())
    };
    let (text, then) = send(Incoming::subscribe("oNew", Some("42")), at).await;
    let then = then.unwrap();
    assert_eq!((&*text, &then["subscribed"], &then["qr_scene"]), ("welcome", &json!(true), &json!("42")), "{then}");
    let first = then["first_subscribed_at"].clone();
    assert_eq!(first, then["subscribed_at"]);
    // WeChat did not hear the answer.
    assert_eq!(send(Incoming::subscribe("oNew", Some("42")), at).await, ("welcome".to_owned(), None));

    let (text, left) = send(Incoming::unsubscribe("oNew"), at + 1).await;
    let left = left.unwrap();
    assert_eq!((&*text, &left["subscribed"]), ("", &json!(false)), "nobody is left to be answered: {left}");
    let (_, again) = send(Incoming::subscribe("oNew", None), at + 2).await;
    let again = again.unwrap();
    assert_eq!((&again["subscribed"], &again["first_subscribed_at"]), (&json!(true), &first), "{again}");
    assert_ne!(again["subscribed_at"], first);

    let (text, stranger) = send(Incoming::text("oStranger", "hi"), at).await;
    let stranger = stranger.unwrap();
    assert_eq!((&*text, &stranger["openid"]), ("welcome", &json!("oStranger")));
    assert_eq!(stranger["first_subscribed_at"], Value::Null, "{stranger}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_waits_for_what_wechat_tells_of_a_user() {
    let inbox = inbox().await;
    inbox.app.drop_plugin("guest", guests::misbehave().await).await;
    let account = inbox.account("shop", json!({"message_handler": "guest"})).await;
    inbox.wechat.fault(INFO_BATCHGET, Fault::Delay(Duration::from_secs(8)), 1);
    inbox.wechat.fault("/cgi-bin/stable_token", Fault::Delay(Duration::from_millis(500)), 1);
    let began = Instant::now();
    let exchange = account.send(&Incoming::text(FAN, "ok")).await.unwrap();
    assert!(exchange.took < Duration::from_secs(5), "{:?}", exchange.took);
    assert_eq!(exchange.text().as_deref(), Some("ok"));
    let at_once = user(&inbox, FAN).await;
    assert_eq!((&at_once["openid"], &at_once["language"]), (&json!(FAN), &Value::Null), "{at_once}");
    let later = until("the profile is there", async || {
        Some(user(&inbox, FAN).await).filter(|user| user["language"] == "zh_CN")
    })
    .await;
    assert!(began.elapsed() > Duration::from_secs(8) && later["subscribed"] == true, "{later}");
    assert_eq!(inbox.wechat.count(INFO_BATCHGET), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn observers_hear_of_a_message_and_then_of_its_end_and_hold_up_nobody() {
    let inbox = inbox().await;
    inbox.app.drop_plugin("guest", guests::misbehave().await).await;
    inbox.app.drop_plugin("ear", guests::listener().await).await;
    let observers = json!(["ear/count", "ear/breaks", "ear/dawdles", "nobody"]);
    let account = inbox.account("shop", json!({"message_handler": "guest", "message_observers": observers})).await;
    let (status, _) = inbox.app.api(Method::PUT, "/apps/shop/plugins/ear", Some(json!({"kv": true}))).await;
    assert_eq!(status, 200);
    inbox.handler("shop", "by rule", json!({"replies": [{"type": "text", "content": "ruled"}]})).await;
    let kept = async |key: &str| {
        let entry = inbox.app.state.store.plugin_kv().get("shop", "ear", key).await.unwrap();
        entry.map(|entry| String::from_utf8(entry.value).unwrap()).unwrap_or_default()
    };
    let hears = async |last: &str, counts: [&str; 3]| {
        let began = Instant::now();
        until(last, async || (kept("last").await == last).then_some(())).await;
        let heard = [kept("received").await, kept("handled").await, kept("failed").await];
        assert_eq!(heard, counts, "{last}");
        assert!(began.elapsed() < Duration::from_secs(8), "a slow observer holds up no other: {:?}", began.elapsed());
    };
    for (text, answer, last, counts) in [
        ("ok", Some("ok"), "oFan: Some(Reply::Text(\"ok\"))", ["1", "1", ""]),
        ("by rule", Some("ruled"), "oFan: Some(Reply::Text(\"ruled\"))", ["2", "2", ""]),
        (
            "error",
            None,
            "oFan: plugin guest: the plugin answered an error: the plugin gave up · 插件 guest：插件返回错误",
            ["3", "2", "1"],
        ),
    ] {
        let exchange = account.send(&Incoming::text(FAN, text)).await.unwrap();
        assert!(exchange.took < Duration::from_secs(5), "{:?}", exchange.took);
        assert_eq!(exchange.text().as_deref(), answer);
        let signed = account.sign(&exchange.sent);
        assert_eq!(account.deliver(exchange.sent.clone(), &signed).await.unwrap().text().as_deref(), answer);
        hears(last, counts).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_captured_request_moves_no_user_of_an_app_that_answers_nothing() {
    let inbox = inbox().await;
    let account = inbox.account("shop", json!({})).await;
    let at = weft::clock::Clock::system().now();
    let subscribe = Incoming::subscribe(FAN, None).xml(ORIGINAL_ID, at, 0);
    let signed = account.sign(&subscribe);
    for _ in 0..2 {
        assert_eq!(account.deliver(subscribe.clone(), &signed).await.unwrap().status, 200, "as WeChat tries again");
    }
    let forged = Signed { body: Incoming::unsubscribe(FAN).xml(ORIGINAL_ID, at + 1, 0), ..signed };
    let refused = account.deliver(String::new(), &forged).await.unwrap();
    assert_eq!((refused.status, refused.body.as_str()), (400, ""));
    assert_eq!(user(&inbox, FAN).await["subscribed"], true);
}
