//! Rules and replies that plugins answer.

use reqwest::Method;
use serde_json::{Value, json};
use weft_wechat::account::EncodingMode;

use super::{Inbox, OPENID, answers, say};
use crate::support::{guests, time_it_had};

fn custom(target: &str) -> Value {
    json!({"type": "custom", "handler": target})
}

/// An inbox whose plugin `rules` has rules and observers.
async fn inbox() -> Inbox {
    let inbox = Inbox::open_with(|config| {
        config.plugins.limits.cpu_ms = 200;
        config.plugins.limits.rule_timeout_ms = 1200;
    })
    .await;
    inbox.app.drop_plugin("rules", guests::listener().await).await;
    inbox
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugins_rule_matches_when_it_says_so_and_in_no_other_case() {
    let inbox = inbox().await;
    let shop = inbox.shop(json!({})).await;
    let elsewhere = inbox.account("elsewhere", EncodingMode::Plain, json!({})).await;
    let targets = [
        ("rules/restricted", 9),
        ("rules/gives_up", 8),
        ("rules/traps", 7),
        ("rules/loops", 6),
        ("rules/sleeps", 5),
        ("rules/unknown", 4),
        ("nowhere/vip", 3),
        ("rules/vip", 2),
    ];
    for app in ["shop", "elsewhere"] {
        for (target, weight) in targets {
            let mut handler = answers(target, custom(target), target);
            handler["weight"] = json!(weight);
            inbox.handler(app, handler).await;
        }
        inbox.handler(app, answers("rest", json!({"type": "all"}), "rest")).await;
    }
    assert_eq!(say(&shop, "vip please").await.text().as_deref(), Some("rules/vip"));
    assert_eq!(say(&shop, "please").await.text().as_deref(), Some("rest"));
    assert_eq!(say(&elsewhere, "please").await.text().as_deref(), Some("rules/restricted"), "its app");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_has_the_time_that_is_set_for_its_plugin_or_for_that_in_one_app() {
    let inbox = inbox().await;
    let limit = async |method: Method, path: &str, most: u64| {
        let limits = json!({"limits": {"rule_timeout_ms": most}});
        let (status, set) = inbox.app.api(method, path, Some(limits)).await;
        assert_eq!(status, 200, "{set}");
    };
    for name in ["shop", "blog"] {
        inbox.account(name, EncodingMode::Plain, json!({})).await;
        inbox.handler(name, answers("sleeps", custom("rules/sleeps"), "never")).await;
    }
    // For all it is more than a second.
    limit(Method::PATCH, "/plugins/rules", 400).await;
    limit(Method::PUT, "/apps/shop/plugins/rules", 200).await;
    for (name, most) in [("shop", 200_u64), ("blog", 400)] {
        let message = json!({"message": {"type": "text", "content": "hi", "openid": OPENID}});
        let path = format!("/apps/{name}/handlers/test");
        let (status, trial) = inbox.app.api(Method::POST, &path, Some(message)).await;
        let why = trial["handlers"][0]["why"].as_str().unwrap();
        assert!(status == 200 && why.contains("(plugins.rule_timeout_ms)"), "{name}: {trial}");
        // Rounded down twice.
        assert!((most - 1..=most).contains(&time_it_had(why)), "{name}: {why}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trial_asks_the_plugins_rules_and_leaves_nothing_behind() {
    let inbox = inbox().await.with_guest().await;
    let settings = json!({"log_messages": true, "log_replies": true, "message_observers": ["rules/count"]});
    let shop = inbox.shop(settings).await;
    let grant = json!({"kv": true});
    assert_eq!(inbox.app.api(Method::PUT, "/apps/shop/plugins/rules", Some(grant)).await.0, 200);
    let mut vip = json!({"name": "vip", "weight": 1, "rules": [custom("rules/vip")]});
    vip["replies"] = json!([{"type": "text", "content": "one moment", "weight": 1}, custom("guest")]);
    let vip = inbox.handler("shop", vip).await;
    inbox.handler("shop", answers("fails", custom("rules/gives_up"), "never")).await;
    inbox.handler("shop", answers("raw", custom("rules/raw"), "never")).await;
    let trial = async |text: &str| {
        let message = json!({"message": {"type": "text", "content": text, "openid": "oTrial"}});
        let (status, answer) = inbox.app.api(Method::POST, "/apps/shop/handlers/test", Some(message)).await;
        assert_eq!(status, 200, "{answer}");
        answer
    };
    let matched = trial("vip please").await;
    assert_eq!(matched["matched"]["handler"]["id"], vip["id"], "{matched}");
    let replies = json!([
        {"via": "customer_service", "type": "text", "content": "one moment", "weight": 1},
        {"via": "passive", "type": "custom", "handler": "guest"},
    ]);
    assert_eq!(matched["replies"], replies, "a custom reply is not asked");
    let nothing = trial("please").await;
    assert_eq!(nothing["matched"], Value::Null, "{nothing}");
    assert!(nothing["handlers"][2]["why"].as_str().unwrap().contains("the rule gave up"), "{nothing}");

    let raw = trial("raw please").await;
    assert_eq!(raw["matched"]["handler"]["name"], "raw", "a rule sees the whole message: {raw}");

    let (_, guest) = inbox.app.api(Method::GET, "/plugins/guest", None).await;
    assert_eq!(guest["calls"]["total"], 0, "{guest}");
    assert_eq!(inbox.wechat.calls(), [], "nothing was sent");
    assert!(inbox.log("shop").await.is_empty());
    assert_eq!(inbox.app.api(Method::GET, "/apps/shop/users/oTrial", None).await.0, 404);
    let heard = inbox.app.state.store.plugin_kv().get("shop", "rules", "received").await.unwrap();
    assert!(heard.is_none(), "observers hear of messages only");

    let exchange = say(&shop, "vip please").await;
    assert_eq!(exchange.text().as_deref(), Some("vip please"), "what the guest repeats");
    assert_eq!(inbox.wechat.sent("wxshop").len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_that_answers_keeps_to_who_wrote_and_one_that_fails_is_an_empty_answer() {
    let inbox = Inbox::open().await.with_guest().await;
    for mode in [EncodingMode::Plain, EncodingMode::Compatible, EncodingMode::Safe] {
        let account = inbox.account(&mode.to_string(), mode, json!({})).await;
        let handler = json!({"name": "guest", "rules": [{"type": "all"}], "replies": [custom("guest")]});
        inbox.handler(&mode.to_string(), handler).await;
        let exchange = say(&account, "cdata").await;
        assert_eq!(exchange.text().as_deref(), Some("a ]]> b  c < d"));
        assert_eq!(exchange.element("ToUserName").as_deref(), Some(OPENID));
        for text in ["error", "panic", "huge-reply"] {
            let failed = say(&account, text).await;
            assert_eq!((failed.status, failed.body.as_str()), (200, ""), "{mode} {text}");
        }
    }
}
