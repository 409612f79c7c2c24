//! What is sent: the answer in every mode, messages before it, and answers that come late.

use std::time::{Duration, Instant};

use axum::{Router, routing::post};
use reqwest::Method;
use serde_json::{Value, json};
use weft::simulator::{Incoming, wechat::Fault};
use weft_wechat::{account::EncodingMode, reply::Reply};

use super::{CUSTOM_SEND, Inbox, OPENID, answers, say};
use crate::support::PATIENCE;

fn all() -> Value {
    json!([{"type": "all"}])
}

/// The texts of the customer-service messages, or their types.
fn sent(inbox: &Inbox) -> Vec<String> {
    let name = |message: &Value| {
        assert_eq!(message["touser"], OPENID);
        message["text"]["content"].as_str().or(message["msgtype"].as_str()).unwrap().to_owned()
    };
    inbox.wechat.sent("wxshop").iter().map(name).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_answers_with_every_type_of_reply_in_all_three_modes() {
    let inbox = Inbox::open().await;
    let article =
        json!({"title": "T", "description": "D", "picurl": "https://p.example/", "url": "https://a.example/"});
    for mode in [EncodingMode::Plain, EncodingMode::Compatible, EncodingMode::Safe] {
        let name = mode.to_string();
        let account = inbox.account(&name, mode, json!({})).await;
        for (reply, path, value) in [
            (json!({"type": "text", "content": "a ]]> 好"}), "Content", "a ]]> 好"),
            (json!({"type": "image", "media_id": "m1"}), "Image/MediaId", "m1"),
            (json!({"type": "voice", "media_id": "m2"}), "Voice/MediaId", "m2"),
            (json!({"type": "video", "media_id": "m3", "title": "T"}), "Video/Title", "T"),
            (
                json!({"type": "music", "music_url": "https://m.example/", "thumb_media_id": "m4"}),
                "Music/MusicUrl",
                "https://m.example/",
            ),
            (json!({"type": "news", "articles": [article, article]}), "ArticleCount", "1"),
            (json!({"type": "transfer_customer_service", "account": "a@gh"}), "TransInfo/KfAccount", "a@gh"),
        ] {
            let handler = json!({"name": "h", "rules": all(), "replies": [reply]});
            let handler = inbox.handler(&name, handler).await;
            let exchange = say(&account, "hi").await;
            assert_eq!(exchange.element("MsgType"), reply["type"].as_str().map(str::to_owned), "{mode}");
            assert_eq!(exchange.element(path).as_deref(), Some(value), "{mode} {reply}");
            assert_eq!(exchange.body.contains("<Encrypt>"), mode != EncodingMode::Plain, "{mode}");
            let path = format!("/apps/{name}/handlers/{}", handler["id"].as_str().unwrap());
            assert_eq!(inbox.app.api(Method::DELETE, &path, None).await.0, 204);
        }
    }
    assert_eq!(inbox.wechat.count(CUSTOM_SEND), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_replies_go_out_in_their_order_and_one_that_fails_holds_up_none_unless_told_so() {
    let inbox = Inbox::open().await.with_guest().await;
    let shop = inbox.shop(json!({})).await;
    let replies = json!([
        {"type": "text", "content": "last", "weight": -1},
        {"type": "text", "content": "first", "weight": 2},
        {"type": "custom", "handler": "guest", "weight": 1},
        {"type": "text", "content": "third"},
    ]);
    let handler = json!({"name": "h", "rules": all(), "replies": replies});
    let handler = inbox.handler("shop", handler).await;
    assert_eq!(say(&shop, "second").await.text().as_deref(), Some("last"));
    assert_eq!(sent(&inbox), ["first", "second", "third"]);
    // The plugin fails; then WeChat does.
    assert_eq!(say(&shop, "error").await.text().as_deref(), Some("last"));
    assert_eq!(sent(&inbox)[3..], ["first", "third"]);
    inbox.wechat.fault(CUSTOM_SEND, Fault::Errcode(45047), 1);
    assert_eq!(say(&shop, "second").await.text().as_deref(), Some("last"));
    assert_eq!(sent(&inbox)[5..], ["second", "third"]);

    let path = format!("/apps/shop/handlers/{}", handler["id"].as_str().unwrap());
    let strict = json!({"stop_on_exception": true});
    assert_eq!(inbox.app.api(Method::PATCH, &path, Some(strict)).await.0, 200);
    let stopped = say(&shop, "error").await;
    assert_eq!((stopped.status, stopped.body.as_str()), (200, ""));
    assert_eq!(sent(&inbox)[7..], ["first"]);

    let one = json!({"strategy": "random_one", "replies": [replies[0], replies[1]]});
    assert_eq!(inbox.app.api(Method::PATCH, &path, Some(one)).await.0, 200);
    let text = say(&shop, "hi").await.text().unwrap();
    assert!(["first", "last"].contains(&text.as_str()), "{text}");
    assert_eq!(sent(&inbox).len(), 8, "one is sent alone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_is_not_verified_sends_the_last_reply_alone() {
    let inbox = Inbox::open().await;
    let shop = inbox.shop(json!({"verified": false, "log_replies": true})).await;
    let replies = json!([{"type": "text", "content": "first"}, {"type": "text", "content": "last"}]);
    inbox.handler("shop", json!({"name": "h", "rules": all(), "replies": replies})).await;
    assert_eq!(say(&shop, "hi").await.text().as_deref(), Some("last"));
    assert_eq!(inbox.wechat.count(CUSTOM_SEND), 0, "refused before any network");
    let outcomes: Vec<_> = inbox.log("shop").await.iter().map(|entry| entry["outcome"].clone()).collect();
    assert_eq!(outcomes, ["failed", "sent"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_articles_that_may_not_be_sent_together_the_first_goes_out() {
    let inbox = Inbox::open().await;
    let shop = inbox.shop(json!({})).await;
    let article = |title: &str| json!({"title": title, "url": "https://a.example/"});
    let replies = json!([
        {"type": "news", "articles": [article("one"), article("two")]},
        {"type": "text", "content": "last"},
    ]);
    inbox.handler("shop", json!({"name": "h", "rules": all(), "replies": replies})).await;
    assert_eq!(say(&shop, "hi").await.text().as_deref(), Some("last"));
    let calls: Vec<_> = inbox.wechat.calls().into_iter().filter(|call| call.path == CUSTOM_SEND).collect();
    let counts: Vec<_> = calls.iter().map(|call| call.body["news"]["articles"].as_array().unwrap().len()).collect();
    assert_eq!(counts, [2, 1], "all of them are tried first");
    assert_eq!(inbox.wechat.sent("wxshop")[0]["news"]["articles"][0]["title"], "one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_sent_to_who_left() {
    let inbox = Inbox::open().await.with_guest().await;
    let settings = json!({"log_messages": true, "log_replies": true});
    let shop = inbox.shop(settings).await;
    let replies = json!([{"type": "text", "content": "first"}, {"type": "custom", "handler": "guest"}]);
    let handler = json!({"name": "h", "rules": all(), "replies": replies, "stop_on_exception": true});
    inbox.handler("shop", handler).await;
    let left = shop.send(&Incoming::unsubscribe(OPENID)).await.unwrap();
    assert_eq!((left.status, left.body.as_str()), (200, ""));
    assert_eq!(inbox.wechat.count(CUSTOM_SEND), 0);
    let (_, guest) = inbox.app.api(Method::GET, "/plugins/guest", None).await;
    assert_eq!(guest["calls"]["total"], 1, "who left is no failure, and plugins hear of it");
    let log = inbox.log("shop").await;
    assert_eq!((log.len(), &log[0]["event"]), (1, &json!("unsubscribe")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operators_server_answers_in_our_place() {
    let answer = |body: String| async move {
        assert!(body.starts_with("<xml>"), "{body}");
        let reply = Reply::Text("from elsewhere".to_owned()).to_xml("oForged", "gh_forged", 1);
        if body.contains("quiet") { "success".to_owned() } else { reply }
    };
    let routes = Router::new().route("/reply", post(answer)).route("/broken", post(async || "<html>"));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, routes).into_future());
    let inbox = Inbox::open().await;
    let settings = json!({"forward_hosts": [address.to_string()], "log_replies": true});
    let shop = inbox.account("shop", EncodingMode::Safe, settings).await;
    for (pattern, path) in [("broken", "broken"), ("", "reply")] {
        let reply = json!({"type": "forward", "url": format!("http://{address}/{path}")});
        let rule =
            if pattern.is_empty() { json!({"type": "all"}) } else { json!({"type": "equal", "pattern": pattern}) };
        let weight = i32::from(!pattern.is_empty());
        inbox.handler("shop", json!({"name": path, "weight": weight, "rules": [rule], "replies": [reply]})).await;
    }
    let exchange = say(&shop, "hi").await;
    assert_eq!(exchange.text().as_deref(), Some("from elsewhere"));
    assert_eq!(exchange.element("ToUserName").as_deref(), Some(OPENID));
    for text in ["quiet", "broken"] {
        let silent = say(&shop, text).await;
        assert_eq!((silent.status, silent.body.as_str()), (200, ""), "{text}");
    }
    let log = inbox.log("shop").await;
    assert_eq!((log.len(), &log[0]["via"]), (1, &json!("forward")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_answer_goes_out_as_a_message_if_the_app_may_and_wants_it() {
    let inbox = Inbox::open_with(|config| config.webhook.reply_deadline_ms = 300).await.with_guest().await;
    for (name, late_reply, verified, outcome) in [
        ("shop", "customer_service", true, "sent"),
        ("poor", "customer_service", false, "late"),
        ("drop", "drop", true, "late"),
    ] {
        let settings =
            json!({"late_reply": late_reply, "verified": verified, "log_messages": true, "log_replies": true});
        let account = inbox.account(name, EncodingMode::Plain, settings).await;
        let handler = json!({"name": "h", "rules": all(), "replies": [{"type": "custom", "handler": "guest"}]});
        inbox.handler(name, handler).await;
        let exchange = say(&account, "sleep 2").await;
        assert_eq!((exchange.status, exchange.body.as_str(), exchange.tries), (200, "success", 1), "{name}");
        let deadline = Instant::now() + PATIENCE;
        while inbox.log(name).await.len() < 2 {
            assert!(Instant::now() < deadline, "{name}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let log = inbox.log(name).await;
        let replies: Vec<_> = log.iter().filter(|entry| entry["direction"] == "out").collect();
        assert_eq!((log.len(), replies.len()), (2, 1), "{log:?}");
        assert_eq!((&replies[0]["outcome"], &replies[0]["content"]), (&json!(outcome), &json!("slept 2 s")), "{name}");
        assert_eq!(inbox.wechat.sent(&format!("wx{name}")).len(), usize::from(outcome == "sent"), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_sends_no_message_again() {
    let inbox = Inbox::open().await;
    let shop = inbox.shop(json!({})).await;
    let mut handler = answers("h", json!({"type": "all"}), "last");
    handler["replies"] = json!([{"type": "text", "content": "first"}, {"type": "text", "content": "last"}]);
    inbox.handler("shop", handler).await;
    let message = Incoming::text(OPENID, "hi").xml(crate::support::ORIGINAL_ID, 1_700_000_000, 7);
    let mut bodies = Vec::new();
    for _ in 0..3 {
        bodies.push(shop.deliver(message.clone(), &shop.sign(&message)).await.unwrap().body);
    }
    assert!(bodies[0].contains("last") && bodies.iter().all(|body| *body == bodies[0]));
    assert_eq!(sent(&inbox), ["first"]);
}
