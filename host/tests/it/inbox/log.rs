//! What the message log keeps of messages that come through the webhook.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use weft::{
    config::LogDurability,
    simulator::{Incoming, wechat::Fault},
};
use weft_wechat::account::EncodingMode;

use super::{CUSTOM_SEND, Inbox, OPENID, answers, say};
use crate::support::{ORIGINAL_ID, PATIENCE, database::on_every_database};

/// Direction and content of what is logged.
fn told(log: &[Value]) -> Vec<(&str, &str)> {
    log.iter().map(|entry| (entry["direction"].as_str().unwrap(), entry["content"].as_str().unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_app_and_the_handler_want_is_logged_with_the_answer_and_nothing_else() {
    on_every_database(async |database| {
        let inbox =
            Inbox::open_with(|config| config.database_url = Some(database.url.clone())).await.with_guest().await;
        let message = [("in", "matched"), ("in", "else")];
        let replies = [("out", "answer"), ("out", "else")];
        let both = [message[0], replies[0], message[1], replies[1]];
        for (name, log_messages, log_replies, log_message, expected) in [
            ("nothing", false, false, false, &[][..]),
            ("messages", true, false, false, &message),
            ("replies", false, true, false, &replies),
            ("both", true, true, false, &both),
            ("handler", false, false, true, &both[..2]),
            ("all", true, true, true, &both),
        ] {
            let settings =
                json!({"log_messages": log_messages, "log_replies": log_replies, "message_handler": "guest"});
            let account = inbox.account(name, EncodingMode::Plain, settings).await;
            let mut handler = answers("h", json!({"type": "equal", "pattern": "matched"}), "answer");
            handler["log_message"] = json!(log_message);
            inbox.handler(name, handler).await;
            assert_eq!(say(&account, "matched").await.text().as_deref(), Some("answer"));
            assert_eq!(say(&account, "else").await.text().as_deref(), Some("else"));
            // Durability is `commit`: nobody waits for it.
            assert_eq!(told(&inbox.log(name).await), expected, "{name}");
        }
        inbox.app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_its_replies_and_what_became_of_them_belong_together() {
    let inbox = Inbox::open().await;
    let shop = inbox.shop(json!({"log_messages": true, "log_replies": true})).await;
    let text = |content: &str| json!({"type": "text", "content": content});
    let handler =
        json!({"name": "greets", "rules": [{"type": "all"}], "replies": [text("one"), text("two"), text("three")]});
    let handler = inbox.handler("shop", handler).await;
    inbox.wechat.fault(CUSTOM_SEND, Fault::Errcode(45047), 1);
    assert_eq!(say(&shop, "hi").await.text().as_deref(), Some("three"));
    let log = inbox.log("shop").await;
    assert_eq!(told(&log), [("in", "hi"), ("out", "one"), ("out", "two"), ("out", "three")]);
    let outcomes: Vec<_> = log[1..].iter().map(|entry| (entry["via"].as_str(), entry["outcome"].as_str())).collect();
    let expected = [("customer_service", "failed"), ("customer_service", "sent"), ("passive", "sent")];
    assert_eq!(outcomes, expected.map(|(via, outcome)| (Some(via), Some(outcome))));
    let reason = log[1]["reason"].as_str().unwrap();
    for part in ["45047", "until the user writes again", "客服消息条数达到上限"] {
        assert!(reason.contains(part), "{reason}");
    }
    let id = log[0]["delivery_id"].as_str().unwrap();
    assert!(id.starts_with("shop/oUser/"), "{id}");
    for entry in &log {
        assert_eq!((&entry["delivery_id"], &entry["openid"]), (&json!(id), &json!(OPENID)));
        assert_eq!(entry["handler"], json!({"id": handler["id"], "name": "greets"}));
    }
    let other = say(&shop, "hi").await;
    assert_eq!(other.status, 200);
    assert_ne!(inbox.log("shop").await.last().unwrap()["delivery_id"], json!(id), "another message");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retries_are_logged_once_and_a_failure_leaves_the_message() {
    let inbox = Inbox::open().await.with_guest().await;
    let settings = json!({"log_messages": true, "log_replies": true, "message_handler": "guest"});
    let shop = inbox.shop(settings).await;
    let message = Incoming::text(OPENID, "ok").xml(ORIGINAL_ID, 1_700_000_000, 7);
    for _ in 0..3 {
        assert_eq!(shop.deliver(message.clone(), &shop.sign(&message)).await.unwrap().text().as_deref(), Some("ok"));
    }
    assert_eq!(say(&shop, "error").await.body, "");
    let log = inbox.log("shop").await;
    assert_eq!(told(&log), [("in", "ok"), ("out", "ok"), ("in", "error")]);
    assert_eq!(log[0]["msg_id"], "7");
    assert_eq!(log[2]["handler"], json!({"id": null, "name": "guest"}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_raw_message_is_kept_decrypted_when_the_app_asks_for_it() {
    let inbox = Inbox::open().await;
    for (mode, log_raw) in [
        (EncodingMode::Plain, true),
        (EncodingMode::Compatible, true),
        (EncodingMode::Safe, true),
        (EncodingMode::Safe, false),
    ] {
        let name = format!("{mode}{log_raw}");
        let account = inbox.account(&name, mode, json!({"log_messages": true, "log_raw": log_raw})).await;
        let exchange = account.send(&Incoming::subscribe(OPENID, Some("42"))).await.unwrap();
        assert_eq!((exchange.status, exchange.body.as_str()), (200, ""));
        let log = inbox.log(&name).await;
        assert_eq!((log.len(), &log[0]["event"], &log[0]["event_key"]), (1, &json!("subscribe"), &json!("qrscene_42")));
        assert_eq!(log[0].get("raw"), None, "lists leave it out");
        let path = format!("/apps/{name}/message-logs/{}", log[0]["id"].as_str().unwrap());
        let (_, whole) = inbox.app.api(Method::GET, &path, None).await;
        assert_eq!(whole["raw"], if log_raw { json!(exchange.sent) } else { Value::Null }, "{mode}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_durability_behind_entries_follow_their_answer() {
    let inbox = Inbox::open_with(|config| config.webhook.log_durability = LogDurability::Behind).await;
    let shop = inbox.shop(json!({"log_messages": true, "log_replies": true})).await;
    inbox.handler("shop", answers("h", json!({"type": "all"}), "answer")).await;
    assert_eq!(say(&shop, "hi").await.text().as_deref(), Some("answer"));
    let deadline = Instant::now() + PATIENCE;
    while told(&inbox.log("shop").await) != [("in", "hi"), ("out", "answer")] {
        assert!(Instant::now() < deadline, "{:?}", inbox.log("shop").await);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
