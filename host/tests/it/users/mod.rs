//! Users: noted as their messages come, looked up in the background, and shown to operators.

mod bulk;
mod changes;
mod events;
mod profiles;
mod search;
mod strangers;
mod sync;
mod sync_killed;
mod tags;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};
use weft::{
    config::WechatConfig,
    model::{App, AppType, Profile, UserNote},
    storage::Store,
    upstream::Wechat,
    users::{FetchError, Users},
};
use weft_wechat::message::Message;

use crate::support::{
    Inbox, TestApp,
    database::{START, TestDatabase, on_every_database, on_sqlite},
    until,
};

const FIRST: UserNote = UserNote { new: true, first_subscribe: true };
const NEW: UserNote = UserNote { new: true, first_subscribe: false };
const NOTHING: UserNote = UserNote { new: false, first_subscribe: false };

const APPID: &str = "wxshop";

/// A server with an app, and the WeChat that it calls.
async fn inbox() -> Inbox {
    let inbox = Inbox::start().await;
    inbox.account("shop", json!({})).await;
    inbox
}

/// Calls the API of the app and expects a status.
async fn call(inbox: &Inbox, method: Method, path: &str, body: Option<Value>, expected: u16) -> Value {
    let path = format!("/apps/shop{path}");
    let (status, answer) = inbox.app.api(method.clone(), &path, body.clone()).await;
    assert_eq!(status, expected, "{method} {path} {body:?}: {answer}");
    answer
}

/// What came of a job, when it is over.
async fn outcome(app: &TestApp, started: &Value) -> Value {
    let path = format!("/jobs/{}", started["id"].as_str().unwrap());
    until("the job is over", async || {
        let (_, job) = app.api(Method::GET, &path, None).await;
        let is_over = ["done", "failed", "cancelled"].contains(&job["state"].as_str().unwrap());
        is_over.then_some(job)
    })
    .await
}

fn message(openid: &str, at: u64, content: &str) -> Message {
    Message::parse(&format!(
        "<xml><ToUserName>gh_test</ToUserName><FromUserName>{openid}</FromUserName><CreateTime>{at}</CreateTime>\
         {content}</xml>"
    ))
    .unwrap()
}

fn text(openid: &str) -> Message {
    message(openid, START, "<MsgType>text</MsgType><Content>hi</Content><MsgId>1</MsgId>")
}

fn event(openid: &str, at: u64, name: &str) -> Message {
    message(openid, at, &format!("<MsgType>event</MsgType><Event>{name}</Event>"))
}

fn scanned(openid: &str, at: u64) -> Message {
    let event = "<MsgType>event</MsgType><Event>subscribe</Event><EventKey>qrscene_42</EventKey><Ticket>t</Ticket>";
    message(openid, at, event)
}

async fn shop(database: &TestDatabase) -> (Store, Users, App) {
    let store = database.open().await;
    let app = store.apps().insert(&App::new("shop", AppType::Service, "wx1")).await.unwrap();
    let clock = database.clock.clone();
    let wechat = Wechat::new(&WechatConfig::default(), store.clone(), clock.clone()).unwrap();
    (store.clone(), Users::new(store, wechat, clock), app)
}

