//! Taking over who follows, who has a tag, and who is on the blacklist.

use std::{collections::BTreeSet, time::Duration};

use reqwest::Method;
use serde_json::{Value, json};
use weft::simulator::wechat::{self, Fault};

use super::{APPID, call, event, inbox, openids, outcome};
use crate::support::{Inbox, until};

const LIST: &str = "/cgi-bin/user/get";
const DETAILS: &str = "/cgi-bin/user/info/batchget";

async fn sync(inbox: &Inbox, mode: &str, details: bool) -> Value {
    let started = call(inbox, Method::POST, "/users/sync", Some(json!({"mode": mode, "details": details})), 202).await;
    let job = outcome(&inbox.app, &started).await;
    assert_eq!(job["state"], "done", "{job}");
    job
}

/// Who follows, as far as is known here.
async fn following(inbox: &Inbox) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/users?limit=200&subscribed=true{cursor}");
        let page = call(inbox, Method::GET, &path, None, 200).await;
        all.extend(openids(&page).into_iter().map(str::to_owned));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

fn at_wechat(inbox: &Inbox) -> BTreeSet<String> {
    inbox.wechat.followers(APPID).into_iter().collect()
}

async fn user(inbox: &Inbox, openid: &str) -> Value {
    call(inbox, Method::GET, &format!("/users/{openid}"), None, 200).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_sync_ends_with_those_who_follow_and_their_details() {
    let inbox = inbox().await;
    inbox.wechat.follow_many(APPID, 0..250);
    let tag = inbox.wechat.add_tag(APPID, "vip", [wechat::openid(249)]);
    let job = sync(&inbox, "full", true).await;
    assert_eq!((&job["result"]["listed"], &job["result"]["unfollowed"]), (&json!(251), &json!(0)));
    assert_eq!(job["progress"], json!({"done": 251, "total": 251}));
    assert_eq!(following(&inbox).await, at_wechat(&inbox));
    let last = user(&inbox, &wechat::openid(249)).await;
    assert_eq!((&last["tags"], &last["language"]), (&json!([{"id": tag, "name": "vip"}]), &json!("zh_CN")));
    assert!(last["profile_fetched_at"].is_string() && last["subscribed_at"].is_string());

    // Long ago, as far as the events tell.
    let store = &inbox.app.state.store;
    store.users().subscribed("shop", "oLeft", 1_700_000_000, None, false).await.unwrap();
    for number in 0..20 {
        inbox.wechat.unfollow(APPID, &wechat::openid(number));
    }
    inbox.wechat.follow_many(APPID, 300..310);
    let job = sync(&inbox, "full", false).await;
    assert_eq!(job["result"], json!({"listed": 241, "unfollowed": 21}));
    assert_eq!(following(&inbox).await, at_wechat(&inbox));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_incremental_sync_begins_behind_the_last_one_who_is_known() {
    let inbox = inbox().await;
    inbox.wechat.follow_many(APPID, 0..120);
    assert_eq!(sync(&inbox, "incremental", true).await["result"]["listed"], 121);
    inbox.wechat.follow_many(APPID, 200..205);
    let before = inbox.wechat.calls().len();
    let job = sync(&inbox, "incremental", true).await;
    assert_eq!((&job["result"]["listed"], &job["progress"]), (&json!(5), &json!({"done": 5, "total": null})));
    let calls = inbox.wechat.calls();
    let first = &calls[before..].iter().find(|call| call.path == LIST).unwrap();
    assert_eq!(first.query, [("next_openid".to_owned(), wechat::openid(119))]);
    assert_eq!(sync(&inbox, "incremental", true).await["result"]["listed"], 0);
    assert_eq!(following(&inbox).await, at_wechat(&inbox));

    // The last one has left, and is forgotten at WeChat.
    inbox.wechat.unfollow(APPID, &wechat::openid(204));
    inbox.wechat.fault(LIST, Fault::Errcode(40003), 1);
    assert_eq!(sync(&inbox, "incremental", false).await["result"]["listed"], 125, "it begins at the beginning");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_openid_that_wechat_refuses_spoils_no_other() {
    let inbox = inbox().await;
    inbox.wechat.follow_many(APPID, 0..99);
    // All of them, one half, and one of its halves.
    inbox.wechat.fault(DETAILS, Fault::Errcode(40003), 3);
    sync(&inbox, "full", true).await;
    for number in 0..99 {
        assert!(user(&inbox, &wechat::openid(number)).await["profile_fetched_at"].is_string(), "{number}");
    }
    assert_eq!(inbox.wechat.count(DETAILS), 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_or_leaves_meanwhile_is_where_the_events_say() {
    let inbox = inbox().await;
    let app = inbox.app.state.store.apps().find("shop").await.unwrap().unwrap();
    inbox.wechat.follow_many(APPID, 0..250);
    let now = inbox.app.state.clock.now();
    inbox.wechat.fault(DETAILS, Fault::Delay(Duration::from_millis(300)), 1);
    let started = call(&inbox, Method::POST, "/users/sync", Some(json!({"mode": "full"})), 202).await;
    until("details are asked for", async || (inbox.wechat.count(DETAILS) > 0).then_some(())).await;
    let users = &inbox.app.state.users;
    inbox.wechat.unfollow(APPID, &wechat::openid(240));
    users.note(&app, &event(&wechat::openid(240), now + 1, "unsubscribe")).await;
    // Nobody lists them: they come after the last page.
    users.note(&app, &event("oLate", now + 1, "subscribe")).await;
    assert_eq!(outcome(&inbox.app, &started).await["state"], "done");
    assert_eq!(user(&inbox, &wechat::openid(240)).await["subscribed"], false);
    assert_eq!(user(&inbox, "oLate").await["subscribed"], true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sync_that_is_cancelled_takes_nobody_for_gone() {
    let inbox = inbox().await;
    let store = &inbox.app.state.store;
    store.users().subscribed("shop", "oLeft", 1_700_000_000, None, false).await.unwrap();
    inbox.wechat.follow_many(APPID, 0..400);
    inbox.wechat.fault(DETAILS, Fault::Delay(Duration::from_secs(1)), 4);
    let started = call(&inbox, Method::POST, "/users/sync", Some(json!({"mode": "full"})), 202).await;
    let again = call(&inbox, Method::POST, "/users/sync", Some(json!({"mode": "full"})), 202).await;
    assert_eq!((&again["id"], &again["existed"]), (&started["id"], &json!(true)));
    let path = format!("/jobs/{}", started["id"].as_str().unwrap());
    until("it gets on", async || {
        let (_, job) = inbox.app.api(Method::GET, &path, None).await;
        (job["progress"]["done"].as_u64() > Some(0)).then_some(())
    })
    .await;
    assert_eq!(inbox.app.api(Method::POST, &format!("{path}/cancel"), None).await.0, 200);
    assert_eq!(outcome(&inbox.app, &started).await["state"], "cancelled");
    assert_eq!(user(&inbox, "oLeft").await["subscribed"], true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_list_of_many_takes_nobody_for_gone() {
    let inbox = inbox().await;
    sync(&inbox, "full", false).await;
    inbox.wechat.fault(LIST, Fault::Text(r#"{"total":7,"count":0,"next_openid":""}"#.to_owned()), 1);
    let started = call(&inbox, Method::POST, "/users/sync", Some(json!({"mode": "full"})), 202).await;
    let path = format!("/jobs/{}", started["id"].as_str().unwrap());
    let job = until("it waits", async || {
        let (_, job) = inbox.app.api(Method::GET, &path, None).await;
        job["error"].is_string().then_some(job)
    })
    .await;
    assert!(job["waits_until"].is_string() && job["error"].as_str().unwrap().contains("7 users"), "{job}");
    assert_eq!(following(&inbox).await, at_wechat(&inbox));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_a_tag_is_taken_over_from_all_pages() {
    let inbox = inbox().await;
    inbox.wechat.follow_many(APPID, 0..10_020);
    let tag = inbox.wechat.add_tag(APPID, "all", (10..10_020).map(wechat::openid));
    call(&inbox, Method::POST, "/tags/sync", None, 200).await;
    let store = &inbox.app.state.store;
    // Tagged here once, and not at WeChat any more.
    store.users().tag("shop", tag, &[wechat::openid(0), wechat::openid(10)]).await.unwrap();
    let sync = async |details: bool| {
        let body = json!({"details": details});
        let started = call(&inbox, Method::POST, &format!("/tags/{tag}/sync"), Some(body), 202).await;
        outcome(&inbox.app, &started).await
    };
    let job = sync(false).await;
    assert_eq!((&job["state"], &job["result"]["listed"]), (&json!("done"), &json!(10_010)), "{job}");
    let tags = async |number| user(&inbox, &wechat::openid(number)).await["tags"].clone();
    let all = json!([{"id": tag, "name": "all"}]);
    assert_eq!((tags(0).await, tags(10).await, tags(10_019).await), (json!([]), all.clone(), all));
    assert_eq!(inbox.wechat.count("/cgi-bin/user/tag/get"), 3);
    call(&inbox, Method::POST, "/tags/999/sync", Some(json!({})), 404).await;

    inbox.wechat.delete_tag(APPID, tag);
    let job = sync(false).await;
    assert_eq!(job["state"], "failed");
    assert!(job["error"].as_str().unwrap().contains("45159"), "{job}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_blacklist_is_taken_over_whole() {
    let inbox = inbox().await;
    inbox.wechat.follow_many(APPID, 0..5);
    call(&inbox, Method::POST, "/users/blacklist", Some(json!({"openids": [wechat::openid(0)]})), 200).await;
    inbox.wechat.set_blacklisted(APPID, &wechat::openid(0), false);
    for number in 1..4 {
        inbox.wechat.set_blacklisted(APPID, &wechat::openid(number), true);
    }
    let started = call(&inbox, Method::POST, "/users/blacklist/sync", None, 202).await;
    assert_eq!(outcome(&inbox.app, &started).await["result"]["listed"], 3);
    let page = call(&inbox, Method::GET, "/users?blacklisted=true", None, 200).await;
    let found: BTreeSet<_> = openids(&page).into_iter().map(str::to_owned).collect();
    assert_eq!(found, (1..4).map(wechat::openid).collect());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_without_users_at_wechat_is_refused_before_there_is_a_job() {
    let inbox = inbox().await;
    inbox.account("mini", json!({"type": "miniprogram"})).await;
    for path in ["users/sync", "users/blacklist/sync"] {
        let (status, problem) = inbox.app.api(Method::POST, &format!("/apps/mini/{path}"), Some(json!({}))).await;
        assert_eq!((status, &problem["type"]), (422, &json!("unable")), "{path} {problem}");
    }
    call(&inbox, Method::POST, "/users/sync", Some(json!({"mode": "half"})), 422).await;
    assert_eq!(inbox.app.api(Method::GET, "/jobs", None).await.1["items"], json!([]));
}
