//! `/audit-log`, through the real listener.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use weft::simulator::wechat::{Fault, Wechat};
use weft_wechat::api::current_autoreply_info::AutoreplyInfo;

use crate::support::{Inbox, TestApp, until};

const SECRET: &str = "0c79e1fa963cd80cc0be99b20a18faeb";
const SYNC: &str = "/apps/shop/handlers/sync";

/// What changes nothing although its method is none that only reads.
const READS: &[&str] = &["test_handlers", "test_order_webhook"];

/// A server with one app, and the WeChat that it calls.
struct House {
    app: TestApp,
    wechat: Wechat,
}

impl House {
    async fn new() -> Self {
        let Inbox { app, wechat } = Inbox::start().await;
        wechat.add_account("wxshop", SECRET);
        wechat.set_autoreply("wxshop", serde_json::from_value::<AutoreplyInfo>(json!({})).unwrap());
        let house = Self { app, wechat };
        house.call(Method::POST, "/apps", Some(shop())).await;
        house
    }

    /// A call that succeeds.
    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let (status, answer) = self.app.api(method, path, body).await;
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
        answer
    }

    async fn log(&self, query: &str) -> Vec<Value> {
        let (status, page) = self.app.api(Method::GET, &format!("/audit-log?limit=200&{query}"), None).await;
        assert_eq!(status, 200, "{page}");
        page["items"].as_array().unwrap().clone()
    }
}

fn shop() -> Value {
    json!({"name": "shop", "type": "service", "appid": "wxshop", "appsecret": SECRET, "token": "sometoken"})
}

