//! Drafts of articles: what is written before it is published.

pub mod add;
pub mod batchget;
pub mod delete;
pub mod get;
pub mod update;

use serde::Serialize;

use super::material::NewsItem;

/// The most articles of a draft.
pub const MAX_ARTICLES: usize = 8;
/// The longest title, in characters.
pub const MAX_TITLE: usize = 64;
/// The longest name of an author, in characters.
pub const MAX_AUTHOR: usize = 16;
/// The longest summary, in characters.
pub const MAX_DIGEST: usize = 128;
/// The longest text with its markup, in characters.
pub const MAX_CONTENT: usize = 20_000;
/// The longest text with its markup, in bytes.
pub const MAX_CONTENT_BYTES: usize = 1 << 20;
/// The longest link to the original, in bytes.
pub const MAX_SOURCE_URL: usize = 1024;

/// An article as it is written: what of a [`NewsItem`] is the author's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DraftArticle<'a> {
    /// At most [`MAX_TITLE`] characters.
    pub title: &'a str,
    /// At most [`MAX_AUTHOR`] characters.
    pub author: &'a str,
    /// At most [`MAX_DIGEST`] characters; the beginning of the text when it is empty.
    pub digest: &'a str,
    /// HTML of less than [`MAX_CONTENT`] characters and [`MAX_CONTENT_BYTES`]. Pictures must be WeChat's own.
    pub content: &'a str,
    /// 「阅读原文」, at most [`MAX_SOURCE_URL`] bytes.
    pub content_source_url: &'a str,
    /// The cover: a permanent material.
    pub thumb_media_id: &'a str,
    /// 1 when readers may comment.
    pub need_open_comment: u8,
    /// 1 when only followers may.
    pub only_fans_can_comment: u8,
}

impl<'a> From<&'a NewsItem> for DraftArticle<'a> {
    fn from(item: &'a NewsItem) -> Self {
        Self {
            title: &item.title,
            author: &item.author,
            digest: &item.digest,
            content: &item.content,
            content_source_url: &item.content_source_url,
            thumb_media_id: &item.thumb_media_id,
            need_open_comment: item.need_open_comment,
            only_fans_can_comment: item.only_fans_can_comment,
        }
    }
}
