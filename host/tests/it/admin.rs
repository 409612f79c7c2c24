//! The admin API, through the real listener.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    apps::shop,
    support::{TestApp, client, guests},
};

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
async fn lists_are_read_page_by_page() {
    let app = TestApp::start().await;
    for n in 0..5 {
        app.create_app(&format!("app{n}"), json!({"type": "other"})).await;
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
    for (path, method, status) in [("/api/v1/apps/{app}", "get", "404"), ("/api/v1/apps", "post", "409")] {
        let content = &document["paths"][path][method]["responses"][status]["content"];
        assert_eq!(content.as_object().unwrap().keys().collect::<Vec<_>>(), ["application/problem+json"], "{path}");
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
    let client = client();
    for (path, status) in [("/api/v1/openapi.json", 200), ("/readyz", 200), ("/wechat/shop/", 404)] {
        let response = client.get(format!("http://{port}{path}")).send().await.unwrap();
        assert_eq!(response.status(), status, "{path}");
    }
}

pub(crate) async fn openapi(app: &TestApp) -> Value {
    let (status, body) = app.request(Method::GET, "/api/v1/openapi.json", None).await;
    assert_eq!(status, 200);
    serde_json::from_str(&body).unwrap()
}
