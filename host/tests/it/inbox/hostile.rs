//! Messages that WeChat would never send, with a right signature: they are answered, and spoil nothing for others.

use reqwest::Method;
use serde_json::{Value, json};
use weft::simulator::Incoming;
use weft_wechat::account::EncodingMode;

use super::{Inbox, OPENID, answers, say};
use crate::support::{ORIGINAL_ID, database::on_every_database, with};

fn json_message(openid: &str, more: Value) -> String {
    let head = json!({"ToUserName": ORIGINAL_ID, "FromUserName": openid, "CreateTime": 1_700_000_000});
    with(head, more).to_string()
}

/// Bodies that are messages, each with what is strange about it.
fn messages() -> Vec<(&'static str, String)> {
    let long = "长".repeat(64 << 10);
    let xml = |incoming: &Incoming, at, id| incoming.xml(ORIGINAL_ID, at, id);
    let key = |key: &str| format!("<EventKey><![CDATA[{key}]]></EventKey>");
    let text = json!({"MsgType": "text", "Content": "hi", "MsgId": 5});
    vec![
        ("an openid of 192 KiB", xml(&Incoming::text(&long, "hi"), 1_700_000_000, 1)),
        ("an openid with slashes and lines", xml(&Incoming::text("../o/1\r\n", "hi"), 1_700_000_000, 2)),
        ("an openid of markup", xml(&Incoming::text("]]><ToUserName>o</ToUserName>'\"", "hi"), 1_700_000_000, 3)),
        ("no openid", xml(&Incoming::text("", "hi"), 1_700_000_000, 4)),
        ("an openid of other planes", json_message("o\u{10ffff}\u{202e}\u{feff}", text)),
        ("a text of 192 KiB", xml(&Incoming::text("oText", &long), 1_700_000_000, 6)),
        ("an event of 192 KiB", xml(&Incoming::event("oEvent", &long, &key(&long)), 1_700_000_000, 0)),
        ("a key of 192 KiB", xml(&Incoming::click("oKey", &long), 1_700_000_000, 0)),
        ("a type of 192 KiB", xml(&Incoming::message("oType", &long, ""), 1_700_000_000, 7)),
        ("a scene of 192 KiB", xml(&Incoming::subscribe("oScene", Some(&long)), 1_700_000_000, 0)),
        ("the end of time", xml(&Incoming::subscribe("oEnd", Some("1")), u64::MAX, 0)),
        ("the beginning of time", xml(&Incoming::unsubscribe("oBegin"), 0, 0)),
        ("the greatest id", xml(&Incoming::text("oId", "hi"), 1_700_000_000, u64::MAX)),
        (
            "a place nowhere",
            xml(
                &Incoming::message("oPlace", "location", "<Location_X>NaN</Location_X><Location_Y>1e999</Location_Y>"),
                1_700_000_000,
                8,
            ),
        ),
        (
            "controls",
            json_message("oControl", json!({"MsgType": "text", "Content": "\u{1}\u{8}\u{b}\u{7f}\u{85}", "MsgId": 9})),
        ),
        (
            "JSON in JSON",
            json_message("oJson", json!({"MsgType": "event", "Event": {"a": [1, null]}, "EventKey": [[]]})),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strange_messages_are_answered_200_logged_and_forgotten_by_the_next() {
    on_every_database(async |database| {
        let inbox =
            Inbox::open_with(|config| config.database_url = Some(database.url.clone())).await.with_guest().await;
        for mode in [EncodingMode::Plain, EncodingMode::Safe] {
            let name = mode.to_string();
            let settings =
                json!({"log_messages": true, "log_replies": true, "log_raw": true, "message_handler": "guest"});
            let account = inbox.account(&name, mode, settings).await;
            inbox.handler(&name, answers("h", json!({"type": "equal", "pattern": "hi"}), "hello")).await;
            let mut count = 0;
            for (what, body) in messages() {
                for _ in 0..2 {
                    let exchange = account.deliver(body.clone(), &account.sign(&body)).await.unwrap();
                    assert_eq!(exchange.status, 200, "{mode}: {what}");
                }
                count += 1;
                let log = inbox.log(&name).await;
                let incoming = log.iter().filter(|entry| entry["direction"] == "in").count();
                assert_eq!(incoming, count, "{mode}: {what}");
                assert_eq!(say(&account, "hi").await.text().as_deref(), Some("hello"), "{mode}: after {what}");
                count += 1;
            }
            for path in ["users?limit=200", "message-logs?limit=200&text=hi", "message-logs/export?format=csv"] {
                let (status, answer) = inbox.app.api(Method::GET, &format!("/apps/{name}/{path}"), None).await;
                assert_eq!(status, 200, "{path}: {answer}");
            }
        }
        inbox.app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_character_that_no_database_keeps_is_no_message_and_costs_nobody_theirs() {
    on_every_database(async |database| {
        let inbox = Inbox::open_with(|config| config.database_url = Some(database.url.clone())).await;
        for mode in [EncodingMode::Plain, EncodingMode::Safe] {
            let name = mode.to_string();
            let account = inbox.account(&name, mode, json!({"log_messages": true, "log_raw": true})).await;
            inbox.handler(&name, answers("h", json!({"type": "all"}), "hello")).await;
            let text = |content: &str| json!({"MsgType": "text", "Content": content, "MsgId": 1});
            for body in [
                json_message("o\0", text("hi")),
                json_message("oUser", text("a\0b")),
                Incoming::text(OPENID, "a\0b").xml(ORIGINAL_ID, 1_700_000_000, 2),
                Incoming::text(OPENID, "").xml(ORIGINAL_ID, 1_700_000_000, 3).replace("<![CDATA[]]>", "&#0;"),
            ] {
                let refused = account.deliver(body.clone(), &account.sign(&body)).await.unwrap();
                assert_eq!((refused.status, refused.body.as_str()), (400, ""), "{mode}: {body}");
                assert_eq!(say(&account, "hi").await.text().as_deref(), Some("hello"), "{mode}");
            }
            assert_eq!(inbox.log(&name).await.len(), 4, "{mode}");
        }
        inbox.app.stop().await;
    })
    .await;
}
