//! The admin API, through the real listener.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{AES_KEY, TestApp, guests};

fn shop() -> Value {
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
async fn who_manages_one_app_cannot_have_weft_reach_into_its_own_network() {
    let app = TestApp::start().await;
    let settings = json!({"forward_hosts": ["replies.internal"], "access_token_url": "https://tokens.internal/shop"});
    app.api(Method::POST, "/apps", Some(shop())).await;
    assert_eq!(app.api(Method::PATCH, "/apps/shop", Some(settings.clone())).await.0, 200);
    let new = json!({"name": "of the shop", "permissions": ["shop"]});
    let token = app.api(Method::POST, "/tokens", Some(new)).await.1["token"].as_str().unwrap().to_owned();
    let (_, before) = app.api(Method::GET, "/apps/shop", None).await;
    for change in [
        json!({"forward_hosts": ["169.254.169.254"]}),
        json!({"access_token_url": "http://169.254.169.254/latest/meta-data/"}),
        json!({"title": "x", "forward_hosts": ["replies.internal", "127.0.0.1:5432"]}),
    ] {
        let (status, problem) = app.api_as(&token, Method::PATCH, "/apps/shop", Some(change)).await;
        assert_eq!((status, &problem["type"]), (403, &json!("forbidden")), "{problem}");
    }
    assert_eq!(app.api(Method::GET, "/apps/shop", None).await.1, before, "nothing has changed");
    // What they are already, and fewer, is no further reach.
    assert_eq!(app.api_as(&token, Method::PATCH, "/apps/shop", Some(settings)).await.0, 200);
    let fewer = json!({"title": "Shop", "forward_hosts": [], "access_token_url": null});
    assert_eq!(app.api_as(&token, Method::PATCH, "/apps/shop", Some(fewer)).await.0, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_manages_one_app_cannot_give_it_more_calls_at_once_than_others_have() {
    let app = TestApp::start_with(|config| config.plugins.max_app_concurrency = 20).await;
    app.api(Method::POST, "/apps", Some(shop())).await;
    let new = json!({"name": "of the shop", "permissions": ["shop"]});
    let token = app.api(Method::POST, "/tokens", Some(new)).await.1["token"].as_str().unwrap().to_owned();
    let set = |calls: Value| Some(json!({"max_plugin_concurrency": calls}));
    for (calls, status) in [(json!(21), 403), (json!(20), 200), (json!(1), 200), (Value::Null, 200)] {
        let (answered, answer) = app.api_as(&token, Method::PATCH, "/apps/shop", set(calls)).await;
        assert_eq!(answered, status, "{answer}");
    }
    assert_eq!(app.api(Method::PATCH, "/apps/shop", set(json!(30))).await.0, 200);
    for (calls, status) in [(31, 403), (30, 200), (25, 200), (30, 403)] {
        let (answered, answer) = app.api_as(&token, Method::PATCH, "/apps/shop", set(json!(calls))).await;
        assert_eq!(answered, status, "{calls} {answer}");
    }
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
    let bad = json!({"name": "a b", "type": "service", "appid": "wx1", "token": "x", "encoding_mode": "safe"});
    let (status, problem) = app.api(Method::POST, "/apps", Some(bad)).await;
    assert_eq!(status, 422, "{problem}");
    assert_eq!(problem["type"], "invalid");
    let fields: Vec<_> = problem["errors"].as_array().unwrap().iter().map(|error| error["field"].clone()).collect();
    assert_eq!(fields, ["name", "token", "encoding_aes_key"]);

    let mut unknown = shop();
    unknown["tokenn"] = json!("x");
    let (status, problem) = app.api(Method::POST, "/apps", Some(unknown)).await;
    assert_eq!(status, 422);
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.starts_with("tokenn: unknown field `tokenn`"), "{problem}");
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
async fn problems_have_their_content_type_and_unknown_paths_are_problems() {
    let app = TestApp::start().await;
    for (path, status) in [("/api/v1/apps/nobody", 401), ("/api/v1/nothing", 404), ("/nothing", 404)] {
        let response = app.get(path).await;
        assert_eq!(response.status(), status, "{path}");
        assert_eq!(response.headers()["content-type"], "application/problem+json", "{path}");
        assert!(response.headers().contains_key("x-request-id"), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_needs_a_token() {
    let app = TestApp::start().await;
    let document = openapi(&app).await;
    let mut calls = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        let Some(path) = path.strip_prefix("/api/v1") else { continue };
        let path = path
            .replace("{app}", "shop")
            .replace("{plugin}", "greeter")
            .replace("{id}", "x")
            .replace("{openid}", "oUser");
        for method in methods.as_object().unwrap().keys() {
            let method: Method = method.to_uppercase().parse().unwrap();
            for token in ["", "weft_wrong"] {
                let (status, problem) = app.api_as(token, method.clone(), &path, Some(json!({}))).await;
                assert_eq!((status, &problem["type"]), (401, &json!("unauthorized")), "{method} {path}");
            }
            calls += 1;
        }
    }
    assert!(calls >= 15, "{calls}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_for_one_app_reaches_no_other_and_nothing_shared() {
    let app = TestApp::start().await;
    for name in ["mine", "theirs"] {
        let new = json!({"name": name, "type": "service", "appid": "wx1"});
        assert_eq!(app.api(Method::POST, "/apps", Some(new)).await.0, 201);
    }
    let new = json!({"name": "tenant", "permissions": ["mine"]});
    let (status, created) = app.api(Method::POST, "/tokens", Some(new)).await;
    assert_eq!(status, 201, "{created}");
    let token = created["token"].as_str().unwrap();
    let as_tenant = |method, path, body| app.api_as(token, method, path, body);

    assert_eq!(as_tenant(Method::GET, "/apps/mine", None).await.0, 200);
    assert_eq!(as_tenant(Method::PATCH, "/apps/mine", Some(json!({"title": "m"}))).await.0, 200);
    assert_eq!(as_tenant(Method::PUT, "/apps/mine/plugins/greeter", Some(json!({"kv": true}))).await.0, 200);
    assert_eq!(as_tenant(Method::PATCH, "/apps/mine/plugins/greeter", Some(json!({"kv": false}))).await.0, 200);
    // What only the operator gives stays where it is, and is not given.
    let given = json!({"limits": {"cpu_ms": 2000}, "http_hosts": ["http://10.0.0.7:8080"]});
    assert_eq!(as_tenant(Method::PATCH, "/apps/mine/plugins/greeter", Some(given.clone())).await.0, 403);
    assert_eq!(app.api(Method::PATCH, "/apps/mine/plugins/greeter", Some(given)).await.0, 200);
    let (status, set) = as_tenant(Method::PATCH, "/apps/mine/plugins/greeter", Some(json!({"kv": true}))).await;
    assert_eq!((status, &set["limits"]["cpu_ms"]), (200, &json!(2000)), "{set}");
    assert_eq!(as_tenant(Method::GET, "/apps", None).await.1["items"].as_array().unwrap().len(), 1);
    for (method, path) in [
        (Method::GET, "/apps/theirs"),
        (Method::PATCH, "/apps/theirs"),
        (Method::DELETE, "/apps/mine"),
        (Method::POST, "/apps"),
        (Method::PUT, "/apps/theirs/plugins/greeter"),
        (Method::PATCH, "/apps/theirs/plugins/greeter"),
        (Method::GET, "/plugins"),
        (Method::PUT, "/plugins/greeter"),
        (Method::GET, "/tokens"),
        (Method::POST, "/tokens"),
    ] {
        let body = if path == "/apps" {
            json!({"name": "new", "type": "service", "appid": "wx1"})
        } else if path == "/tokens" {
            json!({"name": "more"})
        } else {
            json!({})
        };
        let (status, problem) = as_tenant(method.clone(), path, Some(body)).await;
        assert_eq!(status, 403, "{method} {path}: {problem}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_token_is_out_at_once() {
    let app = TestApp::start().await;
    let (_, created) = app.api(Method::POST, "/tokens", Some(json!({"name": "ci"}))).await;
    let (token, id) = (created["token"].as_str().unwrap(), created["id"].as_str().unwrap());
    assert_eq!(app.api_as(token, Method::GET, "/apps", None).await.0, 200);
    let (_, list) = app.api(Method::GET, "/tokens", None).await;
    assert!(!list.to_string().contains(token), "a token is shown once");
    assert_eq!(app.api(Method::DELETE, &format!("/tokens/{id}"), None).await.0, 204);
    assert_eq!(app.api_as(token, Method::GET, "/apps", None).await.0, 401);
    let past = json!({"name": "late", "expires_at": "2001-01-01T00:00:00Z"});
    assert_eq!(app.api(Method::POST, "/tokens", Some(past)).await.0, 422);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_are_read_page_by_page() {
    let app = TestApp::start().await;
    for n in 0..5 {
        let new = json!({"name": format!("app{n}"), "type": "other", "appid": "wx1"});
        assert_eq!(app.api(Method::POST, "/apps", Some(new)).await.0, 201);
    }
    let (mut names, mut cursor) = (Vec::new(), String::new());
    loop {
        let (_, page) = app.api(Method::GET, &format!("/apps?limit=2{cursor}"), None).await;
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        names.extend(items.iter().map(|item| item["name"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(names, ["app0", "app1", "app2", "app3", "app4"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_is_described_and_its_settings_are_kept() {
    let app = TestApp::start().await;
    app.drop_plugin("greeter", guests::greeter().await).await;
    let (status, plugin) = app.api(Method::GET, "/plugins/greeter", None).await;
    assert_eq!(status, 200);
    assert_eq!(plugin["state"], "ready");
    assert_eq!(plugin["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(plugin["digest"], weft::plugins::digest(guests::greeter().await));
    let handlers: Vec<_> =
        plugin["exports"]["handlers"].as_array().unwrap().iter().map(|h| h["name"].clone()).collect();
    assert!(handlers.contains(&json!("greet")) && handlers.contains(&json!("vip")), "{handlers:?}");

    app.api(Method::POST, "/apps", Some(shop())).await;
    let settings = json!({"config": {"greeting": "嗨"}, "kv": true, "http_hosts": ["https://a.example"]});
    let (status, set) = app.api(Method::PUT, "/apps/shop/plugins/greeter", Some(settings)).await;
    assert_eq!(status, 200, "{set}");
    let (_, read) = app.api(Method::GET, "/apps/shop/plugins/greeter", None).await;
    assert_eq!(read, set);
    assert_eq!((&read["config"]["greeting"], &read["kv"], &read["users"]), (&json!("嗨"), &json!(true), &json!(false)));
    let (_, list) = app.api(Method::GET, "/apps/shop/plugins", None).await;
    assert_eq!(list["items"], json!([&read]));
    let wrong = json!({"http_hosts": ["https://a.example/path"], "wechat_apis": ["/../x"], "orders": ["own"]});
    let (status, problem) = app.api(Method::PUT, "/apps/shop/plugins/greeter", Some(wrong)).await;
    let errors: Vec<_> = problem["errors"].as_array().unwrap().iter().map(|error| error["field"].clone()).collect();
    assert_eq!((status, errors), (422, vec![json!("http_hosts"), json!("wechat_apis"), json!("orders")]));
    assert_eq!(app.api(Method::GET, "/apps/shop/plugins/greeter", None).await, (200, read));
    for status in [204, 404] {
        assert_eq!(app.api(Method::DELETE, "/apps/shop/plugins/greeter", None).await.0, status);
    }
    let (status, nothing) = app.api(Method::GET, "/apps/shop/plugins/greeter", None).await;
    assert_eq!((status, &nothing["config"], &nothing["kv"]), (200, &json!({}), &json!(false)), "{nothing}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_set_for_a_plugin_is_merged_with_a_patch() {
    let app = TestApp::start().await;
    app.api(Method::POST, "/apps", Some(shop())).await;
    let path = "/apps/shop/plugins/keyword_menu";
    let patch = async |body: Value| app.api(Method::PATCH, path, Some(body)).await;
    let (status, set) = patch(json!({"config": {"keyword": "菜单", "menu": {"a": 1, "b": 2}}})).await;
    assert_eq!((status, &set["kv"]), (200, &json!(false)), "nothing was set before: {set}");
    let more = json!({"kv": true, "http_hosts": ["https://a.example"], "limits": {"cpu_ms": 50, "log_lines": 3}});
    let (_, set) = patch(more).await;
    assert_eq!(set["config"], json!({"keyword": "菜单", "menu": {"a": 1, "b": 2}}));
    let other = json!({
        "config": {"menu": {"a": null, "c": 3}}, "http_hosts": ["https://b.example"], "limits": {"cpu_ms": null},
    });
    let (_, set) = patch(other).await;
    assert_eq!(set["config"], json!({"keyword": "菜单", "menu": {"b": 2, "c": 3}}));
    assert_eq!(
        (&set["kv"], &set["http_hosts"], &set["limits"]),
        (&json!(true), &json!(["https://b.example"]), &json!({"log_lines": 3}))
    );
    let (_, set) = patch(json!({"kv": null, "config": null})).await;
    assert_eq!((&set["kv"], &set["config"]), (&json!(false), &json!({})));

    for (wrong, field) in [
        (json!({"kvv": true}), "kvv"),
        (json!({"kv": "yes"}), "kv"),
        (json!({"orders": ["own"]}), "orders"),
        (json!({"limits": {"cpu_ms": 0}}), "limits.cpu_ms"),
    ] {
        let (status, problem) = patch(wrong).await;
        assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!(field)), "{problem}");
    }
    assert_eq!(app.api(Method::GET, path, None).await.1, set, "nothing has changed");
    let (status, _) = app.api(Method::PATCH, "/apps/nobody/plugins/greeter", Some(json!({}))).await;
    assert_eq!(status, 404);

    let at_once = (0..20).map(|number| patch(json!({"config": {number.to_string(): number}})));
    futures::future::join_all(at_once).await;
    let (_, read) = app.api(Method::GET, path, None).await;
    assert_eq!(read["config"].as_object().unwrap().len(), 20, "none is lost: {read}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_and_readiness_need_no_token() {
    let app = TestApp::start().await;
    assert_eq!(app.request(Method::GET, "/healthz", None).await, (200, "ok".to_owned()));
    let (status, body) = app.request(Method::GET, "/readyz", None).await;
    assert_eq!(status, 200);
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), json!({"database": true, "plugins": true}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_openapi_document_is_3_1_and_names_every_call() {
    let app = TestApp::start().await;
    let document = openapi(&app).await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    for path in [
        "/api/v1/apps",
        "/api/v1/apps/{app}",
        "/api/v1/apps/{app}/plugins/{plugin}",
        "/api/v1/apps/{app}/handlers/{id}",
        "/api/v1/apps/{app}/handlers/test",
        "/api/v1/plugins/{plugin}",
        "/api/v1/tokens/{id}",
        "/healthz",
    ] {
        assert!(document["paths"].get(path).is_some(), "{path}");
    }
    let operations =
        document["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap().values());
    let ids: Vec<_> = operations.map(|operation| operation["operationId"].as_str().unwrap()).collect();
    let distinct: std::collections::HashSet<_> = ids.iter().collect();
    assert_eq!(distinct.len(), ids.len(), "{ids:?}");
    let text = document.to_string();
    for reference in text.split("\"#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(document["components"]["schemas"].get(reference).is_some(), "{reference} is not defined");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operators_listener_of_its_own_leaves_nothing_of_the_api_on_the_public_one() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let app = TestApp::start_with(|config| config.admin_listen = Some(port)).await;
    assert_eq!(app.request(Method::GET, "/api/v1/openapi.json", None).await.0, 404);
    assert_eq!(app.request(Method::GET, "/healthz", None).await.0, 200);
    let client = weft::simulator::http_client().unwrap();
    for (path, status) in [("/api/v1/openapi.json", 200), ("/readyz", 200), ("/wechat/shop/", 404)] {
        let response = client.get(format!("http://{port}{path}")).send().await.unwrap();
        assert_eq!(response.status(), status, "{path}");
    }
}

async fn openapi(app: &TestApp) -> Value {
    let (status, body) = app.request(Method::GET, "/api/v1/openapi.json", None).await;
    assert_eq!(status, 200);
    serde_json::from_str(&body).unwrap()
}