#[tokio::test]
async fn a_user_is_noted_by_what_they_do() {
    on_every_database(async |database| {
        let (store, users, app) = shop(&database).await;
        assert_eq!(users.note(&app, &text("o1")).await, NEW);
        assert_eq!(users.note(&app, &text("o1")).await, NOTHING);
        let first = UserNote { new: false, first_subscribe: true };
        assert_eq!(users.note(&app, &event("o1", START, "subscribe")).await, first);
        assert_eq!(users.note(&app, &scanned("o2", START)).await, FIRST);
        assert_eq!(users.note(&app, &event("o2", START + 5, "unsubscribe")).await, NOTHING);
        assert_eq!(users.note(&app, &event("o2", START + 9, "subscribe")).await, NOTHING);

        let found = store.users().find("shop", "o2").await.unwrap().unwrap();
        assert!(found.subscribed);
        assert_eq!(found.subscribed_at, Some(START + 9));
        assert_eq!((found.unsubscribed_at, found.first_subscribed_at), (Some(START + 5), Some(START)));
        let found = store.users().find("shop", "o1").await.unwrap().unwrap();
        assert_eq!((found.subscribed, found.first_subscribed_at), (true, Some(START)));
        users.finish().await;
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn who_is_no_user_is_not_noted() {
    on_sqlite(async |database| {
        let (store, users, app) = shop(&database).await;
        for sent in [
            event("mphelper", START, "MASSSENDJOBFINISH"),
            event("oSystem", START, "naming_verify_success"),
            event("oSystem", START, "weapp_audit_success"),
            event("oGone", START, "user_authorization_cancellation"),
            text("not an openid"),
            text(&"o".repeat(65)),
        ] {
            assert_eq!(users.note(&app, &sent).await, NOTHING, "{sent:?}");
        }
        assert!(store.users().list("shop", &weft::model::UserFilter::default(), None, 10).await.unwrap().is_empty());
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_user_seen_lately_costs_no_query_and_a_new_app_knows_nobody_of_the_old_one() {
    on_sqlite(async |database| {
        let (store, users, app) = shop(&database).await;
        assert_eq!(users.note(&app, &text("o1")).await, NEW);
        let again = async || {
            assert!(store.apps().delete("shop").await.unwrap());
            store.apps().insert(&App::new("shop", AppType::Service, "wx1")).await.unwrap()
        };
        assert_eq!(again().await, app);
        assert_eq!(users.note(&app, &text("o1")).await, NOTHING, "the database would have known nobody");
        database.clock.advance(Duration::from_secs(1));
        let app = again().await;
        assert_eq!(users.note(&app, &text("o1")).await, NEW);
        store.close().await;
        let stranger = text("o2");
        let failing = tokio::time::timeout(Duration::from_secs(5), users.note(&app, &stranger));
        assert_eq!(failing.await.unwrap(), NOTHING, "nobody waits for what fails");
    })
    .await;
}

#[tokio::test]
async fn a_database_that_is_busy_holds_no_answer_up_and_the_user_is_written_when_it_is_not() {
    on_sqlite(async |database| {
        let (store, users, app) = shop(&database).await;
        let url = database.url.to_string();
        let mut other = SqliteConnection::connect(&url).await.unwrap();
        sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
        let began = std::time::Instant::now();
        assert_eq!(users.note(&app, &event("o1", START, "subscribe")).await, NOTHING);
        // The database itself would wait for five seconds.
        assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
        sqlx::query("COMMIT").execute(&mut other).await.unwrap();
        users.finish().await;
        let found = store.users().find("shop", "o1").await.unwrap().unwrap();
        assert_eq!((found.subscribed, found.first_subscribed_at), (true, Some(START)));
        store.close().await;
    })
    .await;
}

/// An app and the openids that are asked about.
type Question = (String, Vec<String>);

/// A WeChat that knows all users but those whose openids begin with `bad`, and notes what it was asked.
#[derive(Clone, Default)]
struct WeChat {
    asked: Arc<Mutex<Vec<Question>>>,
    fails: Arc<Mutex<Option<FetchError>>>,
}

impl WeChat {
    fn answer(&self, app: String, openids: Vec<String>) -> Result<Vec<Profile>, FetchError> {
        let refused = openids.iter().any(|openid| openid.starts_with("bad"));
        let profiles = openids.iter().filter(|openid| !openid.starts_with("left")).map(|openid| Profile {
            openid: openid.clone(),
            unionid: Some(format!("u{openid}")),
            ..Profile::default()
        });
        let profiles = profiles.collect();
        self.asked.lock().unwrap().push((app, openids));
        match self.fails.lock().unwrap().clone() {
            Some(error) => Err(error),
            None if refused => Err(FetchError::InvalidOpenid),
            None => Ok(profiles),
        }
    }

    /// One round of questions; how many there were.
    async fn round(&self, users: &Users) -> usize {
        let fetch = |app, openids| std::future::ready(self.answer(app, openids));
        while users.fetch_profiles_due(&fetch).await.unwrap() {}
        std::mem::take(&mut *self.asked.lock().unwrap()).len()
    }
}

async fn has_profile(store: &Store, openid: &str) -> bool {
    store.users().find("shop", openid).await.unwrap().unwrap().unionid.is_some()
}

/// A server with an app and some of its users.
async fn server() -> TestApp {
    let app = TestApp::start().await;
    app.create_app("shop", json!({})).await;
    let users = app.state.store.users();
    for n in 0..5 {
        users.subscribed("shop", &format!("oUser{n}"), START + n, None, true).await.unwrap();
    }
    users.unsubscribed("shop", "oUser4", START + 10).await.unwrap();
    app
}

fn openids(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|user| user["openid"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operators_list_users_page_by_page_and_find_them() {
    let app = server().await;
    let (status, first) = app.api(Method::GET, "/apps/shop/users?limit=2", None).await;
    assert_eq!(status, 200, "{first}");
    let (mut seen, mut page) = (Vec::new(), first);
    loop {
        seen.extend(openids(&page).into_iter().map(str::to_owned));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        page = app.api(Method::GET, &format!("/apps/shop/users?limit=2&cursor={cursor}"), None).await.1;
    }
    seen.sort();
    assert_eq!(seen, ["oUser0", "oUser1", "oUser2", "oUser3", "oUser4"]);
    for (query, found) in [
        ("subscribed=false", &["oUser4"][..]),
        ("openid=oUser3&subscribed=true", &["oUser3"]),
        ("openid=oUser3&subscribed=", &[]),
        ("search=oUser2&openid=", &["oUser2"]),
        ("nickname=x", &[]),
    ] {
        let (status, page) = app.api(Method::GET, &format!("/apps/shop/users?{query}"), None).await;
        if query.ends_with("subscribed=") {
            assert_eq!((status, &page["type"]), (400, &json!("bad-request")), "{page}");
        } else {
            assert_eq!((status, openids(&page)), (200, found.to_vec()), "{query}");
        }
    }
    for (query, status) in [("cursor=x", 400), ("cursor=x.y", 400), ("limit=x", 400)] {
        assert_eq!(app.api(Method::GET, &format!("/apps/shop/users?{query}"), None).await.0, status, "{query}");
    }
    let long = format!("/apps/shop/users?nickname={}&search=x", "x".repeat(129));
    let (status, problem) = app.api(Method::GET, &long, None).await;
    assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!("nickname")), "{problem}");
    assert_eq!(app.api(Method::GET, "/apps/nobody/users", None).await.0, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operators_read_a_user_and_change_what_only_weft_knows() {
    let app = server().await;
    let (status, user) = app.api(Method::GET, "/apps/shop/users/oUser4", None).await;
    assert_eq!(status, 200, "{user}");
    assert_eq!((&user["openid"], &user["subscribed"]), (&json!("oUser4"), &json!(false)));
    assert_eq!(user["subscribed_at"], "2023-11-14T22:13:24Z");
    assert_eq!(user["unsubscribed_at"], "2023-11-14T22:13:30Z");
    assert_eq!((&user["tags"], &user["remark"], &user["nickname"]), (&json!([]), &json!(""), &Value::Null));

    let patch = json!({"alias": "老板", "comment": "喜欢茶\n不喜欢咖啡"});
    let (status, changed) = app.api(Method::PATCH, "/apps/shop/users/oUser4", Some(patch)).await;
    assert_eq!((status, &changed["alias"], &changed["comment"]), (200, &json!("老板"), &json!("喜欢茶\n不喜欢咖啡")));
    let (_, changed) = app.api(Method::PATCH, "/apps/shop/users/oUser4", Some(json!({"alias": ""}))).await;
    assert_eq!((&changed["alias"], &changed["comment"]), (&json!(""), &json!("喜欢茶\n不喜欢咖啡")));

    let long = json!({"alias": "x".repeat(33), "comment": "x".repeat(1001)});
    let (status, problem) = app.api(Method::PATCH, "/apps/shop/users/oUser4", Some(long)).await;
    let fields: Vec<_> = problem["errors"].as_array().unwrap().iter().map(|error| &error["field"]).collect();
    assert_eq!((status, fields), (422, vec![&json!("alias"), &json!("comment")]));
    let (status, problem) = app.api(Method::PATCH, "/apps/shop/users/oUser4", Some(json!({"remark": "x"}))).await;
    assert_eq!((status, &problem["type"]), (422, &json!("unable")), "a remark is WeChat's, and the app has no secret");
    assert_eq!(app.api(Method::GET, "/apps/shop/users/oUser4", None).await, (200, changed));
    for path in ["/apps/shop/users/oNobody", "/apps/nobody/users/oUser4", "/apps/shop/users/%00"] {
        assert_eq!(app.api(Method::GET, path, None).await.0, 404, "{path}");
        assert_eq!(app.api(Method::PATCH, path, Some(json!({"alias": "x"}))).await.0, 404, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_are_for_those_who_may_see_users_of_the_app() {
    let app = server().await;
    for (permission, status) in [("shop|user", 200), ("shop", 200), ("shop|menu", 403), ("blog|user", 403)] {
        let token = app.token_for(&[permission]).await;
        for (method, path) in [
            (Method::GET, "/apps/shop/users"),
            (Method::GET, "/apps/shop/users/oUser1"),
            (Method::PATCH, "/apps/shop/users/oUser1"),
        ] {
            let body = (method == Method::PATCH).then(|| json!({"comment": "x"}));
            assert_eq!(app.api_as(&token, method.clone(), path, body).await.0, status, "{permission} {method} {path}");
        }
    }
}
