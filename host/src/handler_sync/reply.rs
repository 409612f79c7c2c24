//! One answer of WeChat's settings, as a reply of ours.

use reqwest::Url;
use weft_wechat::{
    api::{
        current_autoreply_info::{AutoreplyArticle, AutoreplyContent, AutoreplyNews},
        media::MediaType,
    },
    reply::{Article, Reply},
};

use super::media::{Failure, Media};
use crate::{
    bilingual,
    model::{Handler, ReplyContent, ReplyTemplate},
    storage::StoreError,
};

/// What a video's link says.
const VIDEO: &str = "点击观看视频";
/// How much of a title and of a description is taken over, in characters.
const TITLE_LENGTH: usize = 200;
const DESCRIPTION_LENGTH: usize = 600;

/// The reply, or why there is none.
pub(super) async fn of(
    content: AutoreplyContent,
    media: &mut Media<'_>,
) -> Result<Result<ReplyTemplate, Failure>, StoreError> {
    let AutoreplyContent { r#type, content, news_info } = content;
    let reply = match r#type.as_str() {
        "text" => Ok(Reply::Text(content)),
        "img" => permanent(media, MediaType::Image, &content, Reply::Image).await?,
        "voice" => permanent(media, MediaType::Voice, &content, Reply::Voice).await?,
        "video" => video(&content),
        "news" => Ok(news(news_info.unwrap_or_default())),
        other => {
            let other: String = other.chars().filter(|c| !c.is_control()).take(32).collect();
            Err(Failure::lasting(format!("replies of type `{other}` are not known · 不支持 `{other}` 类型的回复")))
        }
    };
    Ok(reply.and_then(checked))
}

async fn permanent(
    media: &mut Media<'_>,
    media_type: MediaType,
    source: &str,
    reply: fn(String) -> Reply,
) -> Result<Result<Reply, Failure>, StoreError> {
    // What cannot be a media_id is not asked for.
    match checked(reply(source.to_owned())) {
        Ok(_) => Ok(media.permanent(media_type, source).await?.map(reply)),
        Err(failure) => Ok(Err(failure)),
    }
}

/// A video cannot be had as a file: WeChat says where it is shown.
fn video(address: &str) -> Result<Reply, Failure> {
    // Written as the parser understands it, so that no quote ends the link early.
    match Url::parse(address) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => {
            Ok(Reply::Text(format!("<a href=\"{url}\">{VIDEO}</a>")))
        }
        _ => Err(Failure::lasting("WeChat does not say at which address the video is · 微信没有给出视频地址")),
    }
}

fn news(news: AutoreplyNews) -> Reply {
    let line = |text: String, length| text.chars().filter(|c| !c.is_control()).take(length).collect();
    let article = |article: AutoreplyArticle| Article {
        title: line(article.title, TITLE_LENGTH),
        description: line(article.digest, DESCRIPTION_LENGTH),
        pic_url: article.cover_url,
        url: article.content_url,
    };
    Reply::News(news.list.into_iter().map(article).collect())
}

/// The reply, when a handler may have it.
fn checked(reply: Reply) -> Result<ReplyTemplate, Failure> {
    let reply = ReplyTemplate::from(ReplyContent::Static(reply));
    let handler = Handler { replies: vec![reply.clone()], ..Handler::new("", "reply") };
    let Some(error) = handler.check().into_iter().next() else { return Ok(reply) };
    let field = error.field.rsplit_once("].").map_or(&*error.field, |(_, field)| field);
    Err(Failure::lasting(bilingual::of(field, &error.message)))
}
