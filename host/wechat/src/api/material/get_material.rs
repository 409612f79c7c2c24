//! POST /cgi-bin/material/get_material

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::NewsItem;
use crate::api::media::{MAX_FILE, MediaFile};
use crate::api::{Ability, Answer, ApiError, Body, Endpoint, Method, RawAnswer, check_answer, read_answer};

/// Asks for a permanent material.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct GetMaterial<'a> {
    /// Which.
    pub media_id: &'a str,
}

/// A permanent material.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Material {
    /// Articles.
    News(Vec<NewsItem>),
    /// A video.
    Video(MaterialVideo),
    /// A picture, a voice message or a thumbnail.
    File(MediaFile),
}

/// A video.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct MaterialVideo {
    /// Title.
    #[serde(default)]
    pub title: String,
    /// What it is about.
    #[serde(default)]
    pub description: String,
    /// Where it is, for a while.
    pub down_url: String,
}

impl Endpoint for GetMaterial<'_> {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/cgi-bin/material/get_material";
    const NEEDS: Ability = Ability::Materials;
    const IDEMPOTENT: bool = true;
    const TIMEOUT: Duration = Duration::from_mins(1);
    const MAX_ANSWER: usize = MAX_FILE;
    type Answer = Material;

    fn body(&self) -> Result<Body, serde_json::Error> {
        Body::json(self)
    }
}

impl Answer for Material {
    fn read(raw: RawAnswer) -> Result<Self, ApiError> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Json {
            News { news_item: Vec<NewsItem> },
            Video(MaterialVideo),
        }
        check_answer(&raw.body)?;
        Ok(match read_answer(&raw.body) {
            Ok(Json::News { news_item }) => Self::News(news_item),
            Ok(Json::Video(video)) => Self::Video(video),
            Err(_) => Self::File(MediaFile::of(raw)),
        })
    }
}
