//! Rules and observers: asked and told through the plugin platform itself.

use std::sync::Arc;

use reqwest::Method;
use serde_json::json;
use weft::{
    plugins::{CallError, Observation, Subject},
    simulator::{Incoming, Sender},
};
use weft_wechat::{
    account::EncodingMode,
    message::Message,
    reply::{Article, Music, Reply, Video},
};

use crate::support::{PATIENCE, TestApp, guests};

/// A server with the guest, and the app `shop` that lets it keep counts.
async fn server() -> TestApp {
    let app = TestApp::start_with(|config| {
        config.plugins.limits.cpu_ms = 200;
        config.plugins.limits.rule_timeout_ms = 5000;
    })
    .await;
    app.drop_plugin("guest", guests::listener().await).await;
    app.account("shop", EncodingMode::Plain, "guest").await;
    let (status, answer) = app.api(Method::PUT, "/apps/shop/plugins/guest", Some(json!({"kv": true}))).await;
    assert_eq!(status, 200, "{answer}");
    app
}

fn subject(app: &TestApp, name: &str) -> Subject {
    let account = app.state.accounts.find(name).unwrap();
    Subject {
        app: Arc::clone(&account.app),
        granted: account.plugins.get("guest").cloned(),
        delivery_id: "delivery".into(),
        raw: "".into(),
    }
}

fn text(content: &str) -> Message {
    Message::parse(&format!(
        "<xml><ToUserName>gh_test</ToUserName><FromUserName>oUser</FromUserName><CreateTime>1700000000</CreateTime>\
         <MsgType>text</MsgType><Content>{content}</Content><MsgId>1</MsgId></xml>"
    ))
    .unwrap()
}

/// In a task of its own, as callers may run it.
async fn matches(app: &TestApp, target: &str, content: &str) -> Result<bool, CallError> {
    let (plugins, subject, message) = (app.state.plugins.clone(), subject(app, "shop"), text(content));
    let target = target.parse().unwrap();
    tokio::spawn(async move { plugins.matches(&target, subject, &message).await }).await.unwrap()
}

async fn observe(app: &TestApp, target: &str, observation: Observation<'_>) -> Result<(), CallError> {
    app.state.plugins.observe(&target.parse().unwrap(), subject(app, "shop"), observation).await
}

/// What the observer keeps under a key.
async fn kept(app: &TestApp, key: &str) -> Option<String> {
    let entry = app.state.store.plugin_kv().get("shop", "guest", key).await.unwrap()?;
    Some(String::from_utf8(entry.value).unwrap())
}

