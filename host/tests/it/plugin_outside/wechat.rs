//! Calls of WeChat's API by plugins: which paths, with what, and what comes back.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use weft::simulator::wechat::Fault;
use weft_wechat::api::{
    ApiPath,
    media::{MediaFile, MediaType},
};

use super::Asking;
use crate::support::FAN;

async fn granted(paths: &[&str]) -> Asking {
    let asking = Asking::start().await;
    asking.grant(json!({"wechat_apis": paths})).await;
    asking
}

fn info(query: Value) -> Value {
    let mut ask = json!({"ask": "wechat", "path": "/cgi-bin/user/info"});
    ask["query"] = query;
    ask
}

/// What was called, but for what the host calls by itself: it fetches a token to look its users up.
fn called(asking: &Asking) -> Vec<String> {
    let paths = asking.inbox.wechat.calls().into_iter().map(|call| call.path);
    paths.filter(|path| !["/cgi-bin/stable_token", "/cgi-bin/user/info/batchget"].contains(&path.as_str())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_granted_call_goes_out_with_the_apps_token_and_comes_back_as_it_is() {
    let asking = granted(&["/cgi-bin/user/info", "/cgi-bin/menu/create"]).await;
    let answer = asking.ask(info(json!([["openid", FAN], ["access_token", "mine"]]))).await;
    assert!(answer.starts_with("text/plain ") && answer.contains(&format!("\"openid\":\"{FAN}\"")), "{answer}");
    let call = asking.inbox.wechat.calls().into_iter().find(|call| call.path == "/cgi-bin/user/info").unwrap();
    assert_eq!(call.appid.as_deref(), Some("wxshop"));
    assert_eq!(call.query, [("openid".to_owned(), FAN.to_owned())]);

    let menu = json!({"button": [{"type": "click", "name": "一", "key": "k"}]}).to_string();
    let created =
        asking.ask(json!({"ask": "wechat", "method": "POST", "path": "/cgi-bin/menu/create", "json": menu})).await;
    assert!(created.contains("\"errcode\":0"), "{created}");
    assert_eq!(asking.inbox.wechat.menus("wxshop")["menu"]["button"][0]["name"], "一");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_wechat_refuses_is_its_error_and_a_refused_token_is_replaced() {
    let asking = granted(&["/cgi-bin/user/info"]).await;
    let refused = asking.ask(info(json!([["openid", "oStranger"]]))).await;
    assert!(refused.starts_with("wechat refused with 40003: "), "{refused}");
    asking.inbox.wechat.invalidate_token("wxshop");
    let answer = asking.ask(info(json!([["openid", FAN]]))).await;
    assert!(answer.contains("\"subscribe\":1"), "{answer}");
    asking.inbox.wechat.fault("/cgi-bin/user/info", Fault::Errcode(45009), 1);
    let refused = asking.ask(info(json!([["openid", FAN]]))).await;
    assert!(refused.starts_with("wechat refused with 45009"), "{refused}");
    let paused = asking.ask(info(json!([["openid", FAN]]))).await;
    assert!(paused.starts_with("limited: ") && paused.contains("45009"), "{paused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_called_beyond_the_grant() {
    let asking = granted(&["/cgi-bin/user/info", "/cgi-bin/menu/"]).await;
    for path in
        ["/cgi-bin/user/get", "/cgi-bin/user/info_updatable", "/cgi-bin/user", "/cgi-bin/menus", "/CGI-BIN/menu/get"]
    {
        let refused = asking.ask(json!({"ask": "wechat", "path": path})).await;
        assert!(
            refused.starts_with(&format!("denied: the operator has not granted `wechat_apis: {path}`")),
            "{refused}"
        );
    }
    for path in [
        "cgi-bin/user/info",
        "//cgi-bin/user/info",
        "/cgi-bin/menu/../user/get",
        "/cgi-bin/menu/%2e%2e/user/get",
        "/cgi-bin/menu/get?a=b",
        "/cgi-bin/menu/get#a",
        "https://example.com/cgi-bin/menu/get",
        "/cgi-bin/menu\\get",
        "",
    ] {
        let refused = asking.ask(json!({"ask": "wechat", "path": path})).await;
        assert!(refused.starts_with("invalid: a path of WeChat's API has"), "{path}: {refused}");
    }
    for (method, body) in [("DELETE", Value::Null), ("get", Value::Null), ("GET", json!("{}"))] {
        let ask = json!({"ask": "wechat", "method": method, "path": "/cgi-bin/menu/get", "json": body});
        assert!(asking.ask(ask).await.starts_with("invalid: "), "{method}");
    }
    assert_eq!(called(&asking), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_and_secrets_are_out_of_reach_whatever_is_granted() {
    let asking = granted(&["/"]).await;
    for path in [
        "/cgi-bin/token",
        "/cgi-bin/stable_token",
        "/CGI-BIN/TOKEN",
        "/cgi-bin/clear_quota/v2",
        "/cgi-bin/ticket/getticket",
        "/sns/oauth2/access_token",
        "/cgi-bin/component/api_component_token",
    ] {
        let refused = asking.ask(json!({"ask": "wechat", "path": path})).await;
        assert!(refused.starts_with("denied: ") && refused.contains("is not called this way"), "{path}: {refused}");
    }
    assert_eq!(called(&asking), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_go_up_and_come_down() {
    let asking = granted(&["/cgi-bin/media"]).await;
    let uploaded = asking
        .ask(json!({"ask": "upload", "path": "/cgi-bin/media/upload", "filename": "店.png", "bytes": 1000}))
        .await;
    assert!(uploaded.contains("\"media_id\""), "{uploaded}");
    let call = asking.inbox.wechat.calls().into_iter().find(|call| call.path == "/cgi-bin/media/upload").unwrap();
    assert_eq!(call.body["media"], json!({"filename": "店.png", "content_type": "image/png", "length": 1000}));

    let bytes = Bytes::from_static(b"\x89PNG\r\n\x1a\n\0\xff");
    let file = MediaFile { bytes, content_type: "image/png".to_owned(), filename: Some("a.png".to_owned()) };
    let media_id = asking.inbox.wechat.add_media("wxshop", MediaType::Image, file);
    let got =
        asking.ask(json!({"ask": "wechat", "path": "/cgi-bin/media/get", "query": [["media_id", media_id]]})).await;
    assert!(got.starts_with("image/png 10 "), "{got}");

    let broken = json!({"ask": "upload", "path": "/cgi-bin/media/upload", "filename": "a\"; name=\"b", "bytes": 1});
    assert!(asking.ask(broken).await.starts_with("invalid: part 1 of the form"));
    let long = json!({"ask": "upload", "path": "/cgi-bin/media/upload", "filename": "a", "bytes": (1 << 20) + 1});
    assert!(asking.ask(long).await.starts_with("limited: "));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_call_asks_wechat_so_often_and_no_more() {
    let asking = granted(&["/cgi-bin/user/info"]).await;
    let ask = json!({"ask": "wechat_flood", "path": "/cgi-bin/user/info", "query": [["openid", FAN]]});
    let flood = asking.ask(ask).await;
    assert!(flood.starts_with("16 answered, then limited: "), "{flood}");
    assert_eq!(asking.inbox.wechat.count("/cgi-bin/user/info"), 16);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_endless_or_late_costs_the_guest_no_more_than_that() {
    let asking = Asking::start_with(|config| config.plugins.limits.call_timeout_ms = 3000).await;
    asking.grant(json!({"wechat_apis": ["/cgi-bin/user/info"]})).await;
    asking.inbox.wechat.fault("/cgi-bin/user/info", Fault::Huge, 1);
    let refused = asking.ask(info(json!([["openid", FAN]]))).await;
    assert!(refused.starts_with("limited: "), "{refused}");
    asking.inbox.wechat.fault("/cgi-bin/user/info", Fault::Delay(Duration::from_mins(1)), 1000);
    let cut = asking.ask_at_last(info(json!([["openid", FAN]]))).await;
    assert!(cut.starts_with("timed out: "), "{cut}");

    asking.grant(json!({"wechat_apis": ["/cgi-bin/user/info"], "limits": {"wechat_timeout_ms": 200}})).await;
    let cut = asking.ask(info(json!([["openid", FAN]]))).await;
    assert!(cut.contains("200 ms") || cut.contains("0.2 seconds"), "{cut}");
    assert!(cut.contains("the limit is plugins.wechat_timeout_ms"), "{cut}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_has_the_size_that_the_app_allows() {
    let asking = Asking::start().await;
    asking.grant(json!({"wechat_apis": ["/cgi-bin/media"], "limits": {"wechat_response_kib": 1}})).await;
    let get = async |length: usize| {
        let bytes = Bytes::from(vec![0x89_u8; length]);
        let file = MediaFile { bytes, content_type: "image/png".to_owned(), filename: None };
        let media_id = asking.inbox.wechat.add_media("wxshop", MediaType::Image, file);
        asking.ask(json!({"ask": "wechat", "path": "/cgi-bin/media/get", "query": [["media_id", media_id]]})).await
    };
    let fits = get(1024).await;
    assert!(fits.starts_with("image/png 1024 "), "{fits}");
    let refused = get(1025).await;
    assert!(refused.starts_with("limited: ") && refused.contains("longer than 1024 bytes"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sdks_functions_say_what_wechat_understands() {
    let asking = granted(&["/cgi-bin/qrcode/create", "/cgi-bin/shorten"]).await;
    let made = asking.ask(json!({"ask": "qr_codes", "id": 7, "text": "shop-1"})).await;
    let codes = asking.inbox.wechat.qrcodes("wxshop");
    let scenes: Vec<_> = codes.iter().map(|(scene, _)| scene.clone()).collect();
    assert_eq!(scenes, [json!(7), json!("shop-1")]);
    assert_eq!(made, format!("[0, 3600] {} {}", codes[0].1, codes[1].1));
    let refused = asking.ask(json!({"ask": "qr_codes", "id": 100_001, "text": "shop-1"})).await;
    assert!(refused.starts_with("wechat refused with 40035"), "{refused}");
    assert_eq!(asking.ask(json!({"ask": "shorten", "text": "长文本"})).await, "长文本");
}

/// The calls of the SDK's table beside what is called this way at all.
#[test]
fn every_call_of_the_sdks_table_can_be_made() {
    let table = include_str!("../../../../plugin-sdk/docs/wechat-api.md");
    let rows = table.lines().filter_map(|line| line.strip_prefix("| GET `").or_else(|| line.strip_prefix("| POST `")));
    let mut calls = 0;
    for row in rows {
        let (path, plugin) = row.split_once("` | ").unwrap();
        let parsed = path.parse::<ApiPath>();
        assert_eq!(parsed.is_err(), plugin.starts_with('—'), "{path}: {parsed:?}");
        calls += 1;
    }
    assert!(calls > 300, "{calls}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_account_may_not_do_is_not_asked() {
    let asking = granted(&["/cgi-bin/user/info"]).await;
    let patch = json!({"verified": false});
    assert_eq!(asking.inbox.app.api(reqwest::Method::PATCH, "/apps/shop", Some(patch)).await.0, 200);
    let refused = asking.ask(info(json!([["openid", FAN]]))).await;
    assert!(refused.starts_with("invalid: ") && refused.contains("verified"), "{refused}");
    assert_eq!(asking.inbox.wechat.count("/cgi-bin/user/info"), 0);
}
