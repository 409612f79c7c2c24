//! Replies with articles: those that are known here cost no call.

use reqwest::Method;
use serde_json::json;
use weft::simulator::Incoming;
use weft_wechat::{account::EncodingMode, api::material::NewsItem};

use crate::support::Shop;

const GET_MATERIAL: &str = "/cgi-bin/material/get_material";

impl Shop {
    async fn answers_with(&self, keyword: &str, media_id: &str) {
        let reply = json!({"type": "news", "media_id": media_id});
        let handler = json!({"name": keyword, "rules": [{"type": "equal", "pattern": keyword}], "replies": [reply]});
        assert_eq!(self.call(Method::POST, "/handlers", Some(handler)).await.0, 201);
    }

    /// The title and the address of the article that is answered.
    async fn answer(&self, keyword: &str) -> (String, String) {
        let sender = self.app.sender("shop", EncodingMode::Plain);
        let exchange = sender.send(&Incoming::text("oFan", keyword)).await.unwrap();
        let part = |part: &str| exchange.element(&format!("Articles/item/{part}")).unwrap_or_default();
        (part("Title"), part("Url"))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_follows_its_draft_to_where_it_was_published() {
    let shop = Shop::open().await;
    let draft = shop.draft(&["头条"]).await;
    shop.answers_with("draft", &draft).await;
    let (title, url) = shop.answer("draft").await;
    assert!(title == "头条" && url.contains("/preview/"), "{url}");

    let second = shop.draft(&["另一条"]).await;
    let (status, handed_in) = shop.call(Method::POST, &format!("/drafts/{second}/publish"), None).await;
    assert_eq!(status, 202, "{handed_in}");
    let path = format!("/publications/{}/sync", handed_in["publish_id"].as_str().unwrap());
    let (_, published) = shop.call(Method::POST, &path, None).await;
    let article_id = published["article_id"].as_str().unwrap();
    shop.answers_with("published", &second).await;
    shop.answers_with("article", article_id).await;
    for keyword in ["published", "article"] {
        let (title, url) = shop.answer(keyword).await;
        assert!(title == "另一条" && url.contains(article_id), "{keyword}: {url}");
    }
    assert_eq!(shop.wechat.count(GET_MATERIAL), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_material_that_was_synced_is_not_asked_for() {
    let shop = Shop::open().await;
    let item = |title: &str| NewsItem { title: title.into(), url: "http://a.example/1".into(), ..NewsItem::default() };
    let synced = shop.wechat.add_news(Shop::APPID, vec![item("旧")]);
    shop.job("/materials/sync", Some(json!({"types": ["news"]}))).await;
    let unknown = shop.wechat.add_news(Shop::APPID, vec![item("新")]);
    shop.answers_with("synced", &synced).await;
    shop.answers_with("unknown", &unknown).await;
    assert_eq!(shop.answer("synced").await.0, "旧");
    assert_eq!(shop.wechat.count(GET_MATERIAL), 0);
    assert_eq!(shop.answer("unknown").await.0, "新");
    assert_eq!(shop.wechat.count(GET_MATERIAL), 1);
}
