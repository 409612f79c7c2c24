//! From a draft to readers.

use reqwest::Method;
use serde_json::{Value, json};
use weft::simulator::wechat::{Fault, Publishing};
use weft_wechat::account::EncodingMode;

use super::{DRAFTS, id};
use crate::support::{Shop, until};

const ARTICLES: &str = "/apps/shop/articles";
const GET: &str = "/cgi-bin/freepublish/get";

impl Shop {
    /// Hands a draft in; gives its `publish_id`.
    async fn hand_in(&self, draft: &str) -> String {
        let (status, publication) = self.call(Method::POST, &format!("/drafts/{draft}/publish"), None).await;
        assert_eq!((status, &publication["state"]), (202, &json!("publishing")), "{publication}");
        assert_eq!(publication["media_id"], draft);
        publication["publish_id"].as_str().unwrap().to_owned()
    }

    /// WeChat tells what became of it.
    async fn tell(&self, publish_id: &str) {
        let event = self.wechat.publish_event(Self::APPID, publish_id).unwrap();
        self.app.sender("shop", EncodingMode::Plain).send(&event).await.unwrap();
    }

    async fn publication_becomes(&self, publish_id: &str, state: &str) -> Value {
        until("the publication is as it should be", async || {
            let publication = self.get(&format!("/apps/shop/publications/{publish_id}")).await;
            (publication["state"] == state).then_some(publication)
        })
        .await
    }

