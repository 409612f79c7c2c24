//! Auto-replies of WeChat's console become handlers.

mod failures;

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use weft::simulator::wechat::{Fault, Wechat};
use weft_wechat::api::{
    current_autoreply_info::AutoreplyInfo,
    media::{MediaFile, MediaType},
};

use super::{HANDLERS, add, list};
use crate::support::{Shop, TestApp};

const INFO: &str = "/cgi-bin/get_current_autoreply_info";
const GET: &str = "/cgi-bin/media/get";
const ADD: &str = "/cgi-bin/material/add_material";

/// A server with one app, and the WeChat that it calls.
struct House {
    app: TestApp,
    wechat: Wechat,
}

impl House {
    async fn new() -> Self {
        let Shop { app, wechat } = Shop::open().await;
        Self { app, wechat }
    }

    fn set(&self, info: Value) {
        self.wechat.set_autoreply(Shop::APPID, serde_json::from_value::<AutoreplyInfo>(info).unwrap());
    }

    fn media(&self, media_type: MediaType, content_type: &str, bytes: &[u8]) -> String {
        let file = MediaFile { content_type: content_type.into(), filename: None, bytes: bytes.to_vec().into() };
        self.wechat.add_media(Shop::APPID, media_type, file)
    }

    async fn post(&self) -> (u16, Value) {
        self.app.api(Method::POST, &format!("{HANDLERS}/sync"), None).await
    }

    async fn sync(&self) -> Value {
        let (status, report) = self.post().await;
        assert_eq!(status, 200, "{report}");
        report
    }

    /// Waits for the first call of `path`.
    async fn is_called(&self, path: &str) {
        while self.wechat.count(path) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn edit(&self, handler: &Value, change: Value) {
        let path = format!("{HANDLERS}/{}", handler["id"].as_str().unwrap());
        assert_eq!(self.app.api(Method::PATCH, &path, Some(change)).await.0, 200);
    }
}

/// As an account has them that uses everything. WeChat's lists are in reverse.
fn everything(image: &str, voice: &str) -> Value {
    let article = json!({
        "title": "新品", "author": "A", "digest": "摘要", "show_cover": 0, "cover_url": "https://p.example/1.jpg",
        "content_url": "https://mp.example/s?__biz=1&idx=1", "source_url": "",
    });
    json!({
        "is_add_friend_reply_open": 1, "is_autoreply_open": 1,
        "add_friend_autoreply_info": {"type": "text", "content": "欢迎"},
        "message_default_autoreply_info": {"type": "img", "content": image},
        "keyword_autoreply_info": {"list": [
            {
                "rule_name": "later", "create_time": 1_500_000_001, "reply_mode": "random_one",
                "keyword_list_info": [{"type": "text", "match_mode": "equal", "content": "hi"}],
                "reply_list_info": [
                    {"type": "voice", "content": voice},
                    {"type": "video", "content": "https://v.example/x?a=1&b=\"2\""},
                ],
            },
            {
                "rule_name": "earlier", "create_time": 1_500_000_000, "reply_mode": "reply_all",
                "keyword_list_info": [
                    {"type": "text", "match_mode": "contain", "content": "价格"},
                    {"type": "text", "match_mode": "equal", "content": "price"},
                ],
                "reply_list_info": [
                    {"type": "news", "content": "N", "news_info": {"list": [article]}},
                    {"type": "text", "content": "第一"},
                ],
            },
        ]},
    })
}

fn count(report: &Value, what: &str) -> usize {
    report[what].as_array().unwrap().len()
}

fn named<'a>(handlers: &'a [Value], name: &str) -> &'a Value {
    handlers.iter().find(|handler| handler["name"] == name).unwrap_or_else(|| panic!("no {name} in {handlers:?}"))
}

/// A keyword's rule with one text.
fn rule(name: &str, create_time: u64, reply: Value) -> Value {
    let keyword = json!({"type": "text", "match_mode": "contain", "content": name});
    let replies = vec![reply];
    json!({
        "rule_name": name, "create_time": create_time, "reply_mode": "reply_all", "keyword_list_info": [keyword],
        "reply_list_info": replies,
    })
}