async fn counts(app: &TestApp) -> (u64, u64) {
    let (_, plugin) = app.api(Method::GET, "/plugins/guest", None).await;
    (plugin["calls"]["total"].as_u64().unwrap(), plugin["calls"]["failed"].as_u64().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_says_whether_a_message_is_meant() {
    let app = server().await;
    for target in ["guest/vip", "guest"] {
        assert!(matches(&app, target, "vip please").await.unwrap(), "{target}");
        assert!(!matches(&app, target, "please").await.unwrap(), "{target}");
    }
    assert_eq!(counts(&app).await, (4, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_that_fails_is_an_error_that_says_why_and_is_counted() {
    let app = server().await;
    for (rule, why) in [
        ("gives_up", "the rule gave up"),
        ("traps", "panicked at host/tests/guests/listener/src/lib.rs:"),
        ("loops", "200 ms of CPU time"),
        ("sleeps", "(plugins.rule_timeout_ms)"),
    ] {
        let error = matches(&app, &format!("guest/{rule}"), "vip").await.unwrap_err().to_string();
        assert!(error.contains(why), "{rule}: {error}");
    }
    assert_eq!(counts(&app).await, (4, 4));
    assert!(matches(&app, "guest", "vip").await.unwrap(), "the plugin itself still runs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_or_not_for_the_app_is_an_error_that_names_it() {
    let app = server().await;
    app.drop_plugin("greeter", guests::greeter().await).await;
    for (target, why) in [
        ("nobody", "plugin `nobody` is not loaded"),
        ("guest/nothing", "plugin `guest` has no rule `nothing`; it has: vip, restricted"),
        ("guest/count", "has no rule `count`"),
        ("greeter", "plugin `greeter` has no rule · "),
        ("guest/restricted", "rule `restricted` of plugin `guest` is only for other apps: elsewhere · "),
    ] {
        let error = matches(&app, target, "vip").await.unwrap_err().to_string();
        assert!(error.contains(why), "{target}: {error}");
    }
    let error = observe(&app, "guest/vip", Observation::Received(&text("hi"))).await.unwrap_err().to_string();
    assert!(error.contains("has no observer `vip`; it has: count, breaks"), "{error}");
    assert_eq!(counts(&app).await, (0, 0), "nothing ran");

    app.account("elsewhere", EncodingMode::Plain, "guest").await;
    let target = "guest/restricted".parse().unwrap();
    assert!(app.state.plugins.matches(&target, subject(&app, "elsewhere"), &text("hi")).await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_answers_the_apps_that_its_author_names_and_no_others() {
    let app = server().await;
    app.drop_plugin("asker", guests::asker().await).await;
    let elsewhere = app.account("elsewhere", EncodingMode::Plain, "asker/restricted").await;
    let another = app.account("another", EncodingMode::Plain, "asker/restricted").await;
    let answer = async |account: &Sender| account.send(&Incoming::text("oUser", "hi")).await.unwrap().text();
    assert_eq!(answer(&elsewhere).await.as_deref(), Some("for one app alone"));
    assert_eq!(answer(&another).await, None);
    let target = "asker/restricted".parse().unwrap();
    let refused = app.state.plugins.handle(&target, subject(&app, "another"), &text("hi")).await.unwrap_err();
    let why = "handler `restricted` of plugin `asker` is only for other apps: elsewhere · ";
    assert!(refused.to_string().starts_with(why), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_observer_hears_of_what_was_received_handled_and_failed() {
    let app = server().await;
    let message = text("hi");
    let reply = Reply::Text("hello".to_owned());
    for (observation, last) in [
        (Observation::Received(&message), "oUser: "),
        (Observation::Handled(&message, Some(&reply)), "oUser: Some(Reply::Text(\"hello\"))"),
        (Observation::Handled(&message, None), "oUser: None"),
        (Observation::Failed(&message, "it broke"), "oUser: it broke"),
    ] {
        observe(&app, "guest", observation).await.unwrap();
        assert_eq!(kept(&app, "last").await.as_deref(), Some(last));
    }
    for (kind, number) in [("received", "1"), ("handled", "2"), ("failed", "1")] {
        assert_eq!(kept(&app, kind).await.as_deref(), Some(number), "{kind}");
    }
    assert_eq!(counts(&app).await, (4, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_observer_hears_of_every_kind_of_reply_with_all_it_says() {
    let app = server().await;
    let message = text("hi");
    let word = str::to_owned;
    for (reply, parts) in [
        (Reply::Image(word("m1")), vec!["Image", "m1"]),
        (Reply::Voice(word("m2")), vec!["Voice", "m2"]),
        (
            Reply::Video(Video { media_id: word("m3"), title: word("t3"), description: word("d3") }),
            vec!["Video", "m3", "t3", "d3"],
        ),
        (
            Reply::Music(Music {
                title: word("t4"),
                description: word("d4"),
                music_url: word("u4"),
                hq_music_url: word("h4"),
                thumb_media_id: word("m4"),
            }),
            vec!["Music", "title: \"t4\"", "description: \"d4\"", "music-url: \"u4\"", "hq-music-url: \"h4\"", "m4"],
        ),
        (
            Reply::News(vec![Article {
                title: word("t5"),
                description: word("d5"),
                pic_url: word("p5"),
                url: word("u5"),
            }]),
            vec!["News", "title: \"t5\"", "description: \"d5\"", "pic-url: \"p5\"", "url: \"u5\""],
        ),
        (Reply::TransferCustomerService(Some(word("kf6"))), vec!["TransferCustomerService", "kf6"]),
    ] {
        observe(&app, "guest", Observation::Handled(&message, Some(&reply))).await.unwrap();
        let last = kept(&app, "last").await.unwrap();
        assert!(parts.iter().all(|part| last.contains(part)), "{last}: {parts:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_observer_that_fails_is_an_error_and_is_counted() {
    let app = server().await;
    let error = observe(&app, "guest/breaks", Observation::Received(&text("hi"))).await.unwrap_err();
    assert!(error.to_string().contains("observer bug"), "{error}");
    assert_eq!(app.api(Method::DELETE, "/apps/shop/plugins/guest", None).await.0, 204);
    let error = observe(&app, "guest/count", Observation::Received(&text("hi"))).await.unwrap_err();
    assert!(error.to_string().contains("has not granted `kv`"), "{error}");
    assert_eq!(counts(&app).await, (2, 2));
    assert!(tokio::time::timeout(PATIENCE, matches(&app, "guest", "vip")).await.unwrap().unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_plugin_logs_with_tracing_is_in_the_log_of_its_app_with_level_values_and_target() {
    let app = server().await;
    observe(&app, "guest/traces", Observation::Received(&text("hi"))).await.unwrap();
    let lines = app.logged("apps/shop").await;
    let said: Vec<_> =
        lines.iter().map(|line| (line["level"].as_str().unwrap(), line["text"].as_str().unwrap())).collect();
    let expected = [
        ("error", "an error"),
        ("warn", "a warning openid=\"oUser\" tries=2"),
        ("info", "elsewhere target=till"),
        ("debug", "a detail"),
    ];
    assert_eq!(said, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_observer_that_takes_longer_than_it_may_is_ended() {
    let app = server().await;
    let limits = json!({"limits": {"observer_timeout_ms": 100}});
    assert_eq!(app.api(Method::PUT, "/apps/shop/plugins/guest", Some(limits)).await.0, 200);
    let error = observe(&app, "guest/dawdles", Observation::Received(&text("hi"))).await.unwrap_err();
    assert!(error.to_string().contains("(plugins.observer_timeout_ms)"), "{error}");
    assert_eq!(counts(&app).await, (1, 1));
}
