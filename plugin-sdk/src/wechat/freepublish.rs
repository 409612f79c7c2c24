//! Publishing (发布): a draft becomes articles that everybody can read. There is an example in
//! [`draft`](super::draft).

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    draft::{Article, Content, Page},
    post, tell,
};
use crate::error::Error;

/// How publishing goes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Publication {
    /// 0 done, 1 under way, 2 not original, 3 failed, 4 refused by the platform, 5 deleted, 6 banned.
    pub publish_status: u8,
    /// By which the published articles are addressed; empty while there are none.
    #[serde(default)]
    pub article_id: String,
    /// The articles at fault, counted from 1.
    #[serde(default)]
    pub fail_idx: Vec<u32>,
}

/// What was published.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Published {
    /// By which it is addressed.
    pub article_id: String,
    /// Its articles, without their contents when they were not asked for.
    pub content: Content,
    /// Seconds since 1970.
    #[serde(default)]
    pub update_time: u64,
}

/// Begins to publish a draft; returns the publish id that the event
/// [`PublishJobFinish`](crate::message::Event::PublishJobFinish) names: `/cgi-bin/freepublish/submit`.
pub fn submit(media_id: &str) -> Result<String, Error> {
    #[derive(Deserialize)]
    struct Submitted {
        publish_id: Value,
    }
    let submitted: Submitted = post("/cgi-bin/freepublish/submit", &json!({"media_id": media_id}))?;
    // WeChat writes it as a text in some answers, and as a number in others.
    Ok(submitted.publish_id.as_str().map_or_else(|| submitted.publish_id.to_string(), str::to_owned))
}

/// How publishing goes: `/cgi-bin/freepublish/get`.
pub fn state(publish_id: &str) -> Result<Publication, Error> {
    post("/cgi-bin/freepublish/get", &json!({"publish_id": publish_id}))
}

/// Takes one article back, counted from 1, or all of them with 0: `/cgi-bin/freepublish/delete`.
pub fn delete(article_id: &str, index: u32) -> Result<(), Error> {
    tell("/cgi-bin/freepublish/delete", &json!({"article_id": article_id, "index": index}))
}

/// The articles of what was published: `/cgi-bin/freepublish/getarticle`.
pub fn read(article_id: &str) -> Result<Vec<Article>, Error> {
    Ok(post::<Content>("/cgi-bin/freepublish/getarticle", &json!({"article_id": article_id}))?.news_item)
}

/// At most 20 of what was published, from the `offset`th on: `/cgi-bin/freepublish/batchget`.
pub fn list(offset: u64, count: u32, with_contents: bool) -> Result<Page<Published>, Error> {
    let page = json!({"offset": offset, "count": count, "no_content": u8::from(!with_contents)});
    post("/cgi-bin/freepublish/batchget", &page)
}