fn rules(list: &[Value]) -> Value {
    json!({"is_add_friend_reply_open": 0, "is_autoreply_open": 0, "keyword_autoreply_info": {"list": list}})
}

fn text(text: &str) -> Value {
    json!({"type": "text", "content": text})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_auto_reply_becomes_a_handler() {
    let house = House::new().await;
    let image = house.media(MediaType::Image, "image/jpeg", b"jpeg");
    let voice = house.media(MediaType::Voice, "audio/amr", b"#!AMR");
    house.set(everything(&image, &voice));
    let report = house.sync().await;
    assert_eq!(
        (count(&report, "created"), &report["uploaded"], count(&report, "skipped")),
        (4, &json!(2), 0),
        "{report}"
    );

    let handlers = list(&house.app).await;
    let names: Vec<_> = handlers.iter().map(|handler| handler["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["被关注回复", "later", "earlier", "收到消息回复"], "in the order in which they are tried");
    assert!(handlers.iter().all(|handler| handler["source"] == "mp" && handler["enabled"] == true));
    let materials = house.wechat.materials(Shop::APPID);
    let [default, earlier, later, follow] =
        ["收到消息回复", "earlier", "later", "被关注回复"].map(|name| named(&handlers, name));
    assert_eq!(default["rules"], json!([{"type": "all"}]));
    assert_eq!(default["replies"], json!([{"type": "image", "media_id": materials[0]}]));
    assert_eq!(follow["rules"], json!([{"type": "event", "event": "subscribe"}]));
    assert_eq!(follow["replies"], json!([{"type": "text", "content": "欢迎"}]));
    assert_eq!((&earlier["strategy"], &later["strategy"]), (&json!("reply_all"), &json!("random_one")));
    assert_eq!(earlier["created_at"], "2017-07-14T02:40:00Z");
    assert_eq!(
        earlier["rules"],
        json!([{"type": "equal", "pattern": "price"}, {"type": "contain", "pattern": "价格"}])
    );
    let article = json!({
        "title": "新品", "description": "摘要", "picurl": "https://p.example/1.jpg",
        "url": "https://mp.example/s?__biz=1&idx=1",
    });
    assert_eq!(earlier["replies"], json!([text("第一"), {"type": "news", "articles": [article]}]));
    let link = "<a href=\"https://v.example/x?a=1&b=%222%22\">点击观看视频</a>";
    assert_eq!(later["replies"], json!([text(link), {"type": "voice", "media_id": materials[1]}]));
    let uploads: Vec<_> = house.wechat.calls().into_iter().filter(|call| call.path == ADD).collect();
    let endings =
        uploads.iter().map(|call| call.body["media"]["filename"].as_str().unwrap().rsplit_once('.').unwrap().1);
    assert_eq!(endings.collect::<Vec<_>>(), ["jpg", "amr"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn syncing_again_uploads_nothing_and_changes_nothing() {
    let house = House::new().await;
    let (image, voice) =
        (house.media(MediaType::Image, "image/png", b"png"), house.media(MediaType::Voice, "audio/amr", b"amr"));
    house.set(everything(&image, &voice));
    house.sync().await;
    let (before, asked) = (list(&house.app).await, house.wechat.count(GET));
    let report = house.sync().await;
    assert_eq!((count(&report, "unchanged"), &report["uploaded"]), (4, &json!(0)), "{report}");
    assert_eq!(list(&house.app).await, before);
    assert_eq!(house.wechat.count(GET), asked, "what was known by its media_id is not even downloaded");

    // WeChat gives the same files out under other ids.
    let (image, voice) =
        (house.media(MediaType::Image, "image/png", b"png"), house.media(MediaType::Voice, "audio/amr", b"amr"));
    house.set(everything(&image, &voice));
    let report = house.sync().await;
    assert_eq!((count(&report, "unchanged"), &report["uploaded"]), (4, &json!(0)), "{report}");
    assert_eq!(list(&house.app).await, before);
    assert_eq!((house.wechat.count(ADD), house.wechat.materials(Shop::APPID).len()), (2, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_stands_in_several_replies_is_uploaded_once() {
    let house = House::new().await;
    let [first, second] = [1, 2].map(|_| house.media(MediaType::Image, "image/png", b"png"));
    let image = |media_id: &str| json!({"type": "img", "content": media_id});
    house.set(rules(&[rule("a", 1, image(&first)), rule("b", 2, image(&second)), rule("c", 3, image(&first))]));
    let report = house.sync().await;
    assert_eq!((count(&report, "created"), &report["uploaded"]), (3, &json!(1)), "{report}");
    assert_eq!((house.wechat.count(ADD), house.wechat.count(GET)), (1, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changes_at_wechat_is_followed_and_what_was_edited_here_is_kept() {
    let house = House::new().await;
    house.set(rules(&["a", "b", "c", "d"].map(|name| rule(name, 1, text("old")))));
    house.sync().await;
    let before = list(&house.app).await;
    let own = add(&house.app, json!({"name": "own", "rules": [{"type": "all"}], "replies": [text("own")]})).await;
    house.edit(named(&before, "b"), json!({"replies": [text("edited")]})).await;
    house.edit(named(&before, "d"), json!({"enabled": false})).await;
    // a and b change, c and d go, e comes.
    house.set(rules(&[rule("e", 2, text("new")), rule("a", 1, text("new")), rule("b", 1, text("new"))]));

    let report = house.sync().await;
    let names = |what: &str| {
        let items = report[what].as_array().unwrap().iter();
        items.map(|item| item["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        (names("created"), names("replaced"), names("removed")),
        (vec!["e".into()], vec!["a".into()], vec!["c".into()])
    );
    assert_eq!((names("kept"), names("unchanged")), (vec!["b".into(), "d".into()], vec![]));
    assert!(report["kept"].as_array().unwrap().iter().all(|kept| kept["reason"] == "edited"));
    let after = list(&house.app).await;
    assert_eq!(after.len(), 5, "{after:?}");
    assert_eq!(named(&after, "a")["replies"], json!([text("new")]));
    assert_eq!(named(&after, "a")["id"], named(&before, "a")["id"]);
    assert_eq!(named(&after, "b")["replies"], json!([text("edited")]));
    assert_eq!(named(&after, "d")["enabled"], false);
    assert_eq!(named(&after, "own"), &own);
    house.sync().await;
    assert_eq!(list(&house.app).await, after, "again the same");

    // An edit that is taken back is none.
    house.edit(named(&after, "b"), json!({"replies": [text("old")]})).await;
    assert_eq!(house.sync().await["replaced"][0]["name"], "b");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handlers_that_came_in_a_file_stand_for_the_auto_reply_of_their_name() {
    let house = House::new().await;
    house.set(rules(&[rule("a", 1, text("a")), rule("b", 1, text("b"))]));
    house.sync().await;
    let (_, mut file) = house.app.api(Method::GET, &format!("{HANDLERS}/export"), None).await;
    for handler in file["handlers"].as_array_mut().unwrap() {
        handler.as_object_mut().unwrap().remove("id");
        if handler["name"] == "b" {
            handler["weight"] = json!(3);
        }
    }
    let old = list(&house.app).await;
    for handler in &old {
        let path = format!("{HANDLERS}/{}", handler["id"].as_str().unwrap());
        assert_eq!(house.app.api(Method::DELETE, &path, None).await.0, 204);
    }
    let (status, imported) = house.app.api(Method::POST, &format!("{HANDLERS}/import"), Some(file)).await;
    assert_eq!((status, count(&imported, "added")), (200, 2), "{imported}");
    let before = list(&house.app).await;
    let report = house.sync().await;
    assert_eq!((&report["unchanged"][0]["name"], &report["kept"][0]["name"]), (&json!("a"), &json!("b")), "{report}");
    assert_eq!(list(&house.app).await, before);
    // The one that was the same follows WeChat again.
    house.set(rules(&[rule("a", 1, text("new")), rule("b", 1, text("new"))]));
    let report = house.sync().await;
    assert_eq!((&report["replaced"][0]["name"], count(&report, "created")), (&json!("a"), 0), "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_switched_off_at_wechat_is_not_enabled() {
    let house = House::new().await;
    let mut info = json!({
        "is_add_friend_reply_open": 0, "is_autoreply_open": 0,
        "add_friend_autoreply_info": text("欢迎"), "message_default_autoreply_info": text("稍后回复"),
    });
    house.set(info.clone());
    house.sync().await;
    let handlers = list(&house.app).await;
    assert_eq!(handlers.len(), 2);
    assert!(handlers.iter().all(|handler| handler["enabled"] == false), "{handlers:?}");
    info["is_autoreply_open"] = json!(1);
    house.set(info);
    house.sync().await;
    let handlers = list(&house.app).await;
    assert_eq!(named(&handlers, "收到消息回复")["enabled"], true);
    assert_eq!(named(&handlers, "被关注回复")["enabled"], false);
    // Nothing was ever set.
    house.set(json!({"is_add_friend_reply_open": 0, "is_autoreply_open": 0}));
    assert_eq!(count(&house.sync().await, "removed"), 2);
    assert_eq!(list(&house.app).await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_accounts_with_such_settings_are_asked_by_those_who_may() {
    let house = House::new().await;
    for (name, more, why) in
        [("mini", json!({"type": "miniprogram", "appsecret": "s"}), "miniprogram"), ("bare", json!({}), "appsecret")]
    {
        house.app.create_app(name, more).await;
        let (status, problem) = house.app.api(Method::POST, &format!("/apps/{name}/handlers/sync"), None).await;
        assert_eq!((status, &problem["type"]), (422, &json!("unable")), "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(why), "{problem}");
    }
    assert_eq!(house.wechat.calls(), []);
    assert_eq!(house.app.api(Method::POST, "/apps/nobody/handlers/sync", None).await.0, 404);
    let path = format!("{HANDLERS}/sync");
    let may = house.app.token_for(&["shop|messagehandler_sync"]).await;
    let may_not = house.app.token_for(&["shop|messagehandler"]).await;
    assert_eq!(house.app.api_as(&may_not, Method::POST, &path, None).await.0, 403);
    assert_eq!(house.app.api_as(&may, Method::POST, &path, None).await.0, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_sync_runs_at_a_time() {
    let house = House::new().await;
    house.set(rules(&[rule("a", 1, text("a"))]));
    house.wechat.fault(INFO, Fault::Delay(Duration::from_secs(2)), 1);
    let second = async {
        house.is_called(INFO).await;
        house.post().await
    };
    let (first, second) = tokio::join!(house.post(), second);
    assert_eq!((first.0, second.0), (200, 409), "{first:?} {second:?}");
    assert_eq!(count(&house.sync().await, "unchanged"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sync_that_nobody_waits_for_goes_on_and_its_upload_is_not_lost() {
    let house = House::new().await;
    let image = house.media(MediaType::Image, "image/png", b"png");
    house.set(rules(&[rule("a", 1, json!({"type": "img", "content": image}))]));
    house.wechat.fault(ADD, Fault::Delay(Duration::from_secs(2)), 1);
    tokio::select! {
        () = house.is_called(ADD) => {}
        answer = house.post() => panic!("it answered in time: {answer:?}"),
    }
    let report = loop {
        match house.post().await {
            (409, _) => tokio::time::sleep(Duration::from_millis(20)).await,
            (status, report) => break (status, report),
        }
    };
    assert_eq!((report.0, count(&report.1, "unchanged"), house.wechat.count(ADD)), (200, 1, 1), "{report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_synced_answers_at_once() {
    let house = House::new().await;
    house.set(rules(&[rule("价格", 1, text("十元"))]));
    house.sync().await;
    let trial = json!({"message": {"type": "text", "content": "价格多少"}});
    let (status, answer) = house.app.api(Method::POST, &format!("{HANDLERS}/test"), Some(trial)).await;
    assert_eq!((status, &answer["replies"][0]["content"]), (200, &json!("十元")), "{answer}");
}
