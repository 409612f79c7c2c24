//! Reads a reply back from its XML, with who it goes to, and says what XML can carry of one. The fuzz targets use it
//! too.

use weft_wechat::message::fields;
use weft_wechat::reply::{Article, MAX_ARTICLES, MAX_TEXT, Music, Reply, Video};

/// A reply as it was sent.
#[derive(Debug, PartialEq)]
pub(crate) struct Sent {
    pub(crate) to: String,
    pub(crate) from: String,
    pub(crate) created_at: u64,
    pub(crate) reply: Reply,
}

/// Reads the XML of a reply; `None` when it is none, or does not begin as every reply does.
pub(crate) fn read(xml: &str) -> Option<Sent> {
    let mut fields = fields(xml).ok()?.into_iter();
    let mut next = |path: &str| fields.next().filter(|field| field.path == path).map(|field| field.value);
    let (to, from) = (next("ToUserName")?, next("FromUserName")?);
    let created_at = next("CreateTime")?.parse().ok()?;
    Some(Sent { to, from, created_at, reply: Reply::parse(xml).ok()? })
}

/// What is left of a text in XML.
pub(crate) fn carried(text: &str) -> String {
    let is_allowed = |character: &char| match character {
        '\t' | '\n' | '\r' => true,
        '\u{fffe}' | '\u{ffff}' => false,
        character => *character >= ' ',
    };
    text.chars().filter(is_allowed).collect()
}

/// What is left of a text that is cut.
pub(crate) fn cut(text: &str) -> String {
    let mut text = carried(text);
    text.truncate(text.floor_char_boundary(MAX_TEXT));
    text
}

/// What is left of a reply in XML.
pub(crate) fn shown(reply: &Reply) -> Reply {
    match reply {
        Reply::Text(text) => Reply::Text(cut(text)),
        Reply::Image(media_id) => Reply::Image(carried(media_id)),
        Reply::Voice(media_id) => Reply::Voice(carried(media_id)),
        Reply::Video(video) => Reply::Video(Video {
            media_id: carried(&video.media_id),
            title: cut(&video.title),
            description: cut(&video.description),
        }),
        Reply::Music(music) => Reply::Music(Music {
            title: cut(&music.title),
            description: cut(&music.description),
            music_url: carried(&music.music_url),
            hq_music_url: carried(&music.hq_music_url),
            thumb_media_id: carried(&music.thumb_media_id),
        }),
        Reply::News(articles) => {
            let shown = articles.iter().take(MAX_ARTICLES).map(|article| Article {
                title: cut(&article.title),
                description: cut(&article.description),
                pic_url: carried(&article.pic_url),
                url: carried(&article.url),
            });
            Reply::News(shown.collect())
        }
        Reply::TransferCustomerService(account) => Reply::TransferCustomerService(account.as_deref().map(carried)),
    }
}