    async fn ask(&self, publish_id: &str) -> Value {
        let path = format!("/publications/{publish_id}/sync");
        let (status, publication) = self.call(Method::POST, &path, None).await;
        assert_eq!(status, 200, "{publication}");
        publication
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_tells_of_success_and_the_articles_come_by_themselves() {
    let shop = Shop::open().await;
    let draft = shop.draft(&["头条", "次条"]).await;
    let publish_id = shop.hand_in(&draft).await;
    shop.tell(&publish_id).await;
    let publication = shop.publication_becomes(&publish_id, "published").await;
    assert_eq!((&publication["title"], &publication["failed_indexes"]), (&json!("头条"), &json!([])));
    let article_id = publication["article_id"].as_str().unwrap();
    assert_eq!(shop.wechat.count(GET), 0, "the event said it");
    let read = until("the articles are here", async || {
        shop.app.state.articles.follow_up_due().await.unwrap();
        let (status, read) = shop.app.api(Method::GET, &format!("{ARTICLES}/{article_id}"), None).await;
        (status == 200).then_some(read)
    })
    .await;
    assert_eq!((&read["articles"][1]["title"], &read["articles"][1]["index"]), (&json!("次条"), &json!(1)));
    assert!(read["articles"][0]["url"].as_str().unwrap().contains(article_id), "{read}");
    assert_eq!(shop.titles(&format!("{ARTICLES}?search=%E6%AC%A1")).await, ["头条"]);
    assert_eq!(shop.titles(DRAFTS).await, [""; 0], "it is no draft any more");
    // The same event once more, and being asked once more, change nothing.
    shop.tell(&publish_id).await;
    assert_eq!(shop.ask(&publish_id).await["state"], "published");
    let listed = shop.get(&format!("/apps/shop/publications?media_id={draft}")).await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    assert_eq!(shop.get("/apps/shop/publications?media_id=other").await["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_says_why_and_can_be_handed_in_again() {
    let shop = Shop::open().await;
    let draft = shop.draft(&["一", "二"]).await;
    shop.wechat.set_publishing(Shop::APPID, Publishing::Fails { status: 2, articles: vec![2] });
    let publish_id = shop.hand_in(&draft).await;
    shop.tell(&publish_id).await;
    let publication = shop.publication_becomes(&publish_id, "originality_failed").await;
    assert_eq!((&publication["failed_indexes"], &publication["article_id"]), (&json!([2]), &json!(null)));
    assert_eq!(shop.titles(DRAFTS).await, ["一"], "the draft stays");

    shop.wechat.set_publishing(Shop::APPID, Publishing::Succeeds);
    let again = shop.hand_in(&draft).await;
    assert_ne!(again, publish_id);
    assert_eq!(shop.ask(&again).await["state"], "published");
    let states = shop.get("/apps/shop/publications").await;
    assert_eq!(states["items"].as_array().unwrap().len(), 2, "{states}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_no_event_comes_wechat_is_asked() {
    let shop = Shop::open().await;
    shop.wechat.set_publishing(Shop::APPID, Publishing::Waits);
    let draft = shop.draft(&["一"]).await;
    let publish_id = shop.hand_in(&draft).await;
    assert!(shop.wechat.publish_event(Shop::APPID, &publish_id).is_none());
    assert_eq!(shop.ask(&publish_id).await["state"], "publishing");
    // While WeChat has not decided, it is not handed in twice.
    let (status, body) = shop.call(Method::POST, &format!("/drafts/{draft}/publish"), None).await;
    assert_eq!(status, 409, "{body}");
    assert!(body["detail"].as_str().unwrap().contains(&publish_id), "{body}");
    shop.wechat.fault(GET, Fault::Errcode(53502), 1);
    let (status, body) = shop.call(Method::POST, &format!("/publications/{publish_id}/sync"), None).await;
    assert_eq!((status, &body["errcode"]), (502, &json!(53502)), "{body}");
    shop.wechat.set_publishing(Shop::APPID, Publishing::Succeeds);
    let publication = shop.ask(&publish_id).await;
    assert_eq!(publication["state"], "published");
    assert_eq!(shop.titles(ARTICLES).await, ["一"], "with its articles");
    assert_eq!(shop.call(Method::POST, "/publications/unknown/sync", None).await.0, 404);
    assert_eq!(shop.call(Method::GET, "/publications/unknown", None).await.0, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draft_that_cannot_be_published_is_refused() {
    let shop = Shop::open().await;
    assert_eq!(shop.call(Method::POST, "/drafts/unknown/publish", None).await.0, 404);
    let (cover, draft) = (shop.cover().await, shop.draft(&["一"]).await);
    shop.wechat.remove_material(Shop::APPID, &cover);
    let (status, body) = shop.call(Method::POST, &format!("/drafts/{draft}/publish"), None).await;
    assert_eq!((status, &body["errcode"]), (502, &json!(53503)), "{body}");
    // Accounts that may not publish through the API.
    shop.wechat.fault("/cgi-bin/freepublish/submit", Fault::Errcode(45106), 1);
    let (status, body) = shop.call(Method::POST, &format!("/drafts/{draft}/publish"), None).await;
    assert_eq!((status, &body["errcode"]), (502, &json!(45106)), "{body}");
    assert_eq!(shop.get("/apps/shop/publications").await["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn published_articles_are_taken_over_and_taken_away() {
    let shop = Shop::open().await;
    for title in ["一", "二", "三"] {
        let draft = shop.draft(&[title, "次条"]).await;
        let publish_id = shop.hand_in(&draft).await;
        assert_eq!(shop.ask(&publish_id).await["state"], "published");
    }
    let articles = shop.get(ARTICLES).await;
    let ids: Vec<_> =
        articles["items"].as_array().unwrap().iter().map(|one| one["article_id"].as_str().unwrap()).collect();
    // One of the articles, then all of them.
    let delete =
        async |id: &str, query: &str| shop.call(Method::DELETE, &format!("/articles/{id}{query}"), None).await.0;
    assert_eq!(delete(ids[0], "?index=1").await, 204);
    let read = shop.get(&format!("{ARTICLES}/{}", ids[0])).await;
    let gone: Vec<_> = read["articles"].as_array().unwrap().iter().map(|one| &one["is_deleted"]).collect();
    assert_eq!(gone, [false, true]);
    let button = json!({"type": "article_id", "name": "文", "article_id": ids[1]});
    assert_eq!(shop.call(Method::PUT, "/menus", Some(json!({"buttons": [button]}))).await.0, 200);
    assert_eq!(delete(ids[1], "").await, 409, "the menus use it");
    assert_eq!(delete(ids[1], "?force=true").await, 204);
    assert_eq!(delete(ids[1], "?force=true").await, 404);
    // In WeChat's console, and seen by a sync.
    let app = shop.app.state.store.apps().find("shop").await.unwrap().unwrap();
    let elsewhere = weft_wechat::api::freepublish::delete::DeletePublished { article_id: ids[2], index: 0 };
    shop.app.state.wechat.call(&app, &elsewhere).await.unwrap();
    let job = shop.job("/articles/sync", None).await;
    assert_eq!(
        job["result"]["lists"],
        json!([{"list": "published", "total": 1, "removed": 1, "moved": false}]),
        "{job}"
    );
    assert_eq!(shop.titles(ARTICLES).await.len(), 1);
    assert_eq!(shop.call(Method::GET, &format!("/articles/{}", ids[2]), None).await.0, 404);
    assert_eq!(id(&shop.get("/apps/shop/publications?limit=1").await["items"][0]).len(), 64);
}
