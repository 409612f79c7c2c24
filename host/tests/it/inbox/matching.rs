//! Which handler answers: every type of rule with every kind of message, and the order among handlers.

use reqwest::Method;
use serde_json::{Value, json};
use weft::simulator::Incoming;
use weft_wechat::account::EncodingMode;

use super::{Inbox, OPENID, answers, say};
use crate::support::with;

fn event(name: &str, key: &str) -> Incoming {
    Incoming::event(OPENID, name, &format!("<EventKey><![CDATA[{key}]]></EventKey>"))
}

/// What users do, each with a name.
fn messages() -> Vec<(&'static str, Incoming)> {
    let message = |msg_type, elements| Incoming::message(OPENID, msg_type, elements);
    vec![
        ("price", Incoming::text(OPENID, "the price?")),
        ("PRICE", Incoming::text(OPENID, "PRICE")),
        ("empty", Incoming::text(OPENID, "")),
        ("2026", Incoming::text(OPENID, "2026")),
        ("image", Incoming::image(OPENID, "m1")),
        ("voice", message("voice", "<MediaId>m</MediaId><Format>amr</Format><Recognition>price</Recognition>")),
        ("video", message("video", "<MediaId>m</MediaId><ThumbMediaId>t</ThumbMediaId>")),
        ("shortvideo", message("shortvideo", "<MediaId>m</MediaId><ThumbMediaId>t</ThumbMediaId>")),
        (
            "location",
            message(
                "location",
                "<Location_X>23.1</Location_X><Location_Y>113.3</Location_Y><Scale>20</Scale><Label>price</Label>",
            ),
        ),
        ("link", message("link", "<Title>price</Title><Description>d</Description><Url>http://u</Url>")),
        ("hologram", message("hologram", "<Depth>3</Depth>")),
        ("subscribe", Incoming::subscribe(OPENID, None)),
        ("by scan", Incoming::subscribe(OPENID, Some("42"))),
        ("scan", event("SCAN", "42")),
        ("click", Incoming::click(OPENID, "price")),
        ("click Price", Incoming::click(OPENID, "Price")),
        ("view", event("VIEW", "https://a.example/?a=1&b=2")),
        ("waitmsg", event("scancode_waitmsg", "price")),
        ("new event", event("Some_New_Event", "k")),
        ("kf", Incoming::event(OPENID, "kf_create_session", "<KfAccount>a@gh</KfAccount>")),
    ]
}

