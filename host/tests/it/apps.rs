//! Apps, through the admin API.

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};

use crate::{
    bilingual::is_bilingual,
    support::{AES_KEY, TestApp, until},
};

/// One with everything that an app may have.
pub(crate) fn shop() -> Value {
    json!({
        "name": "shop", "title": "商店", "type": "service", "appid": "wx0123456789abcdef",
        "appsecret": "0c79e1fa963cd80cc0be99b20a18faeb", "token": "sometoken",
        "encoding_mode": "safe", "encoding_aes_key": AES_KEY, "message_handler": "greeter/vip",
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_is_created_read_changed_listed_and_deleted() {
    let app = TestApp::start().await;
    let (status, created) = app.api(Method::POST, "/apps", Some(shop())).await;
    assert_eq!(status, 201, "{created}");
    assert_eq!(created["type"], "service");
    assert_eq!(created["message_handler"], "greeter/vip");
    assert!(created["webhook_url"].as_str().unwrap().ends_with("/wechat/shop/"));
    assert!(created["created_at"].as_str().unwrap().ends_with('Z'));

    let patch = json!({"title": "新店", "message_handler": null, "appsecret": null});
    let (status, changed) = app.api(Method::PATCH, "/apps/shop", Some(patch)).await;
    assert_eq!(status, 200, "{changed}");
    assert_eq!((&changed["title"], &changed["message_handler"]), (&json!("新店"), &Value::Null));
    assert_eq!(changed["appsecret"], json!({"set": false}));
    assert_eq!(changed["token"], json!({"set": true}), "what a patch leaves out stays");
    assert_eq!(app.api(Method::GET, "/apps/shop", None).await, (200, changed));

    assert_eq!(app.api(Method::DELETE, "/apps/shop", None).await.0, 204);
    assert_eq!(app.api(Method::GET, "/apps/shop", None).await.0, 404);
    assert_eq!(app.api(Method::DELETE, "/apps/shop", None).await.0, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_is_stored_is_answered_and_recorded_although_it_cannot_be_read_back() {
    let app = TestApp::start().await;
    assert_eq!(app.api(Method::POST, "/apps", Some(shop())).await.0, 201);
    let url = app.state.config.database().to_string();
    let mut database = SqliteConnection::connect(&url).await.unwrap();
    sqlx::query("ALTER TABLE app_plugins RENAME TO gone").execute(&mut database).await.unwrap();
    let (status, changed) = app.api(Method::PATCH, "/apps/shop", Some(json!({"title": "新店"}))).await;
    assert_eq!((status, &changed["title"]), (200, &json!("新店")), "{changed}");
    let (_, log) = app.api(Method::GET, "/audit-log?action=patch_app", None).await;
    assert_eq!(log["items"][0]["after"]["title"], "新店", "{log}");
    sqlx::query("ALTER TABLE gone RENAME TO app_plugins").execute(&mut database).await.unwrap();
    until("it counts", async || (app.state.accounts.find("shop")?.app.title == "新店").then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn patches_of_different_fields_at_once_lose_nothing_of_each_other() {
    let app = TestApp::start().await;
    assert_eq!(app.api(Method::POST, "/apps", Some(shop())).await.0, 201);
    for round in 0..5 {
        let text = format!("round {round}");
        let patches = [
            json!({"title": text}),
            json!({"description": text}),
            json!({"verified": round % 2 == 1}),
            json!({"type": if round % 2 == 0 { "subscription" } else { "service" }}),
            json!({"encoding_mode": if round % 2 == 0 { "plain" } else { "compatible" }}),
            json!({"message_handler": format!("greeter/r{round}")}),
            json!({"order_hook": format!("shop/r{round}")}),
            json!({"appsecret": (round % 2 == 1).then_some("0c79e1fa963cd80cc0be99b20a18faeb")}),
        ];
        let answers = patches.iter().map(|patch| app.api(Method::PATCH, "/apps/shop", Some(patch.clone())));
        for (status, answer) in futures::future::join_all(answers).await {
            assert_eq!(status, 200, "{answer}");
        }
        let (_, read) = app.api(Method::GET, "/apps/shop", None).await;
        for patch in &patches[..7] {
            for (field, value) in patch.as_object().unwrap() {
                assert_eq!(&read[field], value, "{round}");
            }
        }
        assert_eq!(read["appsecret"]["set"], round % 2 == 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_an_app_answers_and_logs_is_set_and_has_defaults() {
    let app = TestApp::start().await;
    let defaults = json!({
        "late_reply": "join", "log_messages": false, "log_replies": false, "log_raw": false, "message_observers": [],
        "forward_hosts": [], "access_token_source": "stable", "access_token_url": null, "max_plugin_concurrency": null,
    });
    let (_, created) = app.api(Method::POST, "/apps", Some(shop())).await;
    for (field, value) in defaults.as_object().unwrap() {
        assert_eq!(&created[field], value, "{field}");
    }
    let patch = json!({
        "late_reply": "customer_service", "log_messages": true, "log_replies": true, "log_raw": true,
        "message_observers": ["counter", "audit/all"], "forward_hosts": ["replies.internal:8080"],
        "access_token_source": "url", "access_token_url": "https://tokens.example.com/shop", "max_plugin_concurrency": 9,
    });
    assert_eq!(app.api(Method::PATCH, "/apps/shop", Some(patch.clone())).await.0, 200);
    let (_, read) = app.api(Method::GET, "/apps/shop", None).await;
    for (field, value) in patch.as_object().unwrap() {
        assert_eq!(&read[field], value, "{field}");
    }
    for (field, value) in [
        ("forward_hosts", json!(["http://replies.internal/"])),
        ("access_token_url", json!("ftp://tokens.example.com")),
        ("access_token_url", Value::Null),
        ("message_observers", json!(vec!["counter"; 17])),
        ("max_plugin_concurrency", json!(0)),
        ("max_plugin_concurrency", json!(433)),
    ] {
        let (status, problem) = app.api(Method::PATCH, "/apps/shop", Some(json!({field: value}))).await;
        assert_eq!(status, 422, "{problem}");
        assert_eq!(problem["errors"][0]["field"], field);
    }
    assert_eq!(app.api(Method::GET, "/apps/shop", None).await.1, read, "nothing has changed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_that_waits_for_its_token_says_so() {
    let app = TestApp::start().await;
    for kind in ["service", "subscription", "miniprogram", "pay_partner", "other"] {
        let new = json!({"name": kind, "type": kind, "appid": "wx0123456789abcdef"});
        let (status, created) = app.api(Method::POST, "/apps", Some(new)).await;
        assert_eq!(status, 201, "{created}");
        if ["pay_partner", "other"].contains(&kind) {
            assert!(created.get("warnings").is_none(), "{created}");
            continue;
        }
        assert!(created["warnings"][0].as_str().unwrap().starts_with("token: "), "{created}");
        assert_eq!(app.request(Method::GET, &format!("/wechat/{kind}/"), None).await.0, 404);
        let (_, changed) = app.api(Method::PATCH, &format!("/apps/{kind}"), Some(json!({"token": "sometoken"}))).await;
        assert!(changed.get("warnings").is_none(), "{changed}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_appid_that_is_none_of_wechats_is_warned_of() {
    let app = TestApp::start().await;
    let mut new = shop();
    (new["appid"], new["message_handler"]) = (json!("foo"), Value::Null);
    let (status, created) = app.api(Method::POST, "/apps", Some(new)).await;
    assert_eq!(status, 201, "{created}");
    assert!(created["warnings"][0].as_str().unwrap().starts_with("appid: WeChat's are wx and 16 of"), "{created}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_are_written_and_never_read() {
    let app = TestApp::start().await;
    let (_, created) = app.api(Method::POST, "/apps", Some(shop())).await;
    for field in ["appsecret", "token", "encoding_aes_key"] {
        assert_eq!(created[field], json!({"set": true}));
    }
    let (_, read) = app.api(Method::GET, "/apps/shop", None).await;
    let (_, list) = app.api(Method::GET, "/apps", None).await;
    for text in [created.to_string(), read.to_string(), list.to_string()] {
        assert!(!text.contains("0c79e1fa") && !text.contains("sometoken") && !text.contains(AES_KEY));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_named_field_by_field_and_changes_nothing() {
    let app = TestApp::start().await;
    let bilingual = |text: &Value| is_bilingual(text.as_str().unwrap());
    let bad = json!({"name": "a b", "type": "service", "appid": "wx1", "token": "x", "encoding_mode": "safe"});
    let (status, problem) = app.api(Method::POST, "/apps", Some(bad)).await;
    assert_eq!(status, 422, "{problem}");
    assert_eq!(problem["type"], "invalid");
    assert_eq!(problem["title"], "Something in the request is not right · 请求的内容有误");
    assert!(problem["errors"].as_array().unwrap().iter().all(|error| bilingual(&error["detail"])), "{problem}");
    let fields: Vec<_> = problem["errors"].as_array().unwrap().iter().map(|error| error["field"].clone()).collect();
    assert_eq!(fields, ["name", "token", "encoding_aes_key"]);
    let (english, chinese) = problem["detail"].as_str().unwrap().split_once(" · ").unwrap();
    let named = |text: &str, colon: &str| {
        fields.iter().all(|field| text.contains(&format!("{}{colon}", field.as_str().unwrap())))
    };
    assert!(
        named(english, ": ") && named(chinese, "：") && !chinese.contains(" · "),
        "each language is whole: {problem}"
    );

    let mut unknown = shop();
    unknown["tokenn"] = json!("x");
    let (status, problem) = app.api(Method::POST, "/apps", Some(unknown)).await;
    assert_eq!(status, 422);
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.starts_with("tokenn: unknown field `tokenn`") && detail.contains("没有字段 `tokenn`"), "{problem}");
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let broken = client.post(format!("{}/api/v1/apps", app.base)).bearer_auth(&app.token);
    let broken = broken.header("content-type", "application/json").body("{\"name\": }").send().await.unwrap();
    assert_eq!(broken.status(), 400);
    let problem: Value = broken.json().await.unwrap();
    assert!(problem["detail"].as_str().unwrap().starts_with("the body is not JSON: "), "{problem}");
    assert_eq!(app.api(Method::GET, "/apps", None).await.1["items"], json!([]));

    app.api(Method::POST, "/apps", Some(shop())).await;
    let (status, problem) = app.api(Method::POST, "/apps", Some(shop())).await;
    assert_eq!((status, &problem["type"]), (409, &json!("conflict")));
    assert!(bilingual(&problem["title"]) && bilingual(&problem["detail"]), "{problem}");
    for (field, other) in [("appid", "wx2"), ("name", "store")] {
        let (status, problem) = app.api(Method::PATCH, "/apps/shop", Some(json!({field: other}))).await;
        assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!(field)), "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains("cannot be changed after creation"), "{problem}");
    }
    let same = json!({"name": "shop", "appid": "wx0123456789abcdef", "title": "新店"});
    assert_eq!(app.api(Method::PATCH, "/apps/shop", Some(same)).await.1["title"], "新店");
    assert_eq!(app.api(Method::PATCH, "/apps/nobody", Some(json!({}))).await.0, 404);
    let (status, problem) = app.api(Method::GET, "/apps?limit=x", None).await;
    assert_eq!(status, 400);
    assert!(problem["detail"].as_str().unwrap().starts_with("the query cannot be read: limit: "), "{problem}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_is_told_in_both_languages_whatever_it_is_about() {
    let app = TestApp::start().await;
    assert_eq!(app.api(Method::POST, "/apps", Some(shop())).await.0, 201);
    let unfit = json!({"name": "", "rules": [{"type": "regex", "pattern": "("}]});
    let incomplete = json!({"name": "a", "rules": [{"type": "equal"}], "replies": [{"type": "image", "content": "a"}]});
    for (method, path, body) in [
        (Method::GET, "/apps/nobody", None),
        (Method::GET, "/apps/shop/handlers?cursor=x", None),
        (Method::POST, "/apps/shop/handlers", Some(unfit)),
        (Method::POST, "/apps/shop/handlers", Some(incomplete)),
        (Method::POST, "/apps/shop/handlers", Some(json!({"name": 1}))),
        (Method::GET, "/jobs/x", None),
        (Method::GET, "/apps/shop/message-logs?since=yesterday", None),
        (Method::PUT, "/apps/shop/menus", Some(json!({"buttons": [{"name": "a"}]}))),
        (Method::POST, "/apps/shop/menus/publish", None),
        (Method::POST, "/apps/shop/merchants", Some(json!({"mch_id": "x"}))),
        (Method::PUT, "/apps/shop/plugins/greeter", Some(json!({"http_hosts": ["nowhere"]}))),
        (Method::GET, "/apps/shop/wechat/cgi-bin/token", None),
        (Method::POST, "/plugins/greeter/canary", Some(json!({"percent": 101, "openids": [""]}))),
        (Method::POST, "/tokens", None),
    ] {
        let (status, problem) = app.api(method, path, body).await;
        let is_told = problem["detail"].as_str().is_some_and(is_bilingual);
        assert!((400..500).contains(&status) && is_told, "{path}: {problem}");
    }
}
