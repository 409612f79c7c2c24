//! Materials that nothing uses.

use reqwest::Method;
use serde_json::{Value, json};
use weft::simulator::wechat::Fault;
use weft_wechat::api::material::NewsItem;

use super::{id, result};
use crate::support::Shop;

const DELETE: &str = "/cgi-bin/material/del_material";

impl Shop {
    async fn clean_up(&self, body: Value) -> (u16, Value) {
        self.call(Method::POST, "/materials/clean-up", Some(body)).await
    }
}

fn ids(body: &Value) -> Vec<String> {
    let mut ids: Vec<_> = body["items"].as_array().unwrap().iter().map(id).collect();
    ids.sort_unstable();
    ids
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nothing_uses_is_listed_first_and_deleted_when_it_is_meant() {
    let shop = Shop::open().await;
    let mut pictures = Vec::new();
    for number in 0..6 {
        pictures.push(shop.picture(number).await);
    }
    let [in_reply, in_menu, cover, in_text, mut unused @ ..] = <[String; 6]>::try_from(pictures).unwrap();
    unused.sort_unstable();
    let reply = json!({"type": "image", "media_id": in_reply});
    let handler = json!({"name": "h", "rules": [{"type": "all"}], "replies": [reply]});
    assert_eq!(shop.call(Method::POST, "/handlers", Some(handler)).await.0, 201);
    let menu = json!({"buttons": [{"type": "media_id", "name": "图", "media_id": in_menu}]});
    assert_eq!(shop.call(Method::PUT, "/menus", Some(menu)).await.0, 200);
    let url = shop.get(&format!("/apps/shop/materials/{in_text}")).await["url"].as_str().unwrap().to_owned();
    let content = format!("<p><img data-src=\"{}?wx_fmt=png\"></p>", url.replace("http://", "https://"));
    let draft = NewsItem { title: "草稿".into(), content, thumb_media_id: cover.clone(), ..NewsItem::default() };
    // In WeChat's console: only a sync knows it.
    shop.wechat.add_draft(Shop::APPID, vec![draft]);

    // They are too young, unless that does not matter.
    let (status, young) = shop.clean_up(json!({})).await;
    assert_eq!((status, &young["count"], &young["dry_run"]), (200, &json!(0), &json!(true)), "{young}");
    let all = json!({"older_than_days": 0});
    shop.app.state.store.apps().find("shop").await.unwrap();
    let until_old = crate::support::until("a second has passed", async || {
        let (_, listed) = shop.clean_up(all.clone()).await;
        (listed["count"] == 4).then_some(listed)
    });
    let before_sync = until_old.await;
    let mut expected = unused.to_vec();
    expected.extend([cover.clone(), in_text.clone()]);
    expected.sort_unstable();
    assert_eq!(ids(&before_sync), expected, "the draft is not known yet");
    assert_eq!(shop.wechat.count(DELETE), 0, "a dry run deletes nothing");
    assert_eq!(ids(&shop.clean_up(json!({"older_than_days": 0, "types": ["voice"]})).await.1), [""; 0]);

    // The job reads the drafts before it deletes anything.
    let body = json!({"dry_run": false, "older_than_days": 0});
    let job = shop.job("/materials/clean-up", Some(body.clone())).await;
    assert_eq!(*result(&job), json!({"deleted": 2, "kept": 0, "refused": []}));
    let mut left = shop.wechat.materials(Shop::APPID);
    left.sort_unstable();
    let mut used = vec![in_reply, in_menu, cover, in_text];
    used.sort_unstable();
    assert_eq!(left, used);
    assert_eq!(shop.clean_up(all).await.1["count"], 0);
    assert_eq!(result(&shop.job("/materials/clean-up", Some(body)).await)["deleted"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_wechat_keeps_is_named_and_what_it_knows_no_more_is_forgotten() {
    let shop = Shop::open().await;
    let (kept, gone) = (shop.picture(1).await, shop.picture(2).await);
    shop.wechat.remove_material(Shop::APPID, &gone);
    // Both may be of the same second: either may come first, which its console's own menu or auto-reply uses.
    crate::support::until("a second has passed", async || {
        let (_, listed) = shop.clean_up(json!({"older_than_days": 0})).await;
        (listed["count"] == 2).then_some(())
    })
    .await;
    let first = id(&shop.clean_up(json!({"older_than_days": 0})).await.1["items"][0]);
    shop.wechat.fault(DELETE, Fault::Errcode(48005), 1);
    let job = shop.job("/materials/clean-up", Some(json!({"dry_run": false, "older_than_days": 0}))).await;
    let result = result(&job);
    assert_eq!((&result["deleted"], &result["kept"], id(&result["refused"][0])), (&json!(1), &json!(1), first.clone()));
    assert!(result["refused"][0]["reason"].as_str().unwrap().contains("菜单"), "{result}");
    assert_eq!(shop.listed("").await, [first.as_str()]);
    // The other one was deleted, there too unless it was gone.
    let left = if first == kept { vec![kept] } else { Vec::new() };
    assert_eq!(shop.wechat.materials(Shop::APPID), left);
    let (status, body) = shop.clean_up(json!({"types": []})).await;
    assert_eq!((status, &body["errors"][0]["field"]), (422, &json!("types")));
}
