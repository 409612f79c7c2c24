//! What a plugin asks for, beside what it is granted.

use reqwest::Method;
use serde_json::{Value, json};
use weft_wechat::account::EncodingMode;

use super::Asking;
use crate::{
    bilingual::is_bilingual,
    support::{Folders, guests, until},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_asked_and_not_granted_is_shown() {
    let asking = Asking::start().await;
    let asked = json!({
        "kv": true, "http_hosts": ["https://*.example.com"], "wechat_apis": ["/cgi-bin/message/"], "users": true,
        "orders": [], "pay_apis": ["/v3/profitsharing/"], "pages": false,
    });
    let (_, plugin) = asking.inbox.app.api(Method::GET, "/plugins/asker", None).await;
    assert_eq!(plugin["asks"], asked);

    let nothing = asking.grant(json!({})).await;
    assert_eq!((&nothing["asked"], &nothing["missing"]), (&asked, &asked));
    let some = asking.grant(json!({
        "kv": true, "http_hosts": ["https://*.com"], "wechat_apis": ["/cgi-bin/message/custom/send"],
    }));
    let missing = json!({"kv": false, "http_hosts": [], "wechat_apis": ["/cgi-bin/message/"], "users": true, "orders": [],
            "pay_apis": ["/v3/profitsharing/"], "pages": false});
    assert_eq!(some.await["missing"], missing);
    asking.grant(asked.clone()).await;
    let (_, all) = asking.inbox.app.api(Method::GET, "/apps/shop/plugins/asker", None).await;
    let missing = json!({
        "kv": false, "http_hosts": [], "wechat_apis": [], "users": false, "orders": [], "pay_apis": [],
        "pages": false,
    });
    assert_eq!((&all["missing"], &all["http_hosts"]), (&missing, &asked["http_hosts"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_that_is_named_shows_what_it_lacks_before_anything_is_set() {
    let asking = Asking::start().await;
    let app = &asking.inbox.app;
    let (_, plugin) = app.api(Method::GET, "/plugins/asker", None).await;
    let (status, named) = app.api(Method::GET, "/apps/shop/plugins/asker", None).await;
    assert_eq!((status, &named["missing"], &named["updated_at"]), (200, &plugin["asks"], &Value::Null), "{named}");
    assert_eq!((&named["config"], &named["kv"]), (&json!({}), &json!(false)));
    let (_, list) = app.api(Method::GET, "/apps/shop/plugins", None).await;
    assert_eq!(list["items"], json!([named]));

    asking.inbox.account("blog", json!({})).await;
    let listed = async || {
        let (_, list) = app.api(Method::GET, "/apps/blog/plugins", None).await;
        let items = list["items"].as_array().unwrap().iter();
        items.map(|item| item["plugin"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(listed().await, [""; 0]);
    for (path, status) in [("blog/plugins/asker", 200), ("blog/plugins/nobody", 404), ("none/plugins/asker", 404)] {
        assert_eq!(app.api(Method::GET, &format!("/apps/{path}"), None).await.0, status, "{path}");
    }
    let handler = json!({
        "name": "asks", "rules": [{"type": "custom", "handler": "nobody/vip"}],
        "replies": [{"type": "custom", "handler": "asker"}],
    });
    let (status, handler) = app.api(Method::POST, "/apps/blog/handlers", Some(handler)).await;
    assert_eq!(status, 201, "{handler}");
    assert_eq!(listed().await, ["asker", "nobody"]);
    let (status, nobody) = app.api(Method::GET, "/apps/blog/plugins/nobody", None).await;
    assert_eq!(status, 200, "{nobody}");
    assert!(nobody["warnings"][0].as_str().unwrap().contains("nobody.wasm"), "{nobody}");

    let path = format!("/apps/blog/handlers/{}", handler["id"].as_str().unwrap());
    assert_eq!(app.api(Method::PATCH, &path, Some(json!({"enabled": false}))).await.0, 200);
    assert_eq!(listed().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_uploads_a_version_sees_which_apps_have_not_granted_what_it_asks_for() {
    let asking = Asking::start().await;
    let app = &asking.inbox.app;
    for (name, fields) in [("blog", json!({})), ("full", json!({"message_handler": "asker"})), ("other", json!({}))] {
        asking.inbox.account(name, fields).await;
    }
    let (_, plugin) = app.api(Method::GET, "/plugins/asker", None).await;
    asking.grant_to("blog", json!({"kv": true})).await;
    asking.grant_to("full", plugin["asks"].clone()).await;
    let all = [
        "kv",
        "users",
        "http_hosts https://*.example.com",
        "wechat_apis /cgi-bin/message/",
        "pay_apis /v3/profitsharing/",
    ];
    let missing = json!({"blog": &all[1..], "shop": all});

    // A custom section makes it another file.
    let other = [guests::asker().await, &[0, 4, 3, b'n', b'e', b'w']].concat();
    let (status, uploaded) = app.upload("asker", other).await;
    assert_eq!((status, &uploaded["missing"]), (200, &missing), "{uploaded}");
    let (status, canary) = app.upload("asker?canary=5", guests::asker().await.to_vec()).await;
    assert_eq!((status, &canary["canary"]["missing"]), (200, &missing), "{canary}");
    asking.grant_to("blog", plugin["asks"].clone()).await;
    let (_, read) = app.api(Method::GET, "/plugins/asker", None).await;
    assert_eq!(read["missing"], json!({"shop": all}));
    let (_, list) = app.api(Method::GET, "/plugins", None).await;
    assert_eq!(list["items"][0]["missing"], read["missing"], "{list}");

    let token = app.token_for(&["shop"]).await;
    let (status, problem) = app.api_as(&token, Method::GET, "/plugins/asker", None).await;
    assert!(status == 403 && !problem.to_string().contains("blog"), "who manages one app hears of no other: {problem}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_tells_which_apps_have_not_granted_what_a_version_asks_for() {
    let folders = Folders::new();
    let app = folders.server().await;
    app.drop_plugin("asker", guests::asker().await).await;
    let (_, plugin) = app.api(Method::GET, "/plugins/asker", None).await;
    let step = plugin["admission"]["steps"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&step["name"], &step["outcome"]), (&json!("grants"), &json!("passed")));
    assert!(step["detail"].as_str().unwrap().starts_with("asks for kv, users, "), "{step}");
    for name in ["shop", "blog", "full"] {
        app.account(name, EncodingMode::Plain, "asker").await;
    }
    for (name, set) in [("shop", json!({"kv": true})), ("full", plugin["asks"].clone())] {
        let path = format!("/apps/{name}/plugins/asker");
        let (status, set) = app.api(Method::PUT, &path, Some(set)).await;
        assert_eq!(status, 200, "{set}");
    }
    app.stop().await;

    let process = folders.process(&[]);
    let told = ["have not granted", "plugin=\"asker\""];
    let line = until("the log tells", async || process.lines_with(&told).pop()).await;
    assert!(line.contains("blog (kv, users, ") && line.contains("shop (users, "), "{line}");
    assert!(!line.contains("full"), "{line}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_manages_one_app_opens_no_way_into_this_network() {
    let asking = Asking::start().await;
    let app = &asking.inbox.app;
    let token = app.token_for(&["shop"]).await;
    let put = async |hosts: &[&str]| {
        let set = json!({"http_hosts": hosts});
        app.api_as(&token, Method::PUT, "/apps/shop/plugins/asker", Some(set)).await
    };
    let (status, _) = put(&["https://api.example.com", "https://1.1.1.1"]).await;
    assert_eq!(status, 200, "what is on the internet is for the app to say");
    for inside in ["http://127.0.0.1:8000", "http://192.168.1.1", "http://[::1]:8000", "https://10.0.0.7:8443"] {
        let (status, problem) = put(&["https://api.example.com", inside]).await;
        assert_eq!((status, &problem["type"]), (403, &json!("forbidden")), "{inside}: {problem}");
    }
    let (_, set) = app.api(Method::GET, "/apps/shop/plugins/asker", None).await;
    assert_eq!(set["http_hosts"], json!(["https://api.example.com", "https://1.1.1.1"]), "nothing has changed");

    asking.grant(json!({"http_hosts": ["http://127.0.0.1:8000"]})).await;
    let (status, set) = put(&["http://127.0.0.1:8000", "https://api.example.com"]).await;
    assert_eq!(status, 200, "what is granted already may stay: {set}");
    assert_eq!(put(&["http://127.0.0.1:8001"]).await.0, 403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn addresses_where_clouds_keep_secrets_are_granted_by_nobody() {
    let asking = Asking::start().await;
    let app = &asking.inbox.app;
    let own = app.token_for(&["shop"]).await;
    for address in [
        "169.254.169.254",
        "169.254.0.1:8080",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "100.100.100.200",
        "168.63.129.16",
        "[::ffff:a9fe:a9fe]",
        "[::ffff:6464:64c8]:8080",
    ] {
        let set = json!({"http_hosts": ["https://api.example.com", format!("http://{address}")]});
        for (token, method) in [(&app.token, Method::PUT), (&app.token, Method::PATCH), (&own, Method::PUT)] {
            let (status, problem) = app.api_as(token, method, "/apps/shop/plugins/asker", Some(set.clone())).await;
            let error = &problem["errors"][0];
            assert_eq!((status, &error["field"]), (422, &json!("http_hosts")), "{address}: {problem}");
            let reason = error["detail"].as_str().unwrap();
            assert!(reason.starts_with("entry 2: not a link-local") && is_bilingual(reason), "{reason}");
        }
    }
    asking.grant(json!({"http_hosts": ["http://168.63.129.17", "http://[fd00:ec2::255]", "http://10.0.0.7"]})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_sets_something_for_so_many_plugins_and_no_more() {
    let asking = Asking::start().await;
    let put = async |plugin: &str| {
        let path = format!("/apps/shop/plugins/{plugin}");
        asking.inbox.app.api(Method::PUT, &path, Some(json!({"config": {"a": 1}}))).await
    };
    for number in 0..200 {
        assert_eq!(put(&format!("plugin-{number}")).await.0, 200, "{number}");
    }
    let (status, problem) = put("one-more").await;
    assert_eq!((status, &problem["type"]), (422, &json!("limit-reached")), "{problem}");
    assert_eq!(put("plugin-7").await.0, 200, "what is there can be changed");
}
