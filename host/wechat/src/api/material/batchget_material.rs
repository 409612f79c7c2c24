//! POST /cgi-bin/material/batchget_material

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::NewsItem;
use crate::api::{Ability, Body, Endpoint, Method};

/// How many materials one call may ask for.
pub const MAX_COUNT: u8 = 20;

/// Asks for a page of the permanent materials of one type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct BatchgetMaterial {
    /// What they are.
    #[serde(rename = "type")]
    pub material_type: MaterialType,
    /// How many to pass over.
    pub offset: u32,
    /// 1 to [`MAX_COUNT`].
    pub count: u8,
}

/// What materials are listed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MaterialType {
    /// Pictures.
    Image,
    /// Videos.
    Video,
    /// Voice messages.
    Voice,
    /// Articles.
    News,
}

impl MaterialType {
    /// The text at WeChat.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Video => "video",
            Self::Voice => "voice",
            Self::News => "news",
        }
    }
}

/// A page of materials.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct MaterialPage {
    /// Of this type, altogether.
    pub total_count: u32,
    /// In this page.
    pub item_count: u32,
    /// The materials.
    pub item: Vec<MaterialItem>,
}

/// A material in a page.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct MaterialItem {
    /// Which.
    pub media_id: String,
    /// What the file is called; empty for articles.
    pub name: String,
    /// Seconds since 1970.
    pub update_time: u64,
    /// Where a picture is.
    pub url: String,
    /// The articles; only `news` has them.
    pub content: Option<NewsContent>,
}

/// Articles.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct NewsContent {
    /// The articles.
    pub news_item: Vec<NewsItem>,
}

impl Endpoint for BatchgetMaterial {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/cgi-bin/material/batchget_material";
    const NEEDS: Ability = Ability::Materials;
    const IDEMPOTENT: bool = true;
    const TIMEOUT: Duration = Duration::from_secs(30);
    // Twenty times eight articles with all their text.
    const MAX_ANSWER: usize = 32 << 20;
    type Answer = MaterialPage;

    fn body(&self) -> Result<Body, serde_json::Error> {
        Body::json(self)
    }
}
