//! Which plugin serves pages of which app: what the operator says, and nothing else.

use reqwest::Method;
use serde_json::{Value, json};

use super::Site;
use crate::support::guests;

async fn answer(site: &Site, path: &str) -> (u16, String) {
    let response = site.app.get(path).await;
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_serves_pages_of_the_apps_that_grant_it_and_no_others() {
    let site = Site::start().await;
    site.app.drop_plugin("greeter", guests::greeter().await).await;
    let greeter =
        async |settings: Value| site.app.api(Method::PUT, "/apps/shop/plugins/greeter", Some(settings)).await.0;
    assert_eq!(greeter(json!({"pages": true})).await, 200);
    let absent = json!({"pages": true});
    assert_eq!(site.app.api(Method::PUT, "/apps/shop/plugins/absent", Some(absent)).await.0, 200);
    let (status, nothing) = answer(&site, "/wechat/nobody/pages/guest/").await;
    assert_eq!(status, 404);
    assert!(nothing.contains("页面不存在"), "{nothing}");
    // No such app or plugin, nothing set, no pages in it, a file that is not there, a page for another app.
    for place in
        ["shop/pages/nobody", "blog/pages/guest", "shop/pages/greeter", "SHOP/pages/guest", "shop/pages/guest.wasm"]
    {
        assert_eq!(answer(&site, &format!("/wechat/{place}/")).await, (404, nothing.clone()), "{place}");
    }
    for place in ["shop/pages/absent/", "shop/pages/guest/restricted"] {
        assert_eq!(answer(&site, &format!("/wechat/{place}")).await, (404, nothing.clone()), "{place}");
    }
    assert_eq!(answer(&site, "/wechat/shop/pages/guest/").await.0, 200);

    // Other grants bring it not along.
    site.grant("blog", json!({"kv": true, "users": true, "http_hosts": ["https://*.example.com"]})).await;
    assert_eq!(answer(&site, "/wechat/blog/pages/guest/").await, (404, nothing.clone()));
    site.grant("blog", json!({"pages": true})).await;
    let told = answer(&site, "/wechat/blog/pages/guest/").await.1;
    assert!(told.contains(r#""app":"blog""#), "{told}");
    site.grant("blog", json!({})).await;
    assert_eq!(answer(&site, "/wechat/blog/pages/guest/").await, (404, nothing.clone()));
    assert_eq!(site.app.api(Method::DELETE, "/apps/shop/plugins/guest", None).await.0, 204);
    assert_eq!(answer(&site, "/wechat/shop/pages/guest/").await, (404, nothing));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_a_plugin_that_is_switched_off_are_absent() {
    let site = Site::start().await;
    let (_, nothing) = answer(&site, "/wechat/shop/pages/nobody/").await;
    for (state, status) in [("disabled", 404), ("ready", 200)] {
        let switch = json!({"state": state});
        assert_eq!(site.app.api(Method::PATCH, "/plugins/guest", Some(switch)).await.0, 200);
        let (answered, page) = answer(&site, "/wechat/shop/pages/guest/").await;
        assert_eq!((answered, page == nothing), (status, status == 404), "{page}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_are_among_what_is_asked_for_and_missing() {
    let site = Site::start().await;
    let (_, plugin) = site.app.api(Method::GET, "/plugins/guest", None).await;
    assert_eq!(plugin["asks"]["pages"], true, "{plugin}");
    let shop = site.app.api(Method::GET, "/apps/shop/plugins/guest", None).await.1;
    assert_eq!(
        (&shop["pages"], &shop["asked"]["pages"], &shop["missing"]["pages"]),
        (&json!(true), &json!(true), &json!(false))
    );
    let blog = site.grant("blog", json!({"kv": true})).await;
    assert_eq!((&blog["pages"], &blog["missing"]["pages"]), (&json!(false), &json!(true)), "{blog}");
    assert_eq!(blog["effective_limits"]["page_timeout_ms"], 14_000);
}
