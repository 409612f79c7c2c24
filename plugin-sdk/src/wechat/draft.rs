//! Drafts (草稿): articles that are not published yet.
//!
//! ```
//! use weft_plugin::{prelude::*, wechat::{draft::{self, Article}, freepublish}};
//!
//! /// Writes an article and begins to publish it; an event tells when it is there.
//! fn publish(title: &str, html: &str, cover: &str) -> Result<String> {
//!     let article = Article {
//!         title: title.into(),
//!         content: html.into(),
//!         thumb_media_id: cover.into(),
//!         ..Article::default()
//!     };
//!     Ok(freepublish::submit(&draft::add(&[article])?)?)
//! }
//! ```

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{get, post, tell};
use crate::error::Error;

/// One article of a draft, or of what was published.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Article {
    /// At most 64 characters.
    pub title: String,
    /// May be empty.
    pub author: String,
    /// What is shown of it in a list; WeChat takes the text's beginning when it is empty.
    pub digest: String,
    /// HTML; pictures have to be uploaded with [`media::upload_article_image`](super::media::upload_article_image).
    pub content: String,
    /// Where 阅读原文 leads; may be empty.
    pub content_source_url: String,
    /// The cover: the media id of a permanent picture.
    pub thumb_media_id: String,
    /// 1 when readers may comment.
    pub need_open_comment: u8,
    /// 1 when only followers may.
    pub only_fans_can_comment: u8,
    /// Where it is read; WeChat says so.
    #[serde(skip_serializing)]
    pub url: String,
}

/// A draft in the list of all.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Draft {
    /// By which it is addressed.
    pub media_id: String,
    /// Its articles, without their contents when they were not asked for.
    pub content: Content,
    /// Seconds since 1970.
    #[serde(default)]
    pub update_time: u64,
}

/// The articles of something.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Content {
    /// In their order.
    pub news_item: Vec<Article>,
}

/// One page of drafts, or of what was published.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Page<T> {
    /// All that there are.
    pub total_count: u64,
    /// Those of the page.
    #[serde(default = "Vec::new")]
    pub item: Vec<T>,
}

/// Stores articles as a draft; returns its media id: `/cgi-bin/draft/add`.
pub fn add(articles: &[Article]) -> Result<String, Error> {
    #[derive(Deserialize)]
    struct Added {
        media_id: String,
    }
    Ok(post::<Added>("/cgi-bin/draft/add", &json!({"articles": articles}))?.media_id)
}

/// The articles of a draft: `/cgi-bin/draft/get`.
pub fn read(media_id: &str) -> Result<Vec<Article>, Error> {
    Ok(post::<Content>("/cgi-bin/draft/get", &json!({"media_id": media_id}))?.news_item)
}

/// Replaces one article of a draft, counted from 0: `/cgi-bin/draft/update`.
pub fn update(media_id: &str, index: u32, article: &Article) -> Result<(), Error> {
    tell("/cgi-bin/draft/update", &json!({"media_id": media_id, "index": index, "articles": article}))
}

/// Deletes a draft: `/cgi-bin/draft/delete`.
pub fn delete(media_id: &str) -> Result<(), Error> {
    tell("/cgi-bin/draft/delete", &json!({"media_id": media_id}))
}

/// How many there are: `/cgi-bin/draft/count`.
pub fn count() -> Result<u64, Error> {
    #[derive(Deserialize)]
    struct Count {
        total_count: u64,
    }
    Ok(get::<Count>("/cgi-bin/draft/count", &[])?.total_count)
}

/// At most 20 drafts, from the `offset`th on; contents are long: `/cgi-bin/draft/batchget`.
pub fn list(offset: u64, count: u32, with_contents: bool) -> Result<Page<Draft>, Error> {
    let page = json!({"offset": offset, "count": count, "no_content": u8::from(!with_contents)});
    post("/cgi-bin/draft/batchget", &page)
}
