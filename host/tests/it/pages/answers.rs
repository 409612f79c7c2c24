//! What of a plugin's answer goes out, and what goes out with it.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use weft::model::{App, AppPlugin, AppType, Grants};

use super::{Site, client, header};
use crate::support::{PATIENCE, TestApp, guests, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn status_headers_and_body_are_the_plugins() {
    let site = Site::start().await;
    let page = site.get("/answer").await;
    assert_eq!(header(&page, "content-type"), ["text/html; charset=utf-8"]);
    assert_eq!(page.text().await.unwrap(), "<p>你好</p>");
    assert_eq!(header(&site.get("/told").await, "x-page"), ["told", "twice"]);
    let redirect = site.request(Method::POST, "/answer/redirect").send().await.unwrap();
    assert_eq!((redirect.status(), header(&redirect, "location")), (StatusCode::SEE_OTHER, vec!["?saved=1"]));
    for status in [200, 201, 302, 404, 418, 500, 599] {
        assert_eq!(site.get(&format!("/answer/status/{status}")).await.status().as_u16(), status);
    }
    for status in [204, 205, 304] {
        let page = site.get(&format!("/answer/status/{status}")).await;
        assert_eq!((page.status().as_u16(), page.text().await.unwrap()), (status, String::new()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_holds_for_more_than_the_page_is_not_the_plugins_to_say() {
    let site = Site::start().await;
    let page = site.get("/answer/host-headers").await;
    assert_eq!(page.status(), 200);
    assert_eq!((header(&page, "x-page"), header(&page, "content-length")), (vec!["kept"], vec!["13"]));
    assert_eq!(header(&page, "x-content-type-options"), ["nosniff"]);
    assert_ne!(header(&page, "date"), ["yesterday"]);
    for name in [
        "connection",
        "transfer-encoding",
        "upgrade",
        "keep-alive",
        "trailer",
        "proxy-authenticate",
        "service-worker-allowed",
        "clear-site-data",
        "strict-transport-security",
        "alt-svc",
        "x-accel-redirect",
        "x-sendfile",
        "x-sendfile2",
        "x-lighttpd-send-tempfile",
        "x-litespeed-location",
    ] {
        assert_eq!(header(&page, name), [""; 0], "{name}");
    }
    assert_eq!(page.text().await.unwrap(), "<p>你好</p>");
    let cookies = site.get("/answer/cookies").await;
    assert_eq!(header(&cookies, "set-cookie"), ["cart=2; HttpOnly; Path=/wechat/shop/pages/guest; SameSite=Lax"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beside_the_operators_side_a_page_has_an_origin_of_its_own() {
    let site = Site::start().await;
    let page = site.get("/answer").await;
    let [policy, sandbox] = header(&page, "content-security-policy")[..] else { panic!("{page:?}") };
    assert!(policy.contains("frame-ancestors 'self'"), "{policy}");
    assert!(sandbox.starts_with("sandbox ") && sandbox.contains("allow-scripts"), "{sandbox}");
    assert!(!sandbox.contains("allow-same-origin"), "{sandbox}");
    assert_eq!(header(&page, "cache-control"), ["no-store"]);
    let own = site.get("/answer/own-policy").await;
    assert_eq!(header(&own, "content-security-policy"), ["default-src 'self'", sandbox], "it cannot take that away");
    assert_eq!(header(&own, "cache-control"), ["max-age=60"]);
    let failed = site.get("/fail/error").await;
    assert_eq!(header(&failed, "content-security-policy").len(), 1);
    assert!(header(&failed, "content-security-policy")[0].contains("default-src 'none'"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apart_from_the_operators_side_pages_share_the_origin_of_the_address() {
    let app = TestApp::start_with(|config| config.admin_listen = Some("127.0.0.2:0".parse().unwrap())).await;
    std::fs::write(app.plugin_file("guest"), guests::pages().await).unwrap();
    let deadline = Instant::now() + PATIENCE;
    while app.state.plugins.find("guest").is_none_or(|plugin| plugin.loaded.is_none()) {
        assert!(Instant::now() < deadline, "the plugin is not loaded");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    app.state.store.apps().insert(&App::new("shop", AppType::Service, "wxshop")).await.unwrap();
    let grants = Grants { pages: true, ..Grants::default() };
    app.state.store.app_plugins().put(&AppPlugin { grants, ..AppPlugin::new("shop", "guest") }).await.unwrap();
    app.state.accounts.refresh().await.unwrap();
    let page = client().get(format!("{}/wechat/shop/pages/guest/answer", app.base)).send().await.unwrap();
    assert_eq!(page.status(), 200);
    let policies = header(&page, "content-security-policy");
    assert!(policies.len() == 1 && !policies[0].contains("sandbox"), "{policies:?}");
    assert_eq!(app.get("/wechat/shop/pages/nobody/").await.status(), 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn visitors_who_read_nothing_fill_no_memory_and_keep_no_other_app_from_answering() {
    let site = Site::start_with(|config| {
        config.plugins.limits.page_kib = 8192;
        config.plugins.limits.host_call_kib = 8192;
    })
    .await;
    site.grant("blog", json!({"pages": true})).await;
    let (large, address) = (format!("/answer/body/{}", 7 << 20), site.app.base.trim_start_matches("http://"));
    let mut unread = Vec::new();
    for _ in 0..4 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET /wechat/shop/pages/guest{large} HTTP/1.1\r\nHost: a\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut beginning = [0; 12];
        stream.read_exact(&mut beginning).await.unwrap();
        assert_eq!(&beginning, b"HTTP/1.1 200");
        unread.push(stream);
    }
    let refused = site.get(&large).await;
    assert_eq!((refused.status().as_u16(), header(&refused, "retry-after")), (503, vec!["1"]));
    assert_eq!(site.app.get(&format!("/wechat/blog/pages/guest{large}")).await.status(), 200);
    assert_eq!(site.get("/answer").await.status(), 200, "there is room for a short one");
    drop(unread);
    until("there is room again", async || (site.get(&large).await.status() == 200).then_some(())).await;
}
