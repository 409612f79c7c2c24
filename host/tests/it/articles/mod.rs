//! `/apps/{app}/drafts`, `…/publications` and `…/articles`, through the real listener and against a simulated WeChat.

mod drafts;
mod publishing;
mod replies;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::Shop;

const DRAFTS: &str = "/apps/shop/drafts";

/// An article as it is written.
fn article(title: &str, cover: &str) -> Value {
    json!({"title": title, "author": "编辑", "content": format!("<p>{title}</p>"), "thumb_media_id": cover})
}

fn id(draft: &Value) -> String {
    draft["media_id"].as_str().unwrap().to_owned()
}

impl Shop {
    /// Uploads a picture that covers articles.
    async fn cover(&self) -> String {
        let picture = b"\x89PNG\r\n\x1a\n a cover";
        let (status, body) = self.send_file("/materials", &[("type", "image")], "c.png", picture).await;
        assert!(status == 201 || status == 200, "{body}");
        id(&body)
    }

    /// Makes a draft of articles with these titles; gives its `media_id`.
    async fn draft(&self, titles: &[&str]) -> String {
        let cover = self.cover().await;
        let articles: Vec<_> = titles.iter().map(|title| article(title, &cover)).collect();
        let (status, draft) = self.call(Method::POST, "/drafts", Some(json!({"articles": articles}))).await;
        assert_eq!(status, 201, "{draft}");
        id(&draft)
    }

    /// The first titles of what is listed.
    async fn titles(&self, path: &str) -> Vec<String> {
        let page = self.get(path).await;
        let title = |item: &Value| item["articles"][0]["title"].as_str().unwrap().to_owned();
        page["items"].as_array().unwrap().iter().map(title).collect()
    }
}
