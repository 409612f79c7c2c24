//! A template message to one user.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use weft::simulator::{Incoming, wechat::Fault};

use super::{APPID, Shop};
use crate::support::{FAN, until};

const SEND: &str = "/cgi-bin/message/template/send";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_is_sent_by_alias_and_its_outcome_comes_back() {
    let shop = Shop::open().await;
    let id = shop.order().await;
    let (status, sent) = shop.send("order", json!({"url": "https://shop.example/42"})).await;
    assert_eq!((status, &sent["outcome"], &sent["warnings"]), (200, &json!("sent"), &json!([])), "{sent}");
    let message = &shop.sent()[0];
    assert_eq!((&message["template_id"], &message["touser"]), (&json!(id), &json!(FAN)));
    let data = json!({"first": {"value": "你好"}, "order": {"value": "42", "color": "#173177"}});
    assert_eq!((&message["data"], &message["url"]), (&data, &json!("https://shop.example/42")));
    assert_eq!(message["client_msg_id"].as_str().unwrap().len(), 32);
    let msgid = message["msgid"].as_u64().unwrap();
    assert_eq!(sent["msgid"], msgid.to_string());

    let send = sent["send"].as_str().unwrap();
    for (status, outcome) in [("failed:user block", "blocked"), ("success", "delivered")] {
        // A second event about the same message changes nothing that is settled.
        shop.sender.send(&Incoming::template_finished(FAN, msgid, status)).await.unwrap();
        let recipients = shop.recipients_until(send, "blocked").await;
        assert!(recipients[0]["reason"] == "failed:user block" && outcome.len() > 6, "{recipients:?}");
    }
    let read = shop.get(&format!("/apps/shop/sends/{send}")).await;
    assert_eq!((&read["outcomes"], &read["job"]), (&json!({"blocked": 1}), &json!(null)), "{read}");
    let listed = shop.get("/apps/shop/sends").await;
    assert_eq!((&listed["items"][0]["id"], listed["items"].as_array().unwrap().len()), (&json!(send), 1));
    let none = shop.get(&format!("/apps/shop/sends/{send}/recipients?outcome=delivered")).await;
    assert_eq!(none["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outcome_that_comes_before_the_answer_counts() {
    let shop = Shop::open().await;
    shop.order().await;
    shop.inbox.wechat.fault(SEND, Fault::Delay(Duration::from_secs(3)), 1);
    let sending = shop.send("order", json!({}));
    let event = async {
        let msgid = until("WeChat has it", async || shop.sent().first()?["msgid"].as_u64()).await;
        shop.sender.send(&Incoming::template_finished(FAN, msgid, "success")).await.unwrap();
        shop.inbox.app.state.outcomes.flush().await;
    };
    let ((status, sent), ()) = tokio::join!(sending, event);
    assert_eq!((status, &sent["outcome"]), (200, &json!("delivered")), "{sent}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_are_held_against_the_template_with_warnings_and_wrong_fields_are_refused() {
    let shop = Shop::open().await;
    shop.order().await;
    let (status, sent) = shop.send("order", json!({"data": {"first": "a", "extra": "b"}})).await;
    assert_eq!(status, 200, "{sent}");
    let warnings = sent["warnings"].as_array().unwrap();
    assert!(warnings[0].as_str().unwrap().starts_with("data.order is missing"), "{warnings:?}");
    assert!(warnings[1].as_str().unwrap().starts_with("data.extra is not shown"), "{warnings:?}");
    let calls = shop.inbox.wechat.count(SEND);
    for (fields, field) in [
        (json!({"data": {}}), "data"),
        (json!({"data": {"order": 4.2e27}}), "data.order"),
        (json!({"openid": "a b"}), "openid"),
        (json!({"openid": null}), "openid"),
        (json!({"url": "ftp://x"}), "url"),
        (json!({"page": "index"}), "page"),
        (json!({"client_msg_id": "x".repeat(33)}), "client_msg_id"),
        (json!({"opneid": FAN}), ""),
    ] {
        let (status, problem) = shop.send("order", fields).await;
        assert_eq!((status, &problem["type"]), (422, &json!("invalid")), "{problem}");
        assert!(field.is_empty() || problem["errors"][0]["field"] == field, "{field}: {problem}");
    }
    assert_eq!(shop.send("nothing", json!({})).await.0, 404);
    assert_eq!(shop.inbox.wechat.count(SEND), calls, "nothing was sent");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_says_what_it_means_and_stands_in_the_list() {
    let shop = Shop::open().await;
    shop.order().await;
    shop.inbox.wechat.follow(APPID, "oGone");
    shop.inbox.wechat.unfollow(APPID, "oGone");
    let (status, problem) = shop.send("order", json!({"openid": "oGone"})).await;
    assert_eq!((status, &problem["type"], &problem["errcode"]), (502, &json!("wechat-refused"), &json!(43004)));
    assert!(problem["detail"].as_str().unwrap().contains("does not follow"), "{problem}");
    let send = shop.get("/apps/shop/sends").await["items"][0]["id"].as_str().unwrap().to_owned();
    let recipient = &shop.recipients_until(&send, "failed").await[0];
    assert_eq!((&recipient["errcode"], &recipient["msgid"]), (&json!(43004), &json!(null)));
    assert!(recipient["meaning"].as_str().unwrap().contains("没有关注"), "{recipient}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_client_msg_id_sends_once_and_goes_on_where_nothing_was_sent() {
    let shop = Shop::open().await;
    shop.order().await;
    let once = json!({"client_msg_id": "order-42"});
    let (_, first) = shop.send("order", once.clone()).await;
    let (status, second) = shop.send("order", once.clone()).await;
    assert_eq!((status, &second), (200, &first), "the same answer");
    assert_eq!((shop.sent().len(), shop.inbox.wechat.count(SEND)), (1, 1));
    assert_eq!(shop.sent()[0]["client_msg_id"], "order-42");
    let (status, problem) = shop.send("order", json!({"client_msg_id": "order-42", "data": {"first": "x"}})).await;
    assert_eq!((status, &problem["type"]), (409, &json!("conflict")), "{problem}");

    // Refused: nothing was sent, so the next time sends.
    shop.inbox.wechat.fault(SEND, Fault::Errcode(43108), 1);
    let again = json!({"client_msg_id": "order-43"});
    assert_eq!(shop.send("order", again.clone()).await.0, 502);
    assert_eq!(shop.send("order", again).await.0, 200);
    assert_eq!(shop.sent().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_cut_off_is_unknown_and_only_repeated_where_wechat_knows_it_again() {
    let shop = Shop::open().await;
    shop.order().await;
    shop.inbox.wechat.fault(SEND, Fault::Disconnect, 1);
    let once = json!({"client_msg_id": "order-1"});
    let (status, problem) = shop.send("order", once.clone()).await;
    assert_eq!((status, &problem["type"]), (502, &json!("wechat-unreachable")), "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("WeChat may have sent it"), "{problem}");
    assert_eq!(shop.sent().len(), 1, "it was sent, and Weft does not send again by itself");
    let send = shop.get("/apps/shop/sends").await["items"][0]["id"].as_str().unwrap().to_owned();
    shop.recipients_until(&send, "unknown").await;
    let (status, sent) = shop.send("order", once).await;
    assert_eq!((status, &sent["send"]), (200, &json!(send)), "{sent}");
    assert_eq!((shop.sent().len(), shop.inbox.wechat.count(SEND)), (1, 2), "WeChat knew it again");
    assert_eq!(sent["msgid"], shop.sent()[0]["msgid"].to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_may_not_send_asks_nobody() {
    let shop = Shop::of(json!({"verified": false})).await;
    let body = json!({"openid": FAN, "scene": 1, "title": "t", "data": {"content": "x"}});
    let (status, problem) = shop.post("/apps/shop/one-time-subscriptions/T1/send", body).await;
    assert_eq!((status, &problem["type"]), (422, &json!("unable")), "{problem}");
    assert_eq!(shop.call(Method::POST, "/apps/nobody/templates/sync", None).await.0, 404);
    assert!(shop.inbox.wechat.calls().is_empty());
    assert_eq!(shop.get("/apps/shop/sends").await["items"], json!([]));
}
