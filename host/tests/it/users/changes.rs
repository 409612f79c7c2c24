//! Changes of one user: WeChat hears of them first.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::timeout;
use weft::{
    shares::{InTurn, Shares},
    simulator::wechat::Fault,
    users::UserError,
};

use super::{APPID, call, inbox};
use crate::support::{FAN, Inbox, until};

const REMARK: &str = "/cgi-bin/user/info/updateremark";
const TAGGING: &str = "/cgi-bin/tags/members/batchtagging";
const INFO: &str = "/cgi-bin/user/info";

/// A server that knows the fan.
async fn known() -> (Inbox, String) {
    let inbox = inbox().await;
    let path = format!("/users/{FAN}");
    call(&inbox, Method::POST, &format!("{path}/sync"), None, 200).await;
    (inbox, path)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_remark_is_set_at_wechat_before_it_is_set_here() {
    let (inbox, path) = known().await;
    let patch = json!({"remark": "老客户", "alias": "Boss"});
    let user = call(&inbox, Method::PATCH, &path, Some(patch), 200).await;
    assert_eq!((&user["remark"], &user["alias"]), (&json!("老客户"), &json!("Boss")));
    assert_eq!(inbox.wechat.user(APPID, FAN).unwrap().remark, "老客户");

    inbox.wechat.fault(REMARK, Fault::Errcode(48001), 1);
    let patch = json!({"remark": "x", "alias": "y"});
    let problem = call(&inbox, Method::PATCH, &path, Some(patch), 502).await;
    assert_eq!(problem["errcode"], 48001);
    assert_eq!(call(&inbox, Method::GET, &path, None, 200).await, user, "nothing has changed");

    let asked = inbox.wechat.count(REMARK);
    let problem = call(&inbox, Method::PATCH, &path, Some(json!({"remark": "名".repeat(31)})), 422).await;
    assert_eq!(problem["errors"][0]["field"], "remark");
    call(&inbox, Method::PATCH, "/users/oNobody", Some(json!({"remark": "x"})), 404).await;
    call(&inbox, Method::PATCH, &path, Some(json!({"comment": "only here"})), 200).await;
    assert_eq!(inbox.wechat.count(REMARK), asked);

    let user = call(&inbox, Method::PATCH, &path, Some(json!({"remark": ""})), 200).await;
    assert_eq!((&user["remark"], inbox.wechat.user(APPID, FAN).unwrap().remark), (&json!(""), String::new()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_has_twenty_tags_at_most() {
    let (inbox, path) = known().await;
    let ids: Vec<_> = (0..21).map(|n| inbox.wechat.add_tag(APPID, &format!("t{n}"), [])).collect();
    call(&inbox, Method::POST, "/tags/sync", None, 200).await;
    let (last, first) = ids.split_last().unwrap();
    for id in first {
        call(&inbox, Method::PUT, &format!("{path}/tags/{id}"), None, 200).await;
    }
    let asked = inbox.wechat.count(TAGGING);
    let problem = call(&inbox, Method::PUT, &format!("{path}/tags/{last}"), None, 422).await;
    assert_eq!(problem["type"], "too-many-tags");
    assert_eq!(inbox.wechat.count(TAGGING), asked, "WeChat was not asked");
    call(&inbox, Method::PUT, &format!("{path}/tags/{}", ids[0]), None, 200).await;
    let user = call(&inbox, Method::DELETE, &format!("{path}/tags/{}", ids[0]), None, 200).await;
    assert_eq!(user["tags"].as_array().unwrap().len(), 19);
    call(&inbox, Method::PUT, &format!("{path}/tags/{last}"), None, 200).await;
    let mut expected = ids[1..].to_vec();
    expected.sort_unstable();
    let mut at_wechat = inbox.wechat.user(APPID, FAN).unwrap().tagid_list;
    at_wechat.sort_unstable();
    assert_eq!(at_wechat, expected);
    call(&inbox, Method::PUT, &format!("/users/oNobody/tags/{last}"), None, 404).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_came_of_a_change_whose_answer_was_lost_is_looked_up() {
    let (inbox, path) = known().await;
    let id = inbox.wechat.add_tag(APPID, "vip", []);
    call(&inbox, Method::POST, "/tags/sync", None, 200).await;
    inbox.wechat.fault(TAGGING, Fault::Disconnect, 3);
    call(&inbox, Method::PUT, &format!("{path}/tags/{id}"), None, 502).await;
    assert_eq!(inbox.wechat.user(APPID, FAN).unwrap().tagid_list, [id]);
    assert_eq!(call(&inbox, Method::GET, &path, None, 200).await["tags"], json!([]));
    // Whoever wakes the background.
    inbox.app.state.users.note(&app(&inbox).await, &super::text("oAnother")).await;
    until("the tag is known", async || {
        let user = call(&inbox, Method::GET, &path, None, 200).await;
        (user["tags"] == json!([{"id": id, "name": "vip"}])).then_some(())
    })
    .await;
}

async fn app(inbox: &Inbox) -> weft::model::App {
    inbox.app.state.store.apps().find("shop").await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_is_asked_about_at_once() {
    let inbox = inbox().await;
    let user = call(&inbox, Method::POST, &format!("/users/{FAN}/sync"), None, 200).await;
    assert_eq!((&user["openid"], &user["subscribed"]), (&json!(FAN), &json!(true)));
    assert!(user["profile_fetched_at"].is_string());
    for nobody in ["oNobody", "not%20an%20openid"] {
        call(&inbox, Method::POST, &format!("/users/{nobody}/sync"), None, 404).await;
    }
    assert_eq!(call(&inbox, Method::GET, "/users", None, 200).await["items"].as_array().map(Vec::len), Some(1));
    inbox.wechat.fault(INFO, Fault::Errcode(-1), 3);
    let problem = call(&inbox, Method::POST, &format!("/users/{FAN}/sync"), None, 502).await;
    assert_eq!(problem["errcode"], -1);
    assert_ne!(problem["detail"], Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_to_wait_for_a_turn_has_none_while_wechat_is_asked() {
    let (inbox, _) = known().await;
    let (app, turns) = (app(&inbox).await, Shares::new(1));
    let users = inbox.app.state.users.with_turns(InTurn::of(&turns, "shop"));

    let taken = turns.of("shop").try_acquire_owned().unwrap();
    let mut setting = Box::pin(users.set_remark(&app, "oNobody", "x"));
    assert!(timeout(Duration::from_millis(100), &mut setting).await.is_err(), "the database was asked out of turn");
    drop(taken);
    assert!(matches!(setting.await, Err(UserError::UnknownUser(_))));

    inbox.wechat.fault(INFO, Fault::Delay(Duration::from_secs(3)), 1);
    let asked = inbox.wechat.count(INFO);
    let others = async {
        until("WeChat is asked", async || (inbox.wechat.count(INFO) > asked).then_some(())).await;
        assert!(turns.of("shop").try_acquire_owned().is_ok(), "nobody else could ask the database");
    };
    let (fetched, ()) = tokio::join!(users.fetch(&app, FAN), others);
    assert!(fetched.unwrap().subscribed);
}
