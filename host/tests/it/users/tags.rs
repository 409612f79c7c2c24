//! The tags of an account.

use reqwest::Method;
use serde_json::{Value, json};
use weft::simulator::wechat;

use super::{APPID, call, inbox, outcome};
use crate::support::{FAN, Inbox};

async fn tag(inbox: &Inbox, name: &str) -> u64 {
    call(inbox, Method::POST, "/tags", Some(json!({"name": name})), 201).await["id"].as_u64().unwrap()
}

/// The tags of a user, as id and name.
async fn of_user(inbox: &Inbox, openid: &str) -> Value {
    call(inbox, Method::GET, &format!("/users/{openid}"), None, 200).await["tags"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tags_are_made_renamed_and_deleted_at_wechat_and_here() {
    let inbox = inbox().await;
    let vip = call(&inbox, Method::POST, "/tags", Some(json!({"name": "vip"})), 201).await;
    assert_eq!((&vip["name"], &vip["system"], &vip["count"]), (&json!("vip"), &json!(false), &json!(0)));
    let id = vip["id"].as_u64().unwrap();
    let path = format!("/tags/{id}");
    assert_eq!(call(&inbox, Method::GET, &path, None, 200).await, vip);
    let renamed = call(&inbox, Method::PATCH, &path, Some(json!({"name": "老客户"})), 200).await;
    assert_eq!((&renamed["id"], &renamed["name"]), (&json!(id), &json!("老客户")));
    assert!(inbox.wechat.tags(APPID).values().any(|name| name == "老客户"));

    let synced = call(&inbox, Method::POST, "/tags/sync", None, 200).await;
    assert_eq!(synced["dropped"], json!([]), "a tag that was renamed from here is the same");
    let page = call(&inbox, Method::GET, "/tags?limit=1", None, 200).await;
    assert_eq!((&page["items"][0]["id"], &page["items"][0]["system"]), (&json!(2), &json!(true)));
    let cursor = page["next_cursor"].as_str().unwrap();
    let page = call(&inbox, Method::GET, &format!("/tags?cursor={cursor}"), None, 200).await;
    assert_eq!((&page["items"][0]["id"], &page["next_cursor"]), (&json!(id), &Value::Null));
    call(&inbox, Method::GET, "/tags?cursor=x", None, 400).await;

    call(&inbox, Method::DELETE, &path, None, 204).await;
    assert!(!inbox.wechat.tags(APPID).values().any(|name| name == "老客户"));
    for method in [Method::GET, Method::DELETE] {
        call(&inbox, method, &path, None, 404).await;
    }
    call(&inbox, Method::PATCH, &path, Some(json!({"name": "x"})), 404).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_and_wechats_own_tags_are_checked_before_the_network() {
    let inbox = inbox().await;
    for name in ["", " ", "a\nb", &"名".repeat(31)] {
        let problem = call(&inbox, Method::POST, "/tags", Some(json!({"name": name})), 422).await;
        assert_eq!(problem["errors"][0]["field"], "name", "{problem}");
        call(&inbox, Method::PATCH, "/tags/100", Some(json!({"name": name})), 422).await;
    }
    for id in [0, 1, 2] {
        let path = format!("/tags/{id}");
        let problem = call(&inbox, Method::PATCH, &path, Some(json!({"name": "x"})), 422).await;
        assert_eq!(problem["type"], "system-tag");
        assert_eq!(call(&inbox, Method::DELETE, &path, None, 422).await["type"], "system-tag");
    }
    assert_eq!(inbox.wechat.calls(), []);

    tag(&inbox, &"名".repeat(30)).await;
    let taken = call(&inbox, Method::POST, "/tags", Some(json!({"name": "名".repeat(30)})), 502).await;
    assert_eq!((&taken["type"], &taken["errcode"]), (&json!("wechat-refused"), &json!(45157)));
    for n in 1..100 {
        inbox.wechat.add_tag(APPID, &format!("t{n}"), []);
    }
    let many = call(&inbox, Method::POST, "/tags", Some(json!({"name": "one more"})), 502).await;
    assert_eq!(many["errcode"], 45056);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_that_wechat_gives_again_gives_nobody_another_meaning() {
    let inbox = inbox().await;
    call(&inbox, Method::POST, &format!("/users/{FAN}/sync"), None, 200).await;
    let (vip, lost) = (tag(&inbox, "vip").await, tag(&inbox, "lost").await);
    for id in [vip, lost] {
        call(&inbox, Method::PUT, &format!("/users/{FAN}/tags/{id}"), None, 200).await;
    }
    assert_eq!(of_user(&inbox, FAN).await, json!([{"id": vip, "name": "vip"}, {"id": lost, "name": "lost"}]));
    for id in [vip, lost] {
        inbox.wechat.delete_tag(APPID, u32::try_from(id).unwrap());
    }
    assert_eq!(u64::from(inbox.wechat.add_tag(APPID, "debtor", [])), vip);
    let synced = call(&inbox, Method::POST, "/tags/sync", None, 200).await;
    assert_eq!(synced["dropped"], json!([{"id": vip, "name": "vip"}, {"id": lost, "name": "lost"}]));
    assert_eq!(of_user(&inbox, FAN).await, json!([]));

    // The same without a sync in between: the tag is made here.
    call(&inbox, Method::PUT, &format!("/users/{FAN}/tags/{vip}"), None, 200).await;
    inbox.wechat.delete_tag(APPID, u32::try_from(vip).unwrap());
    assert_eq!(tag(&inbox, "thief").await, vip);
    assert_eq!(of_user(&inbox, FAN).await, json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tag_that_nobody_here_knows_is_looked_for_at_wechat() {
    let inbox = inbox().await;
    let id = inbox.wechat.add_tag(APPID, "from the console", [FAN.to_owned()]);
    let user = call(&inbox, Method::POST, &format!("/users/{FAN}/sync"), None, 200).await;
    assert_eq!(user["tags"], json!([{"id": id, "name": "from the console"}]));
    assert_eq!(inbox.wechat.count("/cgi-bin/tags/get"), 1);
    for _ in 0..3 {
        call(&inbox, Method::PUT, &format!("/users/{FAN}/tags/999"), None, 404).await;
    }
    assert_eq!(inbox.wechat.count("/cgi-bin/tags/get"), 2, "it is not asked again and again");
    assert_eq!(inbox.wechat.count("/cgi-bin/tags/members/batchtagging"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tag_with_very_many_users_is_taken_off_them_before_it_is_deleted() {
    let inbox = inbox().await;
    inbox.wechat.follow_many(APPID, 0..100_001);
    let id = inbox.wechat.add_tag(APPID, "all", (0..100_001).map(wechat::openid));
    call(&inbox, Method::POST, "/tags/sync", None, 200).await;
    let started = call(&inbox, Method::DELETE, &format!("/tags/{id}"), None, 202).await;
    let job = outcome(&inbox.app, &started).await;
    assert_eq!((&job["state"], &job["result"]["untagged"]), (&json!("done"), &json!(10_000)), "{job}");
    assert_eq!(job["progress"], json!({"done": 10_000, "total": 100_001}));
    assert_eq!(inbox.wechat.count("/cgi-bin/tags/members/batchuntagging"), 200);
    assert!(!inbox.wechat.tags(APPID).contains_key(&id));
    call(&inbox, Method::GET, &format!("/tags/{id}"), None, 404).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_call_needs_its_permission() {
    let inbox = inbox().await;
    let named = || Some(json!({"name": ""}));
    let calls = [
        (Method::GET, "/tags", None, "usertag"),
        (Method::POST, "/tags", named(), "usertag"),
        (Method::GET, "/tags/9", None, "usertag"),
        (Method::PATCH, "/tags/9", named(), "usertag"),
        (Method::DELETE, "/tags/2", None, "usertag"),
        (Method::POST, "/tags/sync", None, "usertag_sync"),
        (Method::POST, "/tags/9/sync", Some(json!({})), "usertag_sync"),
        (Method::PATCH, "/users/o1", Some(json!({})), "user"),
        (Method::PUT, "/users/o1/tags/9", None, "user"),
        (Method::DELETE, "/users/o1/tags/9", None, "user"),
        (Method::POST, "/users/tag", Some(json!({"tag_id": 9, "openids": []})), "user"),
        (Method::POST, "/users/untag", Some(json!({"tag_id": 9, "openids": []})), "user"),
        (Method::POST, "/users/blacklist", Some(json!({"openids": []})), "user"),
        (Method::POST, "/users/unblacklist", Some(json!({"openids": []})), "user"),
        (Method::POST, "/users/o1/sync", None, "user_sync"),
        (Method::POST, "/users/sync", Some(json!({})), "user_sync"),
        (Method::POST, "/users/blacklist/sync", None, "user_sync"),
    ];
    for permission in ["usertag", "usertag_sync", "user", "user_sync", "menu"] {
        let token = inbox.app.token_for(&[&format!("shop|{permission}")]).await;
        for (method, path, body, needed) in &calls {
            let path = format!("/apps/shop{path}");
            let (status, problem) = inbox.app.api_as(&token, method.clone(), &path, body.clone()).await;
            assert_eq!(status == 403, permission != *needed, "{permission} {method} {path}: {status} {problem}");
        }
    }
}
