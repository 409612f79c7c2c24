//! What a plugin asks for, beside what it is granted.

use reqwest::Method;
use serde_json::json;

use super::Asking;

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
async fn who_manages_one_app_opens_no_way_into_this_network() {
    let asking = Asking::start().await;
    let app = &asking.inbox.app;
    let (_, token) = app.state.store.tokens().create("shop", &["shop".to_owned()], None).await.unwrap();
    let put = async |hosts: &[&str]| {
        let set = json!({"http_hosts": hosts});
        app.api_as(token.expose(), Method::PUT, "/apps/shop/plugins/asker", Some(set)).await
    };
    let (status, _) = put(&["https://api.example.com", "https://1.1.1.1"]).await;
    assert_eq!(status, 200, "what is on the internet is for the app to say");
    for inside in ["http://127.0.0.1:8000", "http://169.254.169.254", "http://[::1]:8000", "https://10.0.0.7:8443"] {
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
    assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!("plugin")), "{problem}");
    assert_eq!(put("plugin-7").await.0, 200, "what is there can be changed");
}
