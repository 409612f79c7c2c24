//! What plugins find of users and change.

use std::time::Duration;

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use weft::simulator::wechat::Fault;
use weft_wechat::api::{
    Endpoint,
    user::{info::UserInfo, info_updateremark::UpdateRemark},
};

use super::Asking;
use crate::support::{FAN, TestApp, until, with};

fn user(openid: &str, what: Value) -> Value {
    with(json!({"ask": "user", "openid": openid}), what)
}

async fn granted() -> Asking {
    let asking = Asking::start().await;
    asking.grant(json!({"users": true})).await;
    asking
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_are_there_only_by_grant_and_of_the_app_alone() {
    let asking = Asking::start().await;
    for what in [json!({"find": true}), json!({"fetch": true}), json!({"remark": "a"}), json!({"add": "a"})] {
        let refused = asking.ask(user(FAN, what)).await;
        assert!(refused.contains("not granted `users`"), "{refused}");
    }
    asking.grant(json!({"users": true})).await;
    let other = asking.inbox.account("other", json!({})).await;
    asking.inbox.wechat.follow("wxother", "oOther");
    other.send(&weft::simulator::Incoming::text("oOther", "hi")).await.unwrap();
    until("the other app knows its user", async || {
        let (status, _) = asking.inbox.app.api(Method::GET, "/apps/other/users/oOther", None).await;
        (status == 200).then_some(())
    })
    .await;
    assert_eq!(asking.ask(user("oOther", json!({"find": true}))).await, "nobody");
    for what in [json!({"fetch": true}), json!({"remark": "a"}), json!({"add": "a"})] {
        let refused = asking.ask(user("oOther", what.clone())).await;
        assert!(refused.starts_with("not found: "), "{what}: {refused}");
    }
    assert_eq!(asking.ask(user("o o", json!({"find": true}))).await, "nobody");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_is_found_fetched_tagged_and_remarked_at_wechat_too() {
    let asking = granted().await;
    until("the profile is known", async || {
        let found = asking.ask(user(FAN, json!({"find": true}))).await;
        (found == format!("{FAN} true [] ")).then_some(())
    })
    .await;
    let tagged = asking.ask(user(FAN, json!({"add": "vip", "remark": "甲", "find": true}))).await;
    assert_eq!(tagged, format!("{FAN} true [vip] 甲"));
    let (id, name) = asking.inbox.wechat.tags("wxshop").into_iter().find(|(_, name)| name == "vip").unwrap();
    assert_eq!(name, "vip");
    let at_wechat = asking.inbox.wechat.user("wxshop", FAN).unwrap();
    assert_eq!((at_wechat.tagid_list, at_wechat.remark.as_str()), (vec![id], "甲"));
    // The same once more is the same.
    assert_eq!(asking.ask(user(FAN, json!({"add": "vip", "find": true}))).await, tagged);
    let untagged = asking.ask(user(FAN, json!({"remove": "vip", "fetch": true}))).await;
    assert_eq!(untagged, format!("{FAN} true [] 甲"));
    assert_eq!(asking.ask(user(FAN, json!({"remove": "nobody has it", "find": true}))).await, untagged);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tag_that_was_made_at_wechat_is_found_by_its_name() {
    let asking = granted().await;
    let id = asking.inbox.wechat.add_tag("wxshop", "gold", []);
    assert_eq!(asking.ask(user(FAN, json!({"add": "gold"}))).await, "nobody");
    assert_eq!(asking.inbox.wechat.user("wxshop", FAN).unwrap().tagid_list, [id]);
    assert_eq!(asking.inbox.wechat.count("/cgi-bin/tags/create"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_and_numbers_have_limits() {
    let asking = granted().await;
    for what in [json!({"remark": "a".repeat(31)}), json!({"add": "a".repeat(31)})] {
        let refused = asking.ask(user(FAN, what)).await;
        assert!(refused.starts_with("invalid: "), "{refused}");
    }
    let flood = asking.ask(json!({"ask": "find_flood", "openid": FAN})).await;
    assert!(flood.starts_with("256 answered, then limited: "), "{flood}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_guests_begin_and_give_up_goes_on_up_to_a_bound() {
    let asking = Asking::start_with(|config| config.plugins.limits.wechat_timeout_ms = 10).await;
    asking.grant(json!({"users": true})).await;
    asking.ask(user(FAN, json!({"find": true}))).await;
    asking.inbox.wechat.fault(UserInfo::PATH, Fault::Delay(Duration::from_mins(1)), 1000);
    let asked = join_all((0..160).map(|_| asking.ask(user(FAN, json!({"fetch": true}))))).await;
    let told = |how: &str| asked.iter().filter(|answer| answer.starts_with(how)).count();
    assert!(told("limited: ") >= 160 - 128, "{asked:?}");
    assert!(told("timed out: ") > 0, "{asked:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_wechat_was_told_is_written_down_when_the_server_stops() {
    let data = tempfile::tempdir().unwrap();
    let asking = Asking::start_with(|config| {
        config.data_dir = data.path().to_owned();
        config.plugins.limits.wechat_timeout_ms = 500;
    })
    .await;
    asking.grant(json!({"users": true})).await;
    until("the profile is known", async || {
        let found = asking.ask(user(FAN, json!({"find": true}))).await;
        (found == format!("{FAN} true [] ")).then_some(())
    })
    .await;
    asking.inbox.wechat.fault(UpdateRemark::PATH, Fault::Delay(Duration::from_secs(2)), 1);
    let given_up = asking.ask(user(FAN, json!({"remark": "甲"}))).await;
    assert!(given_up.starts_with("timed out: "), "{given_up}");
    asking.inbox.app.stop().await;

    let app = TestApp::start_with(|config| config.data_dir = data.path().to_owned()).await;
    let known = app.state.store.users().find("shop", FAN).await.unwrap().unwrap();
    assert_eq!(known.remark, "甲");
    app.stop().await;
}
