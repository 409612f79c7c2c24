//! Deleting, what stands against it, and what people note.

use reqwest::Method;
use serde_json::{Value, json};
use weft::simulator::wechat::Fault;
use weft_wechat::api::material::NewsItem;

use super::{MATERIALS, field, id, mp4};
use crate::support::Shop;

const DELETE: &str = "/cgi-bin/material/del_material";

impl Shop {
    async fn delete(&self, media_id: &str, query: &str) -> (u16, Value) {
        self.call(Method::DELETE, &format!("/materials/{media_id}{query}"), None).await
    }

    async fn used_by(&self, media_id: &str) -> Vec<(String, String)> {
        let material = self.get(&format!("{MATERIALS}/{media_id}")).await;
        let text = |used: &Value, name: &str| used[name].as_str().unwrap().to_owned();
        let uses = material["used_by"].as_array().unwrap().iter();
        uses.map(|used| (text(used, "kind"), text(used, "name"))).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_material_that_something_uses_is_deleted_only_by_force() {
    let shop = Shop::open().await;
    let in_reply = shop.picture(1).await;
    let reply = json!({"type": "image", "media_id": in_reply});
    let handler = json!({"name": "欢迎", "rules": [{"type": "all"}], "replies": [reply]});
    assert_eq!(shop.call(Method::POST, "/handlers", Some(handler)).await.0, 201);
    let in_menu = shop.picture(2).await;
    let button = json!({"type": "media_id", "name": "图", "media_id": in_menu});
    let menu = json!({"buttons": [{"name": "更多", "sub_buttons": [button]}]});
    assert_eq!(shop.call(Method::PUT, "/menus", Some(menu)).await.0, 200);

    assert_eq!(shop.used_by(&in_reply).await, [("handler".to_owned(), "欢迎".to_owned())]);
    let (status, refused) = shop.delete(&in_reply, "").await;
    assert_eq!((status, &refused["type"]), (409, &json!("in-use")), "{refused}");
    assert!(refused["detail"].as_str().unwrap().contains("the handler `欢迎`"), "{refused}");
    assert!(shop.delete(&in_menu, "").await.1["detail"].as_str().unwrap().contains("the draft of the menus"));
    // The menu that users see uses it still when the draft does not.
    assert_eq!(shop.call(Method::POST, "/menus/publish", None).await.0, 200);
    let other = json!({"buttons": [{"type": "click", "name": "其他", "key": "K"}]});
    assert_eq!(shop.call(Method::PUT, "/menus", Some(other)).await.0, 200);
    assert_eq!(shop.used_by(&in_menu).await, [("menu".to_owned(), String::new())]);
    assert_eq!(shop.delete(&in_menu, "?force=false").await.0, 409);
    assert_eq!(shop.wechat.count(DELETE), 0);

    // WeChat has a protection of its own.
    let (status, refused) = shop.delete(&in_menu, "?force=true").await;
    assert_eq!((status, &refused["errcode"]), (502, &json!(48005)), "{refused}");
    assert_eq!(shop.delete(&in_reply, "?force=true").await.0, 204);
    assert_eq!(shop.wechat.materials(Shop::APPID), [in_menu.as_str()]);
    assert_eq!(shop.listed("").await, [in_menu]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_wechat_knows_no_more_counts_as_deleted() {
    let shop = Shop::open().await;
    let picture = shop.picture(1).await;
    shop.wechat.remove_material(Shop::APPID, &picture);
    assert_eq!(shop.delete(&picture, "").await.0, 204);
    assert_eq!(shop.delete(&picture, "").await.0, 404, "now nobody knows it");
    // What was made in WeChat's console can be deleted before it was ever synced.
    let news = shop.wechat.add_news(Shop::APPID, vec![NewsItem::default()]);
    assert_eq!(shop.delete(&news, "").await.0, 204);
    assert_eq!(shop.wechat.materials(Shop::APPID).len(), 0);

    let kept = shop.picture(2).await;
    shop.wechat.fault(DELETE, Fault::Errcode(45009), 1);
    assert_eq!(shop.delete(&kept, "").await.0, 502);
    assert_eq!(shop.listed("").await, [kept], "what WeChat keeps stays here");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn materials_are_noted_and_found() {
    let shop = Shop::open().await;
    let (first, second) = (shop.picture(1).await, shop.picture(2).await);
    let fields = [("type", "video"), ("title", "片")];
    let video = id(&shop.send_file("/materials", &fields, "Film.mp4", &mp4()).await.1);
    let patch = async |media_id: &str, body: Value| {
        shop.call(Method::PATCH, &format!("/materials/{media_id}"), Some(body)).await
    };
    let (status, noted) = patch(&first, json!({"alias": "标志", "comment": "春季"})).await;
    assert_eq!((status, &noted["alias"], &noted["comment"]), (200, &json!("标志"), &json!("春季")));
    let (status, taken) = patch(&second, json!({"alias": "标志"})).await;
    assert_eq!((status, &taken["type"]), (409, &json!("conflict")), "{taken}");
    assert_eq!(patch(&second, json!({"comment": "x"})).await.0, 200);
    assert_eq!(field(&patch(&second, json!({"alias": "长".repeat(65)})).await.1).0, "alias");
    assert_eq!(patch("unknown", json!({"alias": "a"})).await.0, 404);

    assert_eq!(shop.listed("?alias=%E6%A0%87%E5%BF%97").await, [first.as_str()]);
    assert_eq!(shop.listed("?search=%E6%98%A5").await, [first.as_str()]);
    assert_eq!(shop.listed("?search=fiLM").await, [video.as_str()]);
    assert_eq!(shop.listed("?type=video").await, [video.as_str()]);
    assert_eq!(shop.listed("?type=voice&search=").await, [""; 0]);
    let (status, body) = shop.call(Method::GET, "/materials?type=film", None).await;
    assert_eq!(status, 422, "{body}");
    // Page by page, each once.
    let mut seen = Vec::new();
    let mut path = format!("{MATERIALS}?limit=1");
    loop {
        let page = shop.get(&path).await;
        seen.extend(page["items"].as_array().unwrap().iter().map(id));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("{MATERIALS}?limit=1&cursor={cursor}");
    }
    let mut all = [first, second, video];
    seen.sort_unstable();
    all.sort_unstable();
    assert_eq!(seen, all);
    assert_eq!(shop.call(Method::GET, "/materials?cursor=nonsense", None).await.0, 400);
}