/// A rule, and the names of the messages that it matches.
fn table() -> Vec<(Value, Vec<&'static str>)> {
    let all: Vec<_> = messages().into_iter().map(|(name, _)| name).collect();
    let texts = vec!["price", "PRICE", "empty", "2026"];
    let on = |msg_type: &str| json!({"type": "msg_type", "msg_type": msg_type});
    let event = |event: &str| json!({"type": "event", "event": event});
    let key = |event: &str, key: &str| json!({"type": "eventkey", "event": event, "key": key});
    let pattern = |kind: &str, pattern: &str| json!({"type": kind, "pattern": pattern});
    vec![
        (json!({"type": "all"}), all.clone()),
        (on("text"), texts.clone()),
        (on("image"), vec!["image"]),
        (on("voice"), vec!["voice"]),
        (on("video"), vec!["video"]),
        (on("shortvideo"), vec!["shortvideo"]),
        (on("location"), vec!["location"]),
        (on("link"), vec!["link"]),
        (on("event"), all[11..].to_vec()),
        (event("subscribe"), vec!["subscribe", "by scan"]),
        (event("SuBsCrIbE"), vec!["subscribe", "by scan"]),
        (event("scan"), vec!["scan"]),
        (event("CLICK"), vec!["click", "click Price"]),
        (event("view"), vec!["view"]),
        (event("SOME_NEW_event"), vec!["new event"]),
        (event("KF_CREATE_SESSION"), vec!["kf"]),
        (key("click", "price"), vec!["click"]),
        (key("subscribe", "42"), vec!["by scan"]),
        (key("subscribe", "qrscene_42"), vec!["by scan"]),
        (key("SCAN", "42"), vec!["scan"]),
        (key("VIEW", "https://a.example/?a=1&b=2"), vec!["view"]),
        (key("scancode_waitmsg", "price"), vec!["waitmsg"]),
        (key("some_new_event", "k"), vec!["new event"]),
        (pattern("contain", "price"), vec!["price"]),
        (pattern("contain", "PRICE"), vec!["PRICE"]),
        (pattern("equal", "PRICE"), vec!["PRICE"]),
        (pattern("equal", "price"), vec![]),
        (pattern("regex", r"^\d{4}$"), vec!["2026"]),
        (pattern("regex", "(?i)price"), vec!["price", "PRICE"]),
        (pattern("regex", "^$"), vec!["empty"]),
        (pattern("regex", ".*"), texts),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_rule_answers_the_messages_that_it_is_for_and_no_others() {
    let inbox = Inbox::open().await;
    for (number, (rule, expected)) in table().into_iter().enumerate() {
        let name = format!("app{number}");
        let account = inbox.account(&name, EncodingMode::Plain, json!({})).await;
        inbox.handler(&name, answers("h", rule.clone(), "yes")).await;
        let mut answered = Vec::new();
        for (message, incoming) in messages() {
            let exchange = account.send(&incoming).await.unwrap();
            match exchange.text().as_deref() {
                Some("yes") => answered.push(message),
                _ => assert_eq!(exchange.body, "", "{rule} {message}"),
            }
        }
        assert_eq!(answered, expected, "{rule}");
        let left = account.send(&Incoming::unsubscribe(OPENID)).await.unwrap();
        assert_eq!((left.status, left.body.as_str()), (200, ""), "{rule}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_heaviest_then_the_newest_handler_answers_and_none_outside_its_time() {
    let inbox = Inbox::open().await.with_guest().await;
    let shop = inbox.shop(json!({"message_handler": "guest"})).await;
    let hour = jiff::SignedDuration::from_hours(1);
    let now = jiff::Timestamp::now();
    for (name, more) in [
        ("disabled", json!({"weight": 9, "enabled": false})),
        ("not yet", json!({"weight": 8, "starts": now + hour})),
        ("over", json!({"weight": 7, "ends": now - hour})),
        ("now", json!({"weight": 6, "starts": now - hour, "ends": now + hour})),
        ("old", json!({"weight": 5})),
        ("new", json!({"weight": 5})),
        ("light", json!({"weight": -1})),
    ] {
        let handler = answers(name, json!({"type": "contain", "pattern": "hi"}), name);
        inbox.handler("shop", with(handler, more)).await;
    }
    for expected in ["now", "new", "old", "light"] {
        assert_eq!(say(&shop, "hi").await.text().as_deref(), Some(expected));
        let (_, page) = inbox.app.api(Method::GET, "/apps/shop/handlers?limit=50", None).await;
        let answered = page["items"].as_array().unwrap().iter().find(|one| one["name"] == expected).unwrap();
        let path = format!("/apps/shop/handlers/{}", answered["id"].as_str().unwrap());
        let off = json!({"enabled": false});
        assert_eq!(inbox.app.api(Method::PATCH, &path, Some(off)).await.0, 200);
    }
    assert_eq!(say(&shop, "hi").await.text().as_deref(), Some("hi"), "the app's plugin, when nothing matches");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_rule_of_several_is_enough_and_a_handler_that_answers_nothing_ends_the_search() {
    let inbox = Inbox::open().await.with_guest().await;
    let shop = inbox.shop(json!({"message_handler": "guest"})).await;
    let rules = json!([{"type": "equal", "pattern": "a"}, {"type": "equal", "pattern": "b"}]);
    let replies = json!([{"type": "text", "content": "letter"}]);
    inbox.handler("shop", json!({"name": "letters", "rules": rules, "replies": replies})).await;
    let silent = json!({"name": "silent", "strategy": "none", "rules": [{"type": "equal", "pattern": "hush"}], "replies": replies});
    inbox.handler("shop", silent).await;
    inbox.handler("shop", json!({"name": "bare", "rules": [{"type": "equal", "pattern": "bare"}]})).await;
    for (text, expected) in [("a", "letter"), ("b", "letter"), ("c", "c")] {
        assert_eq!(say(&shop, text).await.text().as_deref(), Some(expected));
    }
    for text in ["hush", "bare"] {
        assert_eq!(say(&shop, text).await.body, "", "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_follows_and_who_leaves_is_known_with_the_answer() {
    let inbox = Inbox::open().await;
    let shop = inbox.shop(json!({})).await;
    inbox.handler("shop", answers("welcome", json!({"type": "event", "event": "subscribe"}), "welcome")).await;
    let user = async || inbox.app.api(Method::GET, "/apps/shop/users/oUser", None).await;
    assert_eq!(user().await.0, 404);
    let came = shop.send(&Incoming::subscribe(OPENID, Some("42"))).await.unwrap();
    assert_eq!(came.text().as_deref(), Some("welcome"));
    let (_, seen) = user().await;
    assert_eq!((&seen["subscribed"], &seen["qr_scene"]), (&json!(true), &json!("42")), "{seen}");
    let left = shop.send(&Incoming::unsubscribe(OPENID)).await.unwrap();
    assert_eq!((left.status, left.body.as_str()), (200, ""));
    assert_eq!(user().await.1["subscribed"], false);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nonce_carries_one_message_also_where_nobody_answers() {
    let inbox = Inbox::open().await;
    let shop = inbox.shop(json!({})).await;
    let message = |openid| Incoming::subscribe(openid, None).xml(crate::support::ORIGINAL_ID, 1_700_000_000, 0);
    let genuine = shop.sign(&message(OPENID));
    for _ in 0..2 {
        assert_eq!(shop.deliver(message(OPENID), &genuine).await.unwrap().status, 200);
    }
    let forged = weft::simulator::Signed { body: message("oVictim"), ..genuine };
    let refused = shop.deliver(message("oVictim"), &forged).await.unwrap();
    assert_eq!((refused.status, refused.body.as_str()), (400, ""));
    assert_eq!(inbox.app.api(Method::GET, "/apps/shop/users/oVictim", None).await.0, 404);
}
