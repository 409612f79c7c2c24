//! Tokens of the admin API, and what they are good for.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{admin::openapi, apps::shop, bilingual::is_bilingual, support::TestApp};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_manages_one_app_cannot_have_weft_reach_into_its_own_network() {
    let app = TestApp::start().await;
    let settings = json!({"forward_hosts": ["replies.internal"], "access_token_url": "https://tokens.internal/shop"});
    app.api(Method::POST, "/apps", Some(shop())).await;
    assert_eq!(app.api(Method::PATCH, "/apps/shop", Some(settings.clone())).await.0, 200);
    let token = app.token_for(&["shop"]).await;
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
    let token = app.token_for(&["shop"]).await;
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
                assert!(is_bilingual(problem["detail"].as_str().unwrap()), "{problem}");
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
        app.create_app(name, json!({})).await;
    }
    let token = app.token_for(&["mine"]).await;
    let as_tenant = |method, path, body| app.api_as(&token, method, path, body);

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
