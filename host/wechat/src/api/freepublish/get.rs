//! POST /cgi-bin/freepublish/get

use serde::{Deserialize, Serialize};

use crate::api::answer::text;
use crate::api::{Ability, Body, Endpoint, Method};

/// Asks what became of a publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct GetPublish<'a> {
    /// Which.
    pub publish_id: &'a str,
}

/// What became of a publication.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct PublishStatus {
    /// Which.
    #[serde(deserialize_with = "text")]
    pub publish_id: String,
    /// 0 published, 1 publishing, 2 originality failed, 3 failed, 4 audit rejected, 5 deleted by the author, 6 banned.
    pub publish_status: u32,
    /// The articles together, when they are published.
    pub article_id: String,
    /// Where each of them is.
    pub article_detail: ArticleDetail,
    /// The places of articles that stood against it; the first is 1.
    pub fail_idx: Vec<u32>,
}

/// Where the articles are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ArticleDetail {
    /// How many.
    pub count: u32,
    /// Each of them.
    pub item: Vec<PublishedItem>,
}

/// Where an article is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct PublishedItem {
    /// Its place; the first is 1.
    pub idx: u32,
    /// Its address.
    pub article_url: String,
}

impl Endpoint for GetPublish<'_> {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/cgi-bin/freepublish/get";
    const NEEDS: Ability = Ability::Materials;
    const IDEMPOTENT: bool = true;
    type Answer = PublishStatus;

    fn body(&self) -> Result<Body, serde_json::Error> {
        Body::json(self)
    }
}
