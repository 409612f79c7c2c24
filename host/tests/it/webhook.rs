//! The webhook, through the real listener.

use reqwest::Method;
use serde_json::json;
use weft::simulator::{Fault, Incoming};
use weft_wechat::{account::EncodingMode, signature};

use crate::support::{AES_KEY, ORIGINAL_ID, TOKEN, TestApp, guests};

const OPENID: &str = "oUser";

async fn greeting_app() -> TestApp {
    let app = TestApp::start().await;
    app.drop_plugin("greeter", guests::greeter().await).await;
    app
}

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

fn signed_path(name: &str, timestamp: u64, nonce: &str) -> String {
    let signature = signature::sign(&[TOKEN, &timestamp.to_string(), nonce]);
    format!("/wechat/{name}/?signature={signature}&timestamp={timestamp}&nonce={nonce}")
}

fn text(content: &str) -> Vec<u8> {
    Incoming::text(OPENID, content).xml(ORIGINAL_ID, now(), 1).into_bytes()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_is_verified_with_and_without_the_slash() {
    let app = TestApp::start().await;
    let account = app.account("shop", EncodingMode::Plain, "greeter").await;
    account.verify().await.unwrap();
    let path = format!("{}&echostr=12%3Cscript%3E", signed_path("shop", now(), "n")).replace("shop/?", "shop?");
    let response = app.get(&path).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/plain; charset=utf-8");
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    assert_eq!(response.text().await.unwrap(), "12<script>");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_signature_gets_no_echo() {
    let app = TestApp::start().await;
    app.account("shop", EncodingMode::Plain, "greeter").await;
    let path = format!("{}&echostr=secretecho", signed_path("shop", now(), "n")).replace("nonce=n", "nonce=m");
    assert_eq!(app.request(Method::GET, &path, None).await, (400, String::new()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_plugin_answers_in_all_three_modes() {
    let app = greeting_app().await;
    for (name, mode) in
        [("plain", EncodingMode::Plain), ("compatible", EncodingMode::Compatible), ("safe", EncodingMode::Safe)]
    {
        let account = app.account(name, mode, "greeter").await;
        let exchange = account.send(&Incoming::text(OPENID, "weft")).await.unwrap();
        assert!(exchange.text().unwrap().contains("weft"), "{exchange:?}");
        assert_eq!(exchange.body == exchange.reply, mode == EncodingMode::Plain, "{mode}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_encrypted_answers_to_one_text_differ_on_the_wire() {
    let app = greeting_app().await;
    let account = app.account("safe", EncodingMode::Safe, "greeter").await;
    let one = account.send(&Incoming::text(OPENID, "weft")).await.unwrap();
    let other = account.send(&Incoming::text(OPENID, "weft")).await.unwrap();
    assert_eq!(one.text(), other.text());
    assert_ne!(one.body, other.body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_and_pictures_are_answered_too() {
    let app = greeting_app().await;
    let account = app.account("shop", EncodingMode::Plain, "greeter").await;
    for incoming in [Incoming::image(OPENID, "m1"), Incoming::subscribe(OPENID, Some("poster"))] {
        assert!(account.send(&incoming).await.unwrap().text().is_some(), "{incoming:?}");
    }
    let silent =
        account.send(&Incoming::event(OPENID, "VIEW", "<EventKey>https://a.example</EventKey>")).await.unwrap();
    assert_eq!((silent.status, silent.body.as_str()), (200, ""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_request_is_answered_400_and_nothing_else() {
    let app = greeting_app().await;
    app.account("shop", EncodingMode::Plain, "greeter").await;
    let good = signed_path("shop", now(), "n");
    assert_eq!(app.request(Method::POST, &good, Some(text("hi"))).await.0, 200);
    let refused = [
        ("signature", good.replace("nonce=n", "nonce=other"), text("hi")),
        ("stale time", signed_path("shop", now() - 200, "n"), text("hi")),
        ("time to come", signed_path("shop", now() + 200, "n"), text("hi")),
        ("no number", good.replace("timestamp=", "timestamp=x"), text("hi")),
        ("no signature", good.replace("signature=", "sign="), text("hi")),
        ("two nonces", format!("{good}&nonce=n"), text("hi")),
        ("no query", "/wechat/shop/".to_owned(), text("hi")),
        ("broken XML", good.clone(), b"<xml><ToUserName>".to_vec()),
        ("no XML", good.clone(), b"hello".to_vec()),
        ("empty", good.clone(), Vec::new()),
        ("no UTF-8", good.clone(), b"<xml>\xff</xml>".to_vec()),
        ("a DTD", good.clone(), b"<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><xml>&e;</xml>".to_vec()),
        ("too large", good.clone(), vec![b' '; (1 << 20) + 1]),
    ];
    for (what, path, body) in refused {
        assert_eq!(app.request(Method::POST, &path, Some(body)).await, (400, String::new()), "{what}");
    }
}

/// Bodies of 300 KiB that are made to hurt, and what must not become of them.
fn hostile() -> Vec<(&'static str, String)> {
    let size = 300 << 10;
    let head = format!("<xml><ToUserName>{ORIGINAL_ID}</ToUserName><FromUserName>{OPENID}</FromUserName>");
    vec![
        ("nesting", "<a>".repeat(10_000) + &"</a>".repeat(10_000)),
        ("JSON that nests", "{\"a\":".repeat(10_000) + "1" + &"}".repeat(10_000)),
        ("arrays that nest", format!("{{\"a\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000))),
        ("the same again", head.clone() + &"<MsgType>text</MsgType>".repeat(size / 23) + "</xml>"),
        ("attributes", format!("<xml{}/>", " a=''".repeat(size / 5))),
        ("no end", head + &"<![CDATA[".repeat(size / 9)),
        ("entities", format!("<xml>{}</xml>", "&a;".repeat(size / 3))),
        ("words", "x".repeat(size)),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_bodies_are_answered_400_at_once_and_the_next_message_as_ever() {
    let app = greeting_app().await;
    let plain = app.account("shop", EncodingMode::Plain, "greeter").await;
    let safe = app.account("safe", EncodingMode::Safe, "greeter").await;
    let good = signed_path("shop", now(), "n");
    for (what, body) in hostile() {
        let began = std::time::Instant::now();
        let answer = app.request(Method::POST, &good, Some(body.clone().into_bytes())).await;
        assert_eq!(answer, (400, String::new()), "{what}");
        // The same where nobody can see it before it is decrypted.
        let exchange = safe.deliver(body.clone(), &safe.sign(&body)).await.unwrap();
        assert_eq!((exchange.status, exchange.body.as_str()), (400, ""), "{what}, encrypted");
        assert!(began.elapsed() < std::time::Duration::from_secs(10), "{what}: {:?}", began.elapsed());
    }
    for account in [plain, safe] {
        assert!(account.send(&Incoming::text(OPENID, "hi")).await.unwrap().text().is_some());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_that_is_not_there_is_404_and_another_apps_signature_is_400() {
    let app = TestApp::start().await;
    app.account("shop", EncodingMode::Plain, "greeter").await;
    app.create_app("other", json!({"token": "anothertoken"})).await;
    app.create_app("silent", json!({})).await;

    let answer = |name| {
        let path = signed_path(name, now(), "n");
        let app = &app;
        async move { app.request(Method::POST, &path, Some(text("hi"))).await }
    };
    assert_eq!(answer("shop").await.0, 200);
    assert_eq!(answer("other").await.0, 400);
    assert_eq!(answer("nobody").await.0, 404);
    assert_eq!(answer("silent").await.0, 404, "an app without a token takes no messages");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn safe_mode_takes_nothing_plain_and_nothing_tampered() {
    let app = greeting_app().await;
    let account = app.account("safe", EncodingMode::Safe, "greeter").await;
    let plain = signed_path("safe", now(), "n");
    assert_eq!(app.request(Method::POST, &plain, Some(text("hi"))).await, (400, String::new()));

    let message = Incoming::text(OPENID, "hi").xml(ORIGINAL_ID, now(), 7);
    let good = account.sign(&message);
    assert_eq!(account.deliver(message.clone(), &good).await.unwrap().status, 200);
    let mut tampered = good.clone();
    tampered.body = tampered.body.replacen("CDATA[", "CDATA[A", 2).replacen("CDATA[A", "CDATA[", 1);
    let exchange = account.deliver(message.clone(), &tampered).await.unwrap();
    assert_eq!((exchange.status, exchange.body.as_str()), (400, ""));
    let mut unsigned = good;
    unsigned.query.retain(|(name, _)| *name != "msg_signature");
    assert_eq!(account.deliver(message, &unsigned).await.unwrap().status, 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compatible_mode_believes_only_what_was_encrypted() {
    let app = greeting_app().await;
    let account = app.account("compat", EncodingMode::Compatible, "greeter").await;
    let message = Incoming::text(OPENID, "genuine").xml(ORIGINAL_ID, now(), 8);
    let mut signed = account.sign(&message);
    signed.body = signed.body.replace("genuine", "forged");
    let exchange = account.deliver(message, &signed).await.unwrap();
    let text = exchange.text().unwrap();
    assert!(text.contains("genuine") && !text.contains("forged"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_was_replaced_still_opens_messages() {
    let app = greeting_app().await;
    let account = app.account("rotate", EncodingMode::Safe, "greeter").await;
    let key = AES_KEY.replace("abc", "xyz");
    let patch = json!({"encoding_aes_key": key});
    assert_eq!(app.api(Method::PATCH, "/apps/rotate", Some(patch)).await.0, 200);
    let message = Incoming::text(OPENID, "old key").xml(ORIGINAL_ID, now(), 9);
    let signed = account.sign(&message);
    // The answer is sealed with the new key, which this account at WeChat does not have yet.
    let answer = account.deliver(message, &signed).await;
    assert!(matches!(answer, Err(Fault::Encryption(_))), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_plugin_is_an_empty_answer_until_it_is_there() {
    let app = TestApp::start().await;
    let account = app.account("shop", EncodingMode::Plain, "greeter").await;
    let (_, view) = app.api(Method::GET, "/apps/shop", None).await;
    assert!(view["warnings"][0].as_str().unwrap().contains("greeter.wasm"), "{view}");
    let before = account.send(&Incoming::text(OPENID, "hi")).await.unwrap();
    assert_eq!((before.status, before.body.as_str()), (200, ""));

    app.drop_plugin("greeter", guests::greeter().await).await;
    assert!(account.send(&Incoming::text(OPENID, "hi")).await.unwrap().text().is_some());
    let (_, view) = app.api(Method::GET, "/apps/shop", None).await;
    assert!(!view["warnings"].to_string().contains("greeter"), "{view}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_without_a_handler_answers_nothing() {
    let app = greeting_app().await;
    let account = app.account("shop", EncodingMode::Plain, "greeter").await;
    assert_eq!(app.api(Method::PATCH, "/apps/shop", Some(json!({"message_handler": null}))).await.0, 200);
    assert_eq!(account.send(&Incoming::text(OPENID, "hi")).await.unwrap().body, "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_no_account_and_no_user_has_are_not_answered() {
    let app = greeting_app().await;
    app.account("shop", EncodingMode::Plain, "greeter").await;
    // They would stand in the answer, which is kept.
    let long = "o".repeat(100_000);
    for (number, (sender, receiver)) in [(&*long, ORIGINAL_ID), (OPENID, &long)].into_iter().enumerate() {
        let message = Incoming::text(sender, "hi").xml(receiver, now(), 1);
        let path = signed_path("shop", now(), &format!("n{number}"));
        assert_eq!(app.request(Method::POST, &path, Some(message.into_bytes())).await, (200, String::new()));
    }
    let message = Incoming::text(OPENID, "hi").xml(ORIGINAL_ID, now(), 2);
    let path = signed_path("shop", now(), "n2");
    let (status, answer) = app.request(Method::POST, &path, Some(message.into_bytes())).await;
    assert!(status == 200 && answer.contains(OPENID), "{status} {answer}");
}
