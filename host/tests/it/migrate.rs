//! `POST /apps/{app}/migrate`, from one account of a simulated WeChat to another.

use reqwest::Method;
use serde_json::{Value, json};
use weft::simulator::wechat::{Fault, Wechat};
use weft_wechat::api::{
    FilePart,
    material::add_material::{AddMaterial, VideoDescription},
    media::{MediaFile, MediaType},
};

use crate::support::{Inbox, TestApp, until};

const ADD: &str = "/cgi-bin/material/add_material";
const ADD_DRAFT: &str = "/cgi-bin/draft/add";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n picture";
const AMR: &[u8] = b"#!AMR\n voice";
const MP4: &[u8] = b"\0\0\0\x18ftypmp42\0\0\0\0 film";

/// A server with two apps, and their accounts.
struct House {
    app: TestApp,
    wechat: Wechat,
}

impl House {
    async fn new() -> Self {
        let inbox = Inbox::start().await;
        for name in ["old", "new"] {
            inbox.account(name, json!({})).await;
        }
        let Inbox { app, wechat } = inbox;
        Self { app, wechat }
    }

    /// A call that succeeds.
    async fn call(&self, method: Method, path: &str, body: Value) -> Value {
        let body = (!body.is_null()).then_some(body);
        let (status, answer) = self.app.api(method, path, body).await;
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
        answer
    }

    async fn get(&self, path: &str) -> Value {
        self.call(Method::GET, path, Value::Null).await
    }

    async fn handler(&self, fields: Value) -> Value {
        self.call(Method::POST, "/apps/old/handlers", fields).await
    }

    async fn permanent(&self, media_type: MediaType, content: &'static [u8]) -> String {
        let old = self.app.state.store.apps().find("old").await.unwrap().unwrap();
        let file = FilePart::media("a.png", "image/png", bytes::Bytes::from_static(content));
        let words = || VideoDescription { title: "Tea".into(), introduction: "How to make it".into() };
        let description = (media_type == MediaType::Video).then(words);
        let add = AddMaterial { media_type, file, description };
        self.app.state.wechat.call(&old, &add).await.unwrap().media_id
    }

    fn temporary(&self, media_type: MediaType, bytes: &'static [u8]) -> String {
        let file = MediaFile { content_type: "audio/amr".into(), filename: None, bytes: bytes.into() };
        self.wechat.add_media("wxold", media_type, file)
    }

    async fn start(&self, body: Value) -> String {
        let started = self.call(Method::POST, "/apps/new/migrate", body).await;
        started["id"].as_str().unwrap().to_owned()
    }

    /// What came of a migration.
    async fn migrate(&self, body: Value) -> Value {
        let path = format!("/jobs/{}", self.start(body).await);
        until("it is done", async || {
            let job = self.get(&path).await;
            assert_ne!(job["state"], "failed", "{job}");
            (job["state"] == "done").then(|| job["result"].clone())
        })
        .await
    }

    async fn handlers(&self, app: &str) -> Vec<Value> {
        self.get(&format!("/apps/{app}/handlers")).await["items"].as_array().unwrap().clone()
    }
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect()
}

