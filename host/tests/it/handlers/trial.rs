//! `POST …/handlers/test`.

use reqwest::Method;
use serde_json::{Value, json};

use super::{HANDLERS, add, fields, keyword, shop};
use crate::support::TestApp;

async fn try_out(app: &TestApp, trial: Value) -> Value {
    let (status, answer) = app.api(Method::POST, "/apps/shop/handlers/test", Some(trial.clone())).await;
    assert_eq!(status, 200, "{trial}: {answer}");
    answer
}

fn says(text: &str) -> Value {
    json!({"message": {"type": "text", "content": text}})
}

/// The name of the handler that answers.
fn matched(answer: &Value) -> Option<&str> {
    answer["matched"]["handler"]["name"].as_str()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trial_says_what_matches_and_why_the_others_do_not() {
    let app = shop().await;
    let mut off = keyword("off", "price");
    (off["enabled"], off["weight"]) = (json!(false), json!(9));
    let mut seasonal = keyword("seasonal", "price");
    (seasonal["starts"], seasonal["ends"]) = (json!("2026-06-01T00:00:00Z"), json!("2026-07-01T00:00:00Z"));
    seasonal["weight"] = json!(8);
    let custom = json!({"name": "custom", "weight": 7, "rules": [{"type": "custom", "handler": "greeter/vip"}]});
    let mut prices = keyword("prices", "price");
    prices["rules"] = json!([{"type": "equal", "pattern": "?"}, {"type": "contain", "pattern": "price", "weight": 2}]);
    for handler in [off, seasonal, custom, prices, json!({"name": "rest", "weight": -1, "rules": [{"type": "all"}]})] {
        add(&app, handler).await;
    }
    let mut trial = says("the price?");
    trial["now"] = json!("2026-05-01T00:00:00Z");
    let answer = try_out(&app, trial.clone()).await;
    let prices = &answer["matched"];
    assert_eq!(prices["handler"]["name"], "prices", "{answer}");
    assert_eq!(prices["rule"], json!({"index": 1, "type": "contain", "pattern": "price", "weight": 2}));
    let handlers = answer["handlers"].as_array().unwrap();
    let outcomes: Vec<_> =
        handlers.iter().map(|one| (one["name"].as_str().unwrap(), one["outcome"].as_str().unwrap())).collect();
    assert_eq!(
        outcomes,
        [
            ("off", "disabled"),
            ("seasonal", "not_yet"),
            ("custom", "no_rule_matched"),
            ("prices", "matched"),
            ("rest", "not_tried")
        ]
    );
    assert!(handlers[2]["why"].as_str().unwrap().contains("rules[0], custom greeter/vip: "), "{answer}");
    assert_eq!(answer["replies"], json!([{"via": "passive", "type": "text", "content": "about price"}]));
    assert_eq!(answer["falls_to"], Value::Null);

    trial["now"] = json!("2026-06-15T00:00:00Z");
    assert_eq!(matched(&try_out(&app, trial.clone()).await), Some("seasonal"));
    trial["now"] = json!("2026-07-01T00:00:00Z");
    assert_eq!(try_out(&app, trial).await["handlers"][1]["outcome"], "over");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_are_in_force_with_the_answer_to_them() {
    let app = shop().await;
    let answer = try_out(&app, says("price")).await;
    assert_eq!(
        (&answer["matched"], &answer["handlers"], &answer["falls_to"]),
        (&Value::Null, &json!([]), &json!("greeter"))
    );
    let created = add(&app, keyword("a", "price")).await;
    assert_eq!(matched(&try_out(&app, says("price")).await), Some("a"));
    let path = format!("{HANDLERS}/{}", created["id"].as_str().unwrap());
    let changed = json!({"rules": [{"type": "contain", "pattern": "cost"}]});
    assert_eq!(app.api(Method::PATCH, &path, Some(changed)).await.0, 200);
    assert_eq!(matched(&try_out(&app, says("price")).await), None);
    assert_eq!(matched(&try_out(&app, says("cost")).await), Some("a"));
    assert_eq!(app.api(Method::DELETE, &path, None).await.0, 204);
    assert_eq!(matched(&try_out(&app, says("cost")).await), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_are_given_by_their_fields_or_as_wechat_sends_them() {
    let app = shop().await;
    for (name, rule) in [
        ("scene", json!({"type": "eventkey", "event": "subscribe", "key": "42"})),
        ("subscribe", json!({"type": "event", "event": "subscribe"})),
        ("picture", json!({"type": "msg_type", "msg_type": "image"})),
        ("empty", json!({"type": "regex", "pattern": "^$"})),
    ] {
        add(&app, json!({"name": name, "weight": i32::from(name == "scene"), "rules": [rule]})).await;
    }
    let xml = "<xml><ToUserName>gh</ToUserName><FromUserName>o</FromUserName><CreateTime>1</CreateTime>\
               <MsgType>event</MsgType><Event>subscribe</Event><EventKey>qrscene_42</EventKey></xml>";
    for (message, expected) in [
        (json!({"type": "event", "event": "SUBSCRIBE"}), Some("subscribe")),
        (json!({"type": "event", "event": "subscribe", "key": "qrscene_42", "openid": "oX"}), Some("scene")),
        (json!({"type": "event", "event": "unsubscribe"}), None),
        (json!({"type": "image"}), Some("picture")),
        (json!({"type": "text", "content": ""}), Some("empty")),
        (json!({"type": "text"}), Some("empty")),
        (json!({"xml": xml}), Some("scene")),
    ] {
        let answer = try_out(&app, json!({"message": message})).await;
        assert_eq!(matched(&answer), expected, "{message}");
    }
    for (trial, field) in [
        (json!({"message": {}}), "message.type"),
        (json!({"message": {"type": "event"}}), "message.event"),
        (json!({"message": {"xml": "<xml"}}), "message.xml"),
        (json!({"message": {"xml": xml, "type": "text"}}), "message.xml"),
        (json!({"message": {"type": "text", "colour": "red"}}), "message.colour"),
        (json!({"message": {"type": "text"}, "now": "later"}), "now"),
    ] {
        let (status, problem) = app.api(Method::POST, "/apps/shop/handlers/test", Some(trial.clone())).await;
        assert_eq!((status, fields(&problem)), (422, vec![field]), "{trial}: {problem}");
    }
    assert_eq!(app.api(Method::POST, "/apps/nobody/handlers/test", Some(says("a"))).await.0, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trial_says_how_each_reply_would_be_sent() {
    let app = shop().await;
    let article = json!({"title": "T", "url": "https://a.example/"});
    let replies = json!([
        {"type": "news", "articles": [article, article]},
        {"type": "text", "content": "first", "weight": 1},
    ]);
    let handler = json!({"name": "a", "rules": [{"type": "all"}], "replies": replies});
    let created = add(&app, handler).await;
    let answer = try_out(&app, says("hi")).await;
    let sent: Vec<_> = answer["replies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["type"].as_str().unwrap(), one["via"].as_str().unwrap()))
        .collect();
    assert_eq!(sent, [("text", "customer_service"), ("news", "passive")]);
    assert!(answer["warnings"][0].as_str().unwrap().contains("only the first article"), "{answer}");

    app.api(Method::PATCH, "/apps/shop", Some(json!({"verified": false}))).await;
    let path = format!("{HANDLERS}/{}", created["id"].as_str().unwrap());
    let answer = try_out(&app, says("hi")).await;
    assert!(answer["warnings"][0].as_str().unwrap().contains("not verified"), "{answer}");
    for (strategy, count) in [("random_one", 2), ("none", 0)] {
        app.api(Method::PATCH, &path, Some(json!({"strategy": strategy}))).await;
        let answer = try_out(&app, says("hi")).await;
        let replies = answer["replies"].as_array().unwrap();
        assert_eq!((replies.len(), &answer["matched"]["strategy"]), (count, &json!(strategy)));
        assert!(replies.iter().all(|reply| reply["via"] == "passive"));
    }
    app.api(Method::PATCH, &path, Some(json!({"strategy": "reply_all"}))).await;
    let leaves = json!({"message": {"type": "event", "event": "unsubscribe"}});
    let answer = try_out(&app, leaves).await;
    assert!(answer["warnings"][1].as_str().unwrap().contains("unsubscribed"), "{answer}");
}