fn actions(entries: &[Value]) -> Vec<&str> {
    entries.iter().map(|entry| entry["action"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_changed_what_is_written_down_without_secrets() {
    let house = House::new().await;
    let new = json!({"title": "新店", "appsecret": "anothersecretanothersecret"});
    house.call(Method::PATCH, "/apps/shop", Some(new)).await;
    let new = json!({"name": "ci", "permissions": ["shop"]});
    let token = house.call(Method::POST, "/tokens", Some(new)).await;
    let text = token["token"].as_str().unwrap();
    let handler = json!({"name": "hi", "rules": [{"type": "all"}], "replies": [{"type": "text", "content": "hello"}]});
    let (status, created) = house.app.api_as(text, Method::POST, "/apps/shop/handlers", Some(handler)).await;
    assert_eq!(status, 201, "{created}");
    let path = format!("/apps/shop/handlers/{}", created["id"].as_str().unwrap());
    let (status, changed) = house.app.api_as(text, Method::PATCH, &path, Some(json!({"weight": 3}))).await;
    assert_eq!(status, 200, "{changed}");
    house.call(Method::DELETE, &path, None).await;
    house.call(Method::DELETE, &format!("/tokens/{}", token["id"].as_str().unwrap()), None).await;

    let log = house.log("").await;
    let expected = [
        "revoke_token",
        "delete_handler",
        "patch_handler",
        "create_handler",
        "create_token",
        "patch_app",
        "create_app",
    ];
    assert_eq!(actions(&log), expected);
    let app = &log[5];
    assert_eq!((&app["actor"]["name"], &app["app"], &app["status"]), (&json!("test"), &json!("shop"), &json!(200)));
    assert_eq!(app["path"], "/api/v1/apps/shop");
    assert_eq!((&app["before"]["title"], &app["after"]["title"]), (&json!("shop"), &json!("新店")));
    assert_eq!(app["after"]["appsecret"], json!({"set": true}));
    assert!(!app["request_id"].as_str().unwrap().is_empty());
    let patched = &log[2];
    assert_eq!((&patched["actor"]["name"], &patched["actor"]["id"]), (&json!("ci"), &token["id"]));
    assert_eq!((&patched["before"], &patched["after"]), (&created, &changed));
    assert_eq!((&log[1]["before"], &log[1]["after"]), (&changed, &Value::Null));
    assert_eq!((&log[4]["app"], &log[4]["after"]["name"]), (&Value::Null, &json!("ci")));
    let all = Value::from(log).to_string();
    for secret in [SECRET, "anothersecret", "sometoken", text] {
        assert!(!all.contains(secret), "{secret}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_of_wechat_that_change_something_are_written_down_whatever_their_method() {
    let house = House::new().await;
    house.wechat.fault("/cgi-bin/menu/delete", Fault::Text(json!({"errcode": 0}).to_string()), 1);
    house.wechat.fault("/cgi-bin/menu/get", Fault::Text(json!({"menu": {}}).to_string()), 1);
    house.wechat.fault("/wxa/anything", Fault::Text(json!({"errcode": 0}).to_string()), 1);
    house.call(Method::GET, "/apps/shop/wechat/cgi-bin/menu/delete", None).await;
    house.call(Method::GET, "/apps/shop/wechat/cgi-bin/menu/get", None).await;
    house.call(Method::POST, "/apps/shop/wechat/wxa/anything", Some(json!({}))).await;
    let log = house.log("app=shop").await;
    assert_eq!(actions(&log)[..2], ["call_wechat_post", "call_wechat_get"], "{log:?}");
    assert_eq!(log.len(), 3);
    let (entry, path) = (&log[1], "/api/v1/apps/shop/wechat/cgi-bin/menu/delete");
    assert_eq!((&entry["path"], &entry["actor"]["name"]), (&json!(path), &json!("test")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_wechat_may_have_done_is_written_down_and_what_it_refused_is_not() {
    let house = House::new().await;
    let send = async || {
        let message = json!({"type": "text", "content": "hi"});
        house.app.api(Method::POST, "/apps/shop/users/oFan/messages", Some(message)).await.0
    };
    let before = house.log("").await;
    house.wechat.fault("/cgi-bin/message/custom/send", Fault::Errcode(45047), 1);
    assert_eq!(send().await, 502);
    assert_eq!(house.log("").await, before);
    house.wechat.fault("/cgi-bin/message/custom/send", Fault::Disconnect, 1);
    assert_eq!(send().await, 502);
    let log = house.log("").await;
    assert_eq!(log.len(), before.len() + 1);
    assert_eq!((&log[0]["action"], &log[0]["status"]), (&json!("send_user_message"), &json!(502)), "{}", log[0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changes_nothing_leaves_nothing() {
    let house = House::new().await;
    let before = house.log("").await;
    let trial = json!({"message": {"type": "text", "content": "hi"}});
    house.call(Method::POST, "/apps/shop/handlers/test", Some(trial)).await;
    house.call(Method::POST, "/apps/shop/handlers/import?dry_run=true", Some(json!({"handlers": []}))).await;
    house.call(Method::GET, "/apps/shop", None).await;
    for (method, path, body) in [
        (Method::POST, "/apps", shop()),
        (Method::PATCH, "/apps/shop", json!({"title": ""})),
        (Method::DELETE, "/apps/nobody", Value::Null),
        (Method::PUT, "/nowhere", Value::Null),
    ] {
        assert!(house.app.api(method, path, Some(body)).await.0 >= 400, "{path}");
    }
    let (status, _) = house.app.api_as("weft_wrong", Method::DELETE, "/apps/shop", None).await;
    assert_eq!(status, 401);
    assert_eq!(house.log("").await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_is_filtered_paged_and_shown_to_those_who_manage() {
    let house = House::new().await;
    let (status, _) = house.app.api(Method::DELETE, "/apps/shop", None).await;
    assert_eq!(status, 204);
    // The times of entries are seconds: this app is another one.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    house.call(Method::POST, "/apps", Some(shop())).await;
    house.app.create_app("blog", json!({"type": "other"})).await;
    assert_eq!(actions(&house.log("app=shop").await), ["create_app", "delete_app", "create_app"]);
    assert_eq!(actions(&house.log("action=delete_app&actor=test").await), ["delete_app"]);
    assert_eq!(house.log("actor=somebody").await, [] as [Value; 0]);
    assert_eq!(house.log("until=2020-01-01T00:00:00Z").await, [] as [Value; 0]);
    assert_eq!(house.log("since=2020-01-01T00:00:00Z").await.len(), 4);
    let (status, problem) = house.app.api(Method::GET, "/audit-log?since=yesterday", None).await;
    assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!("since")));
    let (_, first) = house.app.api(Method::GET, "/audit-log?limit=3", None).await;
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = house.log(&format!("cursor={cursor}")).await;
    assert_eq!(actions(&rest), ["create_app"]);

    let manager = house.app.token_for(&["shop|manage"]).await;
    let get = async |token: &str, path: &str| house.app.api_as(token, Method::GET, path, None).await;
    let (status, page) = get(&manager, "/audit-log?app=shop").await;
    assert_eq!((status, actions(page["items"].as_array().unwrap())), (200, vec!["create_app"]), "only of this shop");
    assert_eq!(get(&manager, "/audit-log").await.0, 403);
    assert_eq!(get(&manager, "/audit-log?app=blog").await.0, 403);
    assert_eq!(get(&house.app.token_for(&["shop|menu"]).await, "/audit-log?app=shop").await.0, 403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_whose_caller_has_gone_is_written_down_too() {
    const INFO: &str = "/cgi-bin/get_current_autoreply_info";
    let house = House::new().await;
    house.wechat.fault(INFO, Fault::Delay(Duration::from_secs(2)), 1);
    tokio::select! {
        answer = house.app.api(Method::POST, SYNC, None) => panic!("{answer:?}"),
        () = until("WeChat is asked", async || (house.wechat.count(INFO) > 0).then_some(())) => {}
    }
    let entry = until("it is written down", async || house.log("action=sync_handlers").await.pop()).await;
    assert_eq!(entry["status"], 200);
}

/// Every call of the document whose method is none that only reads is made: first as it should be, where this test
/// knows how, then with little in it. Whatever succeeds must stand in the log under its name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_that_changes_something_is_forgotten() {
    let house = House::new().await;
    let (_, document) = house.app.api(Method::GET, "/openapi.json", None).await;
    let mut calls = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
            if ["post", "put", "patch", "delete"].contains(&method.as_str()) && !READS.contains(&id.as_str()) {
                let method: Method = method.to_uppercase().parse().unwrap();
                calls.push((id, method, path.strip_prefix("/api/v1").unwrap().to_owned()));
            }
        }
    }
    // The app itself goes last.
    calls.sort_by_key(|(id, ..)| id == "delete_app");
    let body = |id: &str| match id {
        "create_app" => json!({"name": "new", "type": "other", "appid": "wx1"}),
        "create_token" => json!({"name": "new"}),
        "create_handler" => json!({"name": "new", "rules": [{"type": "all"}]}),
        "import_handlers" => json!({"handlers": [{"name": "imported"}]}),
        "put_menus" => json!({"buttons": [{"type": "click", "name": "a", "key": "k"}]}),
        _ => json!({}),
    };
    let mut seen = Vec::new();
    for (id, method, path) in calls {
        let path = path.replace("{app}", "shop").replace("{plugin}", "greeter");
        let path = path.split('/').map(|part| if part.starts_with('{') { "x" } else { part }).collect::<Vec<_>>();
        let before = house.log(&format!("action={id}")).await.len();
        let (status, answer) = house.app.api(method, &path.join("/"), Some(body(&id))).await;
        assert!(status != 401 && status != 403 && status != 500, "{id}: {status} {answer}");
        let written = house.log(&format!("action={id}")).await.len() - before;
        assert_eq!(written, usize::from(status < 300), "{id}: {status} {answer}");
        if status < 300 {
            seen.push(id);
        }
    }
    for id in
        ["create_app", "patch_app", "delete_app", "put_app_plugin", "create_handler", "sync_handlers", "put_menus"]
    {
        assert!(seen.iter().any(|seen| seen == id), "{id} does not succeed: {seen:?}");
    }
}
