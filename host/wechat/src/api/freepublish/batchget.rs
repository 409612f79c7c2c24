//! POST /cgi-bin/freepublish/batchget

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::api::material::batchget_material::NewsContent;
use crate::api::{Ability, Body, Endpoint, Method};

/// Asks for a page of what was published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct BatchgetPublished {
    /// How many to pass over.
    pub offset: u32,
    /// 1 to 20.
    pub count: u8,
    /// 1 leaves the texts out.
    pub no_content: u8,
}

/// A page of what was published.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct PublishedPage {
    /// Altogether.
    pub total_count: u32,
    /// In this page.
    pub item_count: u32,
    /// What was published.
    pub item: Vec<Publication>,
}

/// Articles that were published together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Publication {
    /// Names them.
    pub article_id: String,
    /// The articles.
    pub content: NewsContent,
    /// Seconds since 1970.
    pub update_time: u64,
}

impl Endpoint for BatchgetPublished {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/cgi-bin/freepublish/batchget";
    const NEEDS: Ability = Ability::Materials;
    const IDEMPOTENT: bool = true;
    const TIMEOUT: Duration = Duration::from_secs(30);
    // Twenty times eight articles with all their text.
    const MAX_ANSWER: usize = 32 << 20;
    type Answer = PublishedPage;

    fn body(&self) -> Result<Body, serde_json::Error> {
        Body::json(self)
    }
}
