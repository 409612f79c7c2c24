//! Permanent materials.

pub mod add_material;
pub mod batchget_material;
pub mod del_material;
pub mod get_material;

use serde::{Deserialize, Serialize};

/// An article in a material.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NewsItem {
    /// Title.
    pub title: String,
    /// Who wrote it.
    pub author: String,
    /// A summary.
    pub digest: String,
    /// HTML.
    pub content: String,
    /// 「阅读原文」
    pub content_source_url: String,
    /// The cover, as a material.
    pub thumb_media_id: String,
    /// The cover, as a picture.
    pub thumb_url: String,
    /// 1 when the cover stands in the text.
    pub show_cover_pic: u8,
    /// 1 when readers may comment.
    pub need_open_comment: u8,
    /// 1 when only followers may.
    pub only_fans_can_comment: u8,
    /// The article.
    pub url: String,
    /// Whether it was published and taken away again.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_deleted: bool,
}
