//! Many users at once.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use weft::simulator::wechat::{self, Fault};
use weft_wechat::api::user::info::UserProfile;

use super::{APPID, call, inbox, outcome};
use crate::support::Inbox;

const TAGGING: &str = "/cgi-bin/tags/members/batchtagging";

fn openids(numbers: std::ops::Range<u64>) -> Vec<String> {
    numbers.map(wechat::openid).collect()
}

/// A server whose account has followers and a tag.
async fn tagged(followers: u64) -> (Inbox, u32) {
    let inbox = inbox().await;
    inbox.wechat.follow_many(APPID, 0..followers);
    let id = inbox.wechat.add_tag(APPID, "vip", []);
    call(&inbox, Method::POST, "/tags/sync", None, 200).await;
    (inbox, id)
}

async fn found(inbox: &Inbox, query: &str) -> usize {
    let page = call(inbox, Method::GET, &format!("/users?limit=200&{query}"), None, 200).await;
    page["items"].as_array().unwrap().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_users_a_call_get_a_tag_and_whom_wechat_refuses_is_named() {
    let (inbox, id) = tagged(120).await;
    let full =
        UserProfile { openid: "oFull".into(), subscribe: 1, tagid_list: (200..220).collect(), ..Default::default() };
    inbox.wechat.add_user(APPID, full);
    inbox.wechat.unfollow(APPID, &wechat::openid(7));
    let mut all = openids(0..120);
    all.extend(["oFull".into(), "oForeign".into(), wechat::openid(0)]);
    let body = json!({"tag_id": id, "openids": all});
    let answer = call(&inbox, Method::POST, "/users/tag", Some(body.clone()), 200).await;
    assert_eq!(answer["done"], 119, "{answer}");
    let failed = answer["failed"].as_array().unwrap().iter();
    let mut failed: Vec<_> = failed.map(|user| (user["openid"].as_str().unwrap(), user["errcode"].as_i64())).collect();
    failed.sort_unstable();
    let gone = wechat::openid(7);
    assert_eq!(failed, [("oForeign", Some(49003)), ("oFull", Some(45059)), (&*gone, Some(40003))]);
    assert!(answer["failed"][0]["error"].as_str().unwrap().contains(char::is_alphabetic));
    let of = |number| inbox.wechat.user(APPID, &wechat::openid(number)).unwrap().tagid_list;
    assert_eq!((of(0), of(119)), (vec![id], vec![id]));
    assert_eq!(found(&inbox, &format!("tag={id}")).await, 119);

    let body = json!({"tag_id": id, "openids": openids(0..60)});
    assert_eq!(call(&inbox, Method::POST, "/users/untag", Some(body), 200).await["done"], 59);
    assert_eq!((of(0), of(119)), (vec![], vec![id]));
    assert_eq!(found(&inbox, &format!("tag={id}")).await, 60);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_users_a_call_go_on_the_blacklist_and_come_off_it() {
    let (inbox, _) = tagged(45).await;
    let body = json!({"openids": openids(0..45)});
    let answer = call(&inbox, Method::POST, "/users/blacklist", Some(body), 200).await;
    assert_eq!(answer, json!({"done": 45, "failed": []}));
    assert_eq!(inbox.wechat.count("/cgi-bin/tags/members/batchblacklist"), 3);
    assert_eq!(inbox.wechat.blacklist(APPID).len(), 45);
    assert_eq!(found(&inbox, "blacklisted=true").await, 45);
    let body = json!({"openids": openids(5..45)});
    call(&inbox, Method::POST, "/users/unblacklist", Some(body), 200).await;
    assert_eq!(inbox.wechat.blacklist(APPID), openids(0..5).into_iter().collect());
    assert_eq!((found(&inbox, "blacklisted=true").await, found(&inbox, "blacklisted=false").await), (5, 40));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_users_than_somebody_waits_for_are_a_job() {
    let (inbox, id) = tagged(1020).await;
    let body = json!({"tag_id": id, "openids": openids(0..1025)});
    let started = call(&inbox, Method::POST, "/users/tag", Some(body), 202).await;
    let job = outcome(&inbox.app, &started).await;
    assert_eq!(job["state"], "done", "{job}");
    assert_eq!((&job["result"]["done"], &job["result"]["refused"]), (&json!(1020), &json!(5)));
    assert_eq!(job["result"]["failed"].as_array().unwrap().len(), 5);
    assert_eq!(job["progress"], json!({"done": 1025, "total": 1025}));
    assert_eq!(inbox.wechat.user(APPID, &wechat::openid(1019)).unwrap().tagid_list, [id]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_done_before_a_failure_is_said() {
    let (inbox, id) = tagged(80).await;
    inbox.wechat.fault(TAGGING, Fault::Delay(Duration::ZERO), 1);
    inbox.wechat.fault(TAGGING, Fault::Errcode(45009), 1);
    let body = json!({"tag_id": id, "openids": openids(0..80)});
    let problem = call(&inbox, Method::POST, "/users/tag", Some(body), 502).await;
    assert_eq!(problem["errcode"], 45009);
    assert!(problem["detail"].as_str().unwrap().starts_with("50 of 80 users were changed"), "{problem}");
    assert_eq!(found(&inbox, &format!("tag={id}")).await, 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_is_refused_before_anybody_is_changed() {
    let (inbox, id) = tagged(1).await;
    let before = inbox.wechat.calls().len();
    for (path, body, field) in [
        ("tag", json!({"tag_id": id, "openids": []}), "openids"),
        ("tag", json!({"tag_id": id, "openids": ["o1", "o 2"]}), "openids[1]"),
        ("blacklist", json!({"openids": []}), "openids"),
        ("tag", json!({"tag_id": id, "openids": "o1"}), "openids"),
        ("tag", json!({"tag_id": -1, "openids": ["o1"]}), "tag_id"),
    ] {
        let problem = call(&inbox, Method::POST, &format!("/users/{path}"), Some(body.clone()), 422).await;
        assert_eq!(problem["errors"][0]["field"], field, "{body} {problem}");
    }
    assert_eq!(inbox.wechat.calls().len(), before);
    let unknown = json!({"tag_id": 999, "openids": ["o1"]});
    assert_ne!(call(&inbox, Method::POST, "/users/tag", Some(unknown), 404).await["detail"], Value::Null);
    assert_eq!(inbox.wechat.count(TAGGING), 0);
}
