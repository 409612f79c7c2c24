//! `/apps/{app}/access-token`

use reqwest::Method;
use serde_json::{Value, json};
use weft::simulator::wechat::Fault;

use super::{APPID, Shop, USER_INFO};

const STABLE_TOKEN: &str = "/cgi-bin/stable_token";
const READ: &str = "/apps/shop/access-token";
const REFRESH: &str = "/apps/shop/access-token/refresh";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_token_is_handed_out_to_who_may_have_it() {
    let (shop, wechat) = Shop::open().await;
    let url = format!("{}/api/v1{READ}", shop.app.base);
    let response = shop.client.get(&url).bearer_auth(&shop.app.token).send().await.unwrap();
    assert_eq!((response.status().as_u16(), &response.headers()["cache-control"]), (200, &"no-store".parse().unwrap()));
    let token: Value = response.json().await.unwrap();
    assert!((7100..=7200).contains(&token["expires_in"].as_u64().unwrap()), "{token}");
    assert!(token["expires_at"].as_str().unwrap().ends_with('Z'), "{token}");
    // It is the one that calls go out with.
    let direct =
        format!("{}/{USER_INFO}?openid=oU&access_token={}", wechat.base, token["access_token"].as_str().unwrap());
    let user: Value = shop.client.get(direct).send().await.unwrap().json().await.unwrap();
    assert_eq!(user["openid"], "oU");
    shop.get(&format!("{USER_INFO}?openid=oU")).await;
    assert_eq!(wechat.count(STABLE_TOKEN), 1);

    let (_, log) = shop.app.api(Method::GET, "/audit-log?app=shop&action=read_access_token", None).await;
    assert_eq!((&log["items"][0]["actor"]["name"], &log["items"][1]), (&json!("test"), &json!(null)), "{log}");
    assert!(!log.to_string().contains(token["access_token"].as_str().unwrap()));

    for (permission, status) in [("shop|access_token", 200), ("shop|wechat_api", 403), ("blog|access_token", 403)] {
        let caller = shop.app.token_for(&[permission]).await;
        for path in [READ, "/apps/shop/tickets/jsapi"] {
            assert_eq!(shop.app.api_as(&caller, Method::GET, path, None).await.0, status, "{permission}");
        }
    }
    assert_eq!(shop.app.api(Method::GET, "/apps/nobody/access-token", None).await.0, 404);
    shop.create("bare", json!({"appsecret": null})).await;
    let (status, problem) = shop.app.api(Method::GET, "/apps/bare/access-token", None).await;
    assert_eq!((status, &problem["type"]), (422, &json!("unable")), "{problem}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leaked_token_is_ended_when_that_is_meant_and_not_too_often() {
    let (shop, wechat) = Shop::open().await;
    let (_, first) = shop.app.api(Method::GET, READ, None).await;
    for body in [json!({"confirm": "shop"}), json!({"confirm": ""}), json!({})] {
        assert_eq!(shop.app.api(Method::POST, REFRESH, Some(body)).await.0, 422);
    }
    assert_eq!(wechat.count(STABLE_TOKEN), 1);
    let confirmed = Some(json!({"confirm": APPID}));
    let (status, second) = shop.app.api(Method::POST, REFRESH, confirmed.clone()).await;
    assert_eq!(status, 200, "{second}");
    assert_ne!(second["access_token"], first["access_token"]);
    let direct =
        format!("{}/{USER_INFO}?openid=oU&access_token={}", wechat.base, first["access_token"].as_str().unwrap());
    let refused: Value = shop.client.get(direct).send().await.unwrap().json().await.unwrap();
    assert_eq!(refused["errcode"], 42001, "WeChat has ended it");
    let user: Value = shop.get(&format!("{USER_INFO}?openid=oU")).await.json().await.unwrap();
    assert_eq!(user["openid"], "oU");
    assert_eq!(shop.app.api(Method::GET, READ, None).await.1["access_token"], second["access_token"]);

    let (status, problem) = shop.app.api(Method::POST, REFRESH, confirmed).await;
    assert_eq!((status, &problem["type"]), (429, &json!("too-often")), "{problem}");
    assert!((20..=30).contains(&problem["retry_after"].as_u64().unwrap()), "{problem}");
    assert_eq!(wechat.count(STABLE_TOKEN), 2, "WeChat was not asked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_ends_a_token_depends_on_where_it_comes_from() {
    let (shop, wechat) = Shop::open().await;
    let url = format!("{}/tokens", wechat.base);
    shop.create("other", json!({"access_token_source": "url", "access_token_url": url})).await;
    shop.create("old", json!({"access_token_source": "classic"})).await;
    let confirmed = Some(json!({"confirm": APPID}));
    let (status, problem) = shop.app.api(Method::POST, "/apps/other/access-token/refresh", confirmed.clone()).await;
    assert_eq!((status, &problem["type"]), (422, &json!("not-fetched-here")), "{problem}");
    let (_, first) = shop.app.api(Method::GET, "/apps/old/access-token", None).await;
    let (status, second) = shop.app.api(Method::POST, "/apps/old/access-token/refresh", confirmed.clone()).await;
    assert_eq!((status, wechat.count("/cgi-bin/token")), (200, 2), "{second}");
    assert_ne!(first["access_token"], second["access_token"]);

    // A refusal says what to do, with WeChat's id for questions.
    wechat.fault(STABLE_TOKEN, Fault::Errcode(40164), 1);
    let (status, problem) = shop.app.api(Method::POST, REFRESH, confirmed).await;
    assert_eq!((status, &problem["errcode"]), (502, &json!(40164)));
    assert!(problem["detail"].as_str().unwrap().contains("whitelist") && problem["rid"].is_string(), "{problem}");
}