fn text(name: &str) -> Value {
    json!({"name": name, "rules": [{"type": "equal", "pattern": name}], "replies": [{"type": "text", "content": name}]})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handlers_come_over_with_their_media_once() {
    let house = House::new().await;
    let (picture, voice) = (house.permanent(MediaType::Image, PNG).await, house.temporary(MediaType::Voice, AMR));
    let again = house.temporary(MediaType::Image, PNG);
    let replies = json!([{"type": "image", "media_id": picture}, {"type": "voice", "media_id": voice}]);
    house.handler(json!({"name": "media", "weight": 5, "rules": [{"type": "all"}], "replies": replies})).await;
    house.handler(json!({"name": "same", "replies": [{"type": "image", "media_id": again}]})).await;
    house.handler(text("text")).await;
    let film = house.permanent(MediaType::Video, MP4).await;
    house.handler(json!({"name": "film", "weight": 4, "replies": [{"type": "video", "media_id": film}]})).await;
    house.handler(json!({"name": "news", "replies": [{"type": "news", "media_id": "articles"}]})).await;
    house.handler(json!({"name": "lost", "replies": [{"type": "image", "media_id": "nowhere"}]})).await;
    let uploads = house.wechat.count(ADD);

    let would = house.migrate(json!({"from": "old", "parts": ["handlers"], "dry_run": true})).await;
    assert_eq!((&would["dry_run"], &would["menus"]), (&json!(true), &Value::Null));
    assert_eq!(names(&would["handlers"]["copied"]), ["media", "film", "lost", "text", "same"]);
    assert_eq!(names(&would["handlers"]["failed"]), ["news"]);
    assert_eq!(house.handlers("new").await, [] as [Value; 0]);
    assert_eq!(house.wechat.count(ADD), uploads);

    let report = house.migrate(json!({"from": "old", "parts": ["handlers"]})).await;
    assert_eq!(names(&report["handlers"]["copied"]), ["media", "film", "text", "same"], "{report}");
    assert_eq!(names(&report["handlers"]["failed"]), ["lost", "news"]);
    let reason = report["handlers"]["failed"][0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("replies[0]: ") && reason.contains("nowhere"), "{reason}");
    assert_eq!((&report["uploaded"], house.wechat.count(ADD)), (&json!(3), uploads + 3), "the same file is one");
    let copied = house.handlers("new").await;
    assert_eq!(
        copied.iter().map(|handler| handler["name"].as_str().unwrap()).collect::<Vec<_>>(),
        ["media", "film", "text", "same"]
    );
    assert_eq!((&copied[0]["source"], &copied[0]["weight"]), (&json!("migrate"), &json!(5)));
    let at_new = house.wechat.materials("wxnew");
    let used = [&copied[0]["replies"][0], &copied[0]["replies"][1], &copied[3]["replies"][0]];
    let used = used.map(|reply| reply["media_id"].as_str().unwrap().to_owned());
    assert!(used.iter().all(|media_id| at_new.contains(media_id)) && used[0] == used[2], "{used:?} {at_new:?}");

    // What was changed here stays; the rest is the same, and nothing is uploaded again.
    let path = format!("/apps/new/handlers/{}", copied[2]["id"].as_str().unwrap());
    house.call(Method::PATCH, &path, json!({"enabled": false})).await;
    let before = house.handlers("new").await;
    let second = house.migrate(json!({"from": "old", "parts": ["handlers"]})).await;
    assert_eq!(names(&second["handlers"]["unchanged"]), ["media", "film", "same"]);
    assert_eq!((names(&second["handlers"]["kept"]), &second["uploaded"]), (vec!["text"], &json!(0)));
    assert_eq!((house.handlers("new").await, house.wechat.count(ADD)), (before, uploads + 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_draft_of_the_menus_comes_over_where_there_is_none() {
    let house = House::new().await;
    let picture = house.permanent(MediaType::Image, PNG).await;
    let report = house.migrate(json!({"from": "old", "parts": ["menus"]})).await;
    assert_eq!(report["menus"]["outcome"], "failed");
    let click = json!({"type": "click", "name": "c", "key": "k"});
    let sub = json!([
        {"type": "media_id", "name": "p", "media_id": picture},
        {"type": "article_id", "name": "a", "article_id": "A"},
    ]);
    let only = json!([{"type": "view_limited", "name": "v", "media_id": "M"}]);
    let menus = json!({
        "buttons": [click, {"name": "more", "sub_buttons": sub}, {"name": "only", "sub_buttons": only}],
        "conditional": [
            {"buttons": [click], "matchrule": {"client_platform_type": 1}},
            {"buttons": [click], "matchrule": {"tag_id": 2}},
        ],
    });
    house.call(Method::PUT, "/apps/old/menus", menus).await;
    let would = house.migrate(json!({"from": "old", "parts": ["menus"], "dry_run": true})).await;
    assert_eq!((&would["menus"]["outcome"], &would["uploaded"]), (&json!("copied"), &json!(1)));
    assert_eq!(house.get("/apps/new/menus").await["buttons"], json!([]));

    let report = house.migrate(json!({"from": "old"})).await;
    assert_eq!(report["menus"]["outcome"], "copied", "{report}");
    let left_out: Vec<_> =
        report["menus"]["left_out"].as_array().unwrap().iter().map(|part| part["field"].as_str().unwrap()).collect();
    assert_eq!(left_out, ["buttons[1].sub_buttons[1]", "buttons[2].sub_buttons[0]", "conditional[1]"]);
    let draft = house.get("/apps/new/menus").await;
    let copy = &house.wechat.materials("wxnew")[0];
    let more = json!({"name": "more", "sub_buttons": [{"type": "media_id", "name": "p", "media_id": copy}]});
    assert_eq!(draft["buttons"], json!([click, more]));
    assert_eq!(draft["conditional"], json!([{"buttons": [click], "matchrule": {"client_platform_type": 1}}]));

    let second = house.migrate(json!({"from": "old"})).await;
    assert_eq!((&second["menus"]["outcome"], &second["uploaded"]), (&json!("unchanged"), &json!(0)));
    house.call(Method::PUT, "/apps/new/menus", json!({"buttons": [click]})).await;
    let third = house.migrate(json!({"from": "old"})).await;
    assert_eq!(third["menus"]["outcome"], "kept");
    assert_eq!(house.get("/apps/new/menus").await["buttons"], json!([click]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn materials_and_drafts_come_over_once_with_their_covers_and_notes() {
    let house = House::new().await;
    let cover = house.permanent(MediaType::Image, PNG).await;
    let (voice, film) = (house.permanent(MediaType::Voice, AMR).await, house.permanent(MediaType::Video, MP4).await);
    for title in ["spring", "summer"] {
        let article = json!({"title": title, "content": format!("<p>{title}</p>"), "thumb_media_id": cover});
        house.call(Method::POST, "/apps/old/drafts", json!({"articles": [article]})).await;
    }
    let sync = house.call(Method::POST, "/apps/old/materials/sync", json!({})).await;
    let path = format!("/jobs/{}", sync["id"].as_str().unwrap());
    until("the sync is over", async || (house.get(&path).await["state"] == "done").then_some(())).await;
    let noted = json!({"alias": "logo", "comment": "the blue one"});
    house.call(Method::PATCH, &format!("/apps/old/materials/{cover}"), noted).await;
    let uploads = house.wechat.count(ADD);

    let body = json!({"from": "old", "parts": ["materials", "drafts"]});
    let mut dry = body.clone();
    dry["dry_run"] = json!(true);
    let would = house.migrate(dry).await;
    let counts = |report: &Value, part: &str| {
        ["copied", "unchanged", "failed"].map(|count| report[part][count].as_u64().unwrap())
    };
    assert_eq!((counts(&would, "materials"), counts(&would, "drafts")), ([3, 0, 0], [2, 0, 0]), "{would}");
    assert_eq!((&would["uploaded"], &would["handlers"]), (&json!(3), &Value::Null));
    assert_eq!(house.wechat.count(ADD), uploads);
    assert_eq!(house.get("/apps/new/drafts").await["items"], json!([]));

    let report = house.migrate(body.clone()).await;
    assert_eq!((counts(&report, "materials"), counts(&report, "drafts")), ([3, 0, 0], [2, 0, 0]), "{report}");
    assert_eq!((&report["uploaded"], house.wechat.count(ADD)), (&json!(3), uploads + 3), "a cover is no second file");
    let at_new = house.get("/apps/new/materials").await;
    let types: Vec<_> = at_new["items"].as_array().unwrap().iter().map(|item| item["type"].as_str().unwrap()).collect();
    assert_eq!(types.len(), 3, "{at_new}");
    assert!([&cover, &voice, &film].iter().all(|old| !at_new.to_string().contains(old.as_str())), "{at_new}");
    let logo = house.get("/apps/new/materials?alias=logo").await["items"][0].clone();
    assert_eq!((&logo["type"], &logo["comment"]), (&json!("image"), &json!("the blue one")));
    let drafts = house.get("/apps/new/drafts").await;
    let mut titles: Vec<_> = drafts["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|draft| draft["articles"][0]["title"].as_str().unwrap())
        .collect();
    titles.sort_unstable();
    assert_eq!(titles, ["spring", "summer"]);
    assert_eq!(drafts["items"][0]["articles"][0]["thumb_media_id"], logo["media_id"], "{drafts}");

    let second = house.migrate(body).await;
    assert_eq!((counts(&second, "materials"), counts(&second, "drafts")), ([0, 3, 0], [0, 2, 0]), "{second}");
    assert_eq!((house.wechat.count(ADD), second["uploaded"].clone()), (uploads + 3, json!(0)));
    assert_eq!(house.get("/apps/new/drafts").await["items"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draft_that_may_be_there_is_not_made_twice() {
    let house = House::new().await;
    let cover = house.permanent(MediaType::Image, PNG).await;
    let article = json!({"title": "spring", "content": "<p>tea</p>", "thumb_media_id": cover});
    house.call(Method::POST, "/apps/old/drafts", json!({"articles": [article]})).await;
    let made = house.wechat.count(ADD_DRAFT);

    house.wechat.fault(ADD_DRAFT, Fault::Disconnect, 1);
    let body = json!({"from": "old", "parts": ["drafts"]});
    let report = house.migrate(body.clone()).await;
    assert_eq!((&report["drafts"]["copied"], &report["drafts"]["failed"]), (&json!(0), &json!(1)), "{report}");
    let reason = report["drafts"]["failures"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("sync the drafts"), "{reason}");

    let sync = house.call(Method::POST, "/apps/new/drafts/sync", Value::Null).await;
    let path = format!("/jobs/{}", sync["id"].as_str().unwrap());
    until("the sync is over", async || (house.get(&path).await["state"] == "done").then_some(())).await;
    let second = house.migrate(body).await;
    assert_eq!((&second["drafts"]["unchanged"], &second["drafts"]["failed"]), (&json!(1), &json!(0)), "{second}");
    assert_eq!(house.wechat.count(ADD_DRAFT), made + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_that_wechat_keeps_waiting_goes_on_and_is_one_job() {
    let house = House::new().await;
    for number in 0..25 {
        house.handler(text(&format!("h{number}"))).await;
    }
    let picture = house.permanent(MediaType::Image, PNG).await;
    // The last that is tried.
    let last = json!({"name": "last", "weight": -1, "replies": [{"type": "image", "media_id": picture}]});
    house.handler(last).await;
    house.wechat.fault(ADD, Fault::Errcode(45011), 1);
    let body = json!({"from": "old", "parts": ["handlers"]});
    let id = house.start(body.clone()).await;
    let waits = until("it waits", async || {
        let job = house.get(&format!("/jobs/{id}")).await;
        job["waits_until"].is_string().then_some(job)
    })
    .await;
    assert!(waits["error"].as_str().unwrap().contains("45011"), "{waits}");
    assert_eq!(waits["progress"], json!({"done": 20, "total": 26}));
    assert_eq!(house.handlers("new").await.len(), 20);
    let (status, again) = house.app.api(Method::POST, "/apps/new/migrate", Some(body)).await;
    assert_eq!((status, &again["id"], &again["existed"]), (202, &json!(id), &json!(true)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_migrates_manages_the_one_app_and_may_read_the_other() {
    let house = House::new().await;
    let migrate = async |token: &str, app: &str, body: Value| {
        house.app.api_as(token, Method::POST, &format!("/apps/{app}/migrate"), Some(body)).await.0
    };
    let both = json!({"from": "old"});
    for (permissions, expected) in [
        (vec!["new"], 403),
        (vec!["old", "new|menu"], 403),
        (vec!["new|manage", "old|messagehandler", "old|menu"], 403),
        (vec!["new|manage", "old|messagehandler", "old|menu", "old|material"], 202),
    ] {
        let token = house.app.token_for(&permissions).await;
        assert_eq!(migrate(&token, "new", both.clone()).await, expected, "{permissions:?}");
    }
    let all = house.app.token.as_str();
    assert_eq!(migrate(all, "nobody", both.clone()).await, 404);
    assert_eq!(migrate(all, "new", json!({"from": "nobody"})).await, 404);
    assert_eq!(migrate(all, "new", json!({"from": "new"})).await, 422);
    assert_eq!(migrate(all, "new", json!({"from": "old", "parts": []})).await, 422);
    assert_eq!(migrate(all, "new", json!({"from": "old", "parts": ["users"]})).await, 422);
}
