//! Articles in JSON, as they are read.

use serde::Serialize;
use utoipa::ToSchema;
use weft_wechat::api::material::NewsItem;

/// An article.
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "the fields are WeChat's")]
pub(in crate::http::admin) struct ArticleView {
    /// Its place; the first is 0.
    index: usize,
    title: String,
    author: String,
    /// A summary.
    digest: String,
    /// HTML; left out in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<String>,
    /// 「阅读原文」
    content_source_url: String,
    /// Where it is; a preview for drafts.
    url: String,
    /// The cover, as a permanent material.
    thumb_media_id: String,
    /// The cover, as a picture.
    thumb_url: String,
    /// Whether the cover stands in the text.
    show_cover_pic: bool,
    need_open_comment: bool,
    only_fans_can_comment: bool,
    /// Whether it was published and taken away again.
    is_deleted: bool,
}

impl ArticleView {
    fn new((index, item): (usize, NewsItem), with_content: bool) -> Self {
        Self {
            index,
            title: item.title,
            author: item.author,
            digest: item.digest,
            content: with_content.then_some(item.content),
            content_source_url: item.content_source_url,
            url: item.url,
            thumb_media_id: item.thumb_media_id,
            thumb_url: item.thumb_url,
            show_cover_pic: item.show_cover_pic != 0,
            need_open_comment: item.need_open_comment != 0,
            only_fans_can_comment: item.only_fans_can_comment != 0,
            is_deleted: item.is_deleted,
        }
    }

    /// Articles with their texts.
    pub(in crate::http::admin) fn whole(items: Vec<NewsItem>) -> Vec<Self> {
        items.into_iter().enumerate().map(|item| Self::new(item, true)).collect()
    }

    /// Articles without their texts.
    pub(in crate::http::admin) fn brief(items: Vec<NewsItem>) -> Vec<Self> {
        items.into_iter().enumerate().map(|item| Self::new(item, false)).collect()
    }
}
