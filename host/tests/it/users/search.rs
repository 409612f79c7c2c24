//! Finding users by what is noted of them and by their tags.

use reqwest::Method;
use serde_json::json;
use weft::simulator::wechat;

use super::{APPID, call, inbox, openids, outcome};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_are_found_by_tag_blacklist_alias_and_openid_page_by_page() {
    let inbox = inbox().await;
    inbox.wechat.follow_many(APPID, 0..30);
    let id = inbox.wechat.add_tag(APPID, "vip", (0..7).map(wechat::openid));
    let started = call(&inbox, Method::POST, "/users/sync", Some(json!({"mode": "full"})), 202).await;
    assert_eq!(outcome(&inbox.app, &started).await["state"], "done");
    let body = json!({"openids": [wechat::openid(3), wechat::openid(20)]});
    call(&inbox, Method::POST, "/users/blacklist", Some(body), 200).await;
    let patch = json!({"alias": "Boss 老板", "remark": "100%"});
    call(&inbox, Method::PATCH, &format!("/users/{}", wechat::openid(20)), Some(patch), 200).await;

    let find = async |query: &str| {
        let mut found = Vec::new();
        let mut page = call(&inbox, Method::GET, &format!("/users?limit=3&{query}"), None, 200).await;
        loop {
            found.extend(openids(&page).into_iter().map(str::to_owned));
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            page = call(&inbox, Method::GET, &format!("/users?limit=3&cursor={cursor}&{query}"), None, 200).await;
        }
        found.sort();
        found
    };
    let numbers = |numbers: &[u64]| numbers.iter().map(|number| wechat::openid(*number)).collect::<Vec<_>>();
    for (query, expected) in [
        (format!("tag={id}"), numbers(&[0, 1, 2, 3, 4, 5, 6])),
        (format!("tag={id}&blacklisted=true"), numbers(&[3])),
        (format!("tag={id}&openid={}", wechat::openid(5)), numbers(&[5])),
        ("tag=7".to_owned(), vec![]),
        ("blacklisted=true".to_owned(), numbers(&[3, 20])),
        ("blacklisted=true&subscribed=false".to_owned(), vec![]),
        ("alias=bOSS".to_owned(), numbers(&[20])),
        ("remark=%25".to_owned(), numbers(&[20])),
        (format!("openid={}", &wechat::openid(10)[..27]), numbers(&(10..20).collect::<Vec<_>>())),
        ("openid=oNobody".to_owned(), vec![]),
    ] {
        assert_eq!(find(&query).await, expected, "{query}");
    }
    call(&inbox, Method::GET, "/users?tag=x", None, 400).await;
}
