//! `/apps/{app}/quota`

use std::time::Duration;

use futures::future::join;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::Connection;
use weft::{
    simulator::wechat::{Fault, Wechat},
    upstream::CallError,
};
use weft_wechat::api::user::info::UserInfo;

use super::{APPID, SECRET, Shop, USER_INFO};
use crate::{
    support::database::{on_every_database, on_postgres},
    upstream::House,
};

const CLEAR: &str = "/apps/shop/quota/clear";

/// What is listed of one API.
async fn listed(shop: &Shop, path: &str) -> Value {
    let (status, page) = shop.app.api(Method::GET, "/apps/shop/quota?limit=200", None).await;
    assert_eq!(status, 200, "{page}");
    let items = page["items"].as_array().unwrap();
    items.iter().find(|item| item["path"] == path).cloned().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_of_today_are_counted_by_what_came_of_them() {
    let (shop, wechat) = Shop::open().await;
    let user = format!("{USER_INFO}?openid=oU");
    for _ in 0..3 {
        shop.get(&user).await;
    }
    shop.get(&format!("{USER_INFO}?openid=oNobody")).await;
    wechat.fault("/cgi-bin/user/info", Fault::Errcode(-1), 2);
    wechat.fault("/cgi-bin/user/info", Fault::Disconnect, 1);
    shop.get(&user).await;
    // Nobody fills the table with what there is not.
    for number in 0..3 {
        shop.get(&format!("cgi-bin/nothing{number}")).await;
    }
    let api = listed(&shop, "/cgi-bin/user/info").await;
    let meaning = |error: &Value| error["meaning"].as_str().unwrap().to_owned();
    assert_eq!((&api["calls"], &api["ok"], &api["unanswered"]), (&json!(7), &json!(3), &json!(1)), "{api}");
    assert_eq!((&api["errors"][0]["errcode"], &api["errors"][0]["calls"]), (&json!(-1), &json!(2)), "{api}");
    assert!(meaning(&api["errors"][0]).contains("busy") && meaning(&api["errors"][1]).contains("openid"), "{api}");
    assert_eq!((&api["daily_limit"], &api["pause"]), (&json!({"calls": 5_000_000, "source": "usual"}), &json!(null)));
    let token = listed(&shop, "/cgi-bin/stable_token").await;
    assert_eq!((&token["calls"], &token["daily_limit"]["source"]), (&json!(1), &json!("documented")));
    let unknown = listed(&shop, "unknown").await;
    assert_eq!((&unknown["calls"], &unknown["daily_limit"]), (&json!(3), &json!(null)));

    let (_, first) = shop.app.api(Method::GET, "/apps/shop/quota?limit=1", None).await;
    assert_eq!((&first["items"][0]["path"], &first["next_cursor"]), (&token["path"], &token["path"]));
    let caller = shop.app.token_for(&["shop|menu"]).await;
    for path in ["/apps/shop/quota", "/apps/shop/quota/cgi-bin/user/info", "/apps/shop/quota/rid/1-2"] {
        assert_eq!(shop.app.api_as(&caller, Method::GET, path, None).await.0, 403);
    }
    assert_eq!(shop.app.api(Method::GET, "/apps/nobody/quota", None).await.0, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_being_counted_in_the_database_when_the_process_stops_is_not_lost() {
    on_postgres(async |database| {
        const WAITS: &str = "SELECT 1 FROM pg_locks WHERE relation = 'call_counts'::regclass AND NOT granted";
        const COUNTED: &str = "SELECT SUM(calls)::BIGINT FROM call_counts WHERE path = '/cgi-bin/user/info'";
        let wechat = Wechat::start().await.unwrap();
        wechat.add_account(APPID, SECRET);
        wechat.follow(APPID, "oU");
        let shop = Shop::with(|config| {
            config.wechat.api_base.clone_from(&wechat.base);
            config.database_url = Some(database.url.clone());
        })
        .await;
        let mut admin = database.postgres().await;
        let mut locked = admin.begin().await.unwrap();
        sqlx::query("LOCK TABLE call_counts IN ACCESS EXCLUSIVE MODE").execute(&mut *locked).await.unwrap();
        shop.get(&format!("{USER_INFO}?openid=oU")).await;
        while sqlx::query(WAITS).fetch_optional(&mut *locked).await.unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let unlocking = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            locked.rollback().await.unwrap();
        };
        join(shop.app.stop(), unlocking).await;
        let counted: Option<i64> = sqlx::query_scalar(COUNTED).fetch_one(&mut admin).await.unwrap();
        assert_eq!(counted, Some(1));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quota_that_is_used_up_is_seen_and_cleared() {
    let (shop, wechat) = Shop::open().await;
    let live = async || shop.app.api(Method::GET, "/apps/shop/quota/cgi-bin/user/info", None).await.1;
    wechat.set_daily_limit(APPID, "/cgi-bin/user/info", 2);
    let user = format!("{USER_INFO}?openid=oU");
    shop.get(&user).await;
    assert_eq!(live().await, json!({"path": "/cgi-bin/user/info", "daily_limit": 2, "used": 1, "remain": 1}));
    shop.get(&user).await;
    assert_eq!(shop.get(&user).await.json::<Value>().await.unwrap()["errcode"], 45009);
    assert_eq!(shop.get(&user).await.status(), 429);
    let api = listed(&shop, "/cgi-bin/user/info").await;
    assert_eq!((&api["calls"], &api["pause"]["errcode"]), (&json!(3), &json!(45009)), "{api}");
    assert!(api["pause"]["until"].as_str().unwrap().ends_with("T16:00:00Z"), "midnight in China: {api}");

    let confirmed = json!({"confirm": APPID});
    let caller = shop.app.token_for(&["shop|wechat_api"]).await;
    let as_caller = shop.app.api_as(&caller, Method::POST, CLEAR, Some(confirmed.clone())).await;
    assert_eq!(as_caller.0, 403, "it is the account's");
    assert_eq!(shop.app.api(Method::POST, CLEAR, Some(json!({"confirm": "shop"}))).await.0, 422);
    assert_eq!(wechat.count("/cgi-bin/clear_quota"), 0);
    let (status, cleared) = shop.app.api(Method::POST, CLEAR, Some(confirmed.clone())).await;
    assert_eq!((status, &cleared), (200, &json!({"left": 9})));
    assert_eq!(shop.get(&user).await.json::<Value>().await.unwrap()["openid"], "oU");
    assert_eq!(listed(&shop, "/cgi-bin/user/info").await["pause"], json!(null));
    assert_eq!(live().await["used"], 1);

    for left in (0..9).rev() {
        assert_eq!(shop.app.api(Method::POST, CLEAR, Some(confirmed.clone())).await.1, json!({"left": left}));
    }
    let (status, problem) = shop.app.api(Method::POST, CLEAR, Some(confirmed)).await;
    assert_eq!((status, &problem["type"]), (429, &json!("too-often")), "{problem}");
    assert_eq!(wechat.count("/cgi-bin/clear_quota"), 10, "WeChat was not asked");

    for path in ["..", "%2Fcgi-bin", "a%20b"] {
        assert_eq!(shop.app.api(Method::GET, &format!("/apps/shop/quota/{path}"), None).await.0 / 100, 4);
    }
    let (status, problem) = shop.app.api(Method::GET, "/apps/shop/quota/cgi-bin/nothing", None).await;
    assert_eq!((status, &problem["errcode"]), (502, &json!(76021)), "{problem}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_was_refused_is_found_by_its_rid_without_its_token() {
    let (shop, _wechat) = Shop::open().await;
    let refused: Value = shop.post("cgi-bin/message/custom/send", r#"{"touser":"o"}"#).await.json().await.unwrap();
    let rid = refused["errmsg"].as_str().unwrap().split_once("rid: ").unwrap().1.to_owned();
    let (status, request) = shop.app.api(Method::GET, &format!("/apps/shop/quota/rid/{rid}"), None).await;
    assert_eq!((status, &request["rid"]), (200, &json!(rid)), "{request}");
    assert_eq!(request["request_url"], "/cgi-bin/message/custom/send?access_token=***");
    assert_eq!(request["request_body"], r#"{"touser":"o"}"#);
    assert!(!request.to_string().contains(SECRET), "{request}");
    assert_eq!(shop.app.api(Method::GET, "/apps/shop/quota/rid/a%26b", None).await.0, 400);
    let (status, problem) = shop.app.api(Method::GET, "/apps/shop/quota/rid/1-2", None).await;
    assert_eq!((status, &problem["errcode"]), (502, &json!(76001)), "{problem}");
}

#[tokio::test]
async fn a_pause_outlives_the_process_until_it_is_over() {
    on_every_database(async |database| {
        let house = House::at(&database).await;
        let info = UserInfo { openid: "oU" };
        house.simulated.fault("/cgi-bin/user/info", Fault::Errcode(45009), 1);
        assert_eq!(house.wechat.call(&house.app, &info).await.unwrap_err().errcode(), Some(45009));
        let other = house.replica().await;
        other.restore().await.unwrap();
        let paused = other.call(&house.app, &info).await.unwrap_err();
        assert!(matches!(paused, CallError::Paused { errcode: 45009, .. }), "{paused:?}");
        assert_eq!(house.simulated.count("/cgi-bin/user/info"), 1);
        house.wechat.resume(&house.app).await.unwrap();
        other.restore().await.unwrap();
        other.call(&house.app, &info).await.unwrap();

        // Both processes' calls stand in one count.
        house.wechat.call(&house.app, &info).await.unwrap();
        for wechat in [&house.wechat, &other] {
            wechat.write_counts().await.unwrap();
            wechat.write_counts().await.unwrap();
        }
        let counts = house.store.call_counts().of_day("shop", "2023-11-15").await.unwrap();
        let users = counts.iter().filter(|(kind, _)| kind.path == "/cgi-bin/user/info");
        let users: Vec<_> = users.map(|(kind, calls)| (kind.outcome.to_string(), *calls)).collect();
        assert_eq!(users, [("45009".to_owned(), 1), ("ok".to_owned(), 2)]);
        database.clock.advance(Duration::from_hours(24));
        house.store.close().await;
    })
    .await;
}
