//! What an account answers to a message, in the one request that brought it.

mod parse;

pub use parse::ReplyParseError;

use crate::message::{Content, Event};
use crate::xml;

/// How long a text may be, in bytes of UTF-8. What passes it is cut off.
pub const MAX_TEXT: usize = 2048;

/// How long an address, a `media_id` or the name of a customer-service account may be, in bytes.
pub const MAX_REFERENCE: usize = 2048;

/// How many articles WeChat shows at most.
pub const MAX_ARTICLES: usize = 8;

/// A reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// A text, cut to [`MAX_TEXT`] bytes. Line breaks and `<a href="…">` work.
    Text(String),
    /// The `media_id` of an uploaded picture.
    Image(String),
    /// The `media_id` of an uploaded voice message.
    Voice(String),
    /// A video.
    Video(Video),
    /// A piece of music.
    Music(Music),
    /// Articles, cut to [`MAX_ARTICLES`]; [`Reply::fit`] knows where WeChat shows only one.
    News(Vec<Article>),
    /// Hands the user over to customer service: a named account, or whoever is free.
    TransferCustomerService(Option<String>),
}

/// A video.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Video {
    /// The `media_id` of an uploaded video.
    pub media_id: String,
    /// May be empty.
    pub title: String,
    /// May be empty.
    pub description: String,
}

/// A piece of music.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Music {
    /// May be empty.
    pub title: String,
    /// May be empty.
    pub description: String,
    /// Where the music is.
    pub music_url: String,
    /// Where it is in high quality, for Wi-Fi.
    pub hq_music_url: String,
    /// The `media_id` of an uploaded thumbnail, which WeChat wants.
    pub thumb_media_id: String,
}

/// An article.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Article {
    /// What the link says.
    pub title: String,
    /// May be empty.
    pub description: String,
    /// The picture; may be empty.
    pub pic_url: String,
    /// Where the link leads.
    pub url: String,
}

/// Why a reply would not reach the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// The user has left the account.
    #[error("nothing can be answered to a user who unsubscribed · 用户已取消关注，不能回复")]
    Unsubscribed,
    /// WeChat shows the user a fault when a text is empty.
    #[error("the text is empty: leave the reply out to answer nothing · 文本是空的：不想回复就不要返回")]
    EmptyText,
    /// There is nothing to show.
    #[error("there is no article in the news · 图文消息中没有文章")]
    NoArticles,
    /// A field that WeChat needs is empty.
    #[error("{0} is empty · {0} 是空的")]
    Empty(&'static str),
    /// An address, a `media_id` or an account's name passes [`MAX_REFERENCE`]: cut off it would be wrong.
    #[error("{0} is longer than 2048 bytes · {0} 超过 2048 字节")]
    TooLong(&'static str),
}

impl Reply {
    /// Reads the XML of a reply, such as another server answers in our place: what [`to_xml`](Self::to_xml) writes
    /// reads back as the same reply. Receiver, sender and time are not looked at. Whether the reply reaches the user is
    /// for [`check`](Self::check) to say.
    ///
    /// # Errors
    /// When the text is not well-formed XML, passes a limit, or is no reply.
    pub fn parse(xml: &str) -> Result<Self, ReplyParseError> {
        parse::reply(xml)
    }

    /// Whether the reply can reach a user who sent `answering`. Texts and lists that are too long
    /// are no error: they are cut.
    pub fn check(&self, answering: &Content) -> Result<(), ReplyError> {
        if matches!(answering, Content::Event(Event::Unsubscribe)) {
            return Err(ReplyError::Unsubscribed);
        }
        self.check_itself()
    }

    /// Whether the reply can reach anybody. Texts and lists that are too long are no error: they are cut.
    pub fn check_itself(&self) -> Result<(), ReplyError> {
        match self {
            Self::Text(text) => check_text(text),
            Self::TransferCustomerService(None) => Ok(()),
            Self::Image(media_id) | Self::Voice(media_id) => needed("media_id", media_id),
            Self::Video(video) => needed("media_id", &video.media_id),
            Self::Music(music) => {
                needed("thumb_media_id", &music.thumb_media_id)?;
                bounded("music_url", &music.music_url)?;
                bounded("hq_music_url", &music.hq_music_url)
            }
            Self::News(articles) if articles.is_empty() => Err(ReplyError::NoArticles),
            Self::News(articles) => articles.iter().take(MAX_ARTICLES).try_for_each(|article| {
                bounded("url", &article.url)?;
                bounded("pic_url", &article.pic_url)
            }),
            Self::TransferCustomerService(Some(account)) => needed("account", account),
        }
    }

    /// Drops the articles that WeChat would not show: all but one in answer to a text, picture,
    /// voice, video, link or location, all but [`MAX_ARTICLES`] elsewhere.
    pub fn fit(&mut self, answering: &Content) {
        if let Self::News(articles) = self {
            articles.truncate(match answering {
                Content::Text(_)
                | Content::Image(_)
                | Content::Voice(_)
                | Content::Video(_)
                | Content::ShortVideo(_)
                | Content::Link(_)
                | Content::Location(_) => 1,
                Content::File(_) | Content::MiniProgramPage(_) | Content::Event(_) | Content::Other(_) => MAX_ARTICLES,
            });
        }
    }

    /// Writes the reply as WeChat reads it. `to` is the user's openid, `from` the account's
    /// original id, `created_at` seconds since 1970.
    ///
    /// Nothing in a reply can break out of its element. Characters that XML 1.0 does not allow are
    /// dropped; texts, titles and descriptions are cut to [`MAX_TEXT`] bytes between two characters.
    pub fn to_xml(&self, to: &str, from: &str, created_at: u64) -> String {
        let mut out = String::with_capacity(512);
        out.push_str("<xml>");
        xml::cdata(&mut out, "ToUserName", to);
        xml::cdata(&mut out, "FromUserName", from);
        xml::number(&mut out, "CreateTime", created_at);
        xml::cdata(&mut out, "MsgType", self.msg_type());
        self.write_body(&mut out);
        out.push_str("</xml>");
        out
    }

    /// `MsgType`.
    pub fn msg_type(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Image(_) => "image",
            Self::Voice(_) => "voice",
            Self::Video(_) => "video",
            Self::Music(_) => "music",
            Self::News(_) => "news",
            Self::TransferCustomerService(_) => "transfer_customer_service",
        }
    }

    fn write_body(&self, out: &mut String) {
        match self {
            Self::Text(text) => xml::cdata_within(out, "Content", text, MAX_TEXT),
            Self::Image(media_id) => {
                out.push_str("<Image>");
                xml::cdata(out, "MediaId", media_id);
                out.push_str("</Image>");
            }
            Self::Voice(media_id) => {
                out.push_str("<Voice>");
                xml::cdata(out, "MediaId", media_id);
                out.push_str("</Voice>");
            }
            Self::Video(video) => {
                out.push_str("<Video>");
                xml::cdata(out, "MediaId", &video.media_id);
                xml::cdata_within(out, "Title", &video.title, MAX_TEXT);
                xml::cdata_within(out, "Description", &video.description, MAX_TEXT);
                out.push_str("</Video>");
            }
            Self::Music(music) => {
                out.push_str("<Music>");
                xml::cdata_within(out, "Title", &music.title, MAX_TEXT);
                xml::cdata_within(out, "Description", &music.description, MAX_TEXT);
                xml::cdata(out, "MusicUrl", &music.music_url);
                xml::cdata(out, "HQMusicUrl", &music.hq_music_url);
                xml::cdata(out, "ThumbMediaId", &music.thumb_media_id);
                out.push_str("</Music>");
            }
            Self::News(articles) => write_news(out, articles),
            Self::TransferCustomerService(None) => {}
            Self::TransferCustomerService(Some(account)) => {
                out.push_str("<TransInfo>");
                xml::cdata(out, "KfAccount", account);
                out.push_str("</TransInfo>");
            }
        }
    }
}

fn write_news(out: &mut String, articles: &[Article]) {
    let shown = articles.get(..MAX_ARTICLES).unwrap_or(articles);
    xml::number(out, "ArticleCount", shown.len().try_into().unwrap_or_default());
    out.push_str("<Articles>");
    for article in shown {
        out.push_str("<item>");
        xml::cdata_within(out, "Title", &article.title, MAX_TEXT);
        xml::cdata_within(out, "Description", &article.description, MAX_TEXT);
        xml::cdata(out, "PicUrl", &article.pic_url);
        xml::cdata(out, "Url", &article.url);
        out.push_str("</item>");
    }
    out.push_str("</Articles>");
}

/// What [`Reply::check_itself`] says of a reply with this text.
pub fn check_text(text: &str) -> Result<(), ReplyError> {
    if is_visible(text) { Ok(()) } else { Err(ReplyError::EmptyText) }
}

/// Whether anything of the text is left in XML that the user can see.
fn is_visible(text: &str) -> bool {
    text.chars().any(|character| xml::is_allowed(character) && !character.is_whitespace())
}

fn needed(name: &'static str, value: &str) -> Result<(), ReplyError> {
    if is_visible(value) { bounded(name, value) } else { Err(ReplyError::Empty(name)) }
}

fn bounded(name: &'static str, value: &str) -> Result<(), ReplyError> {
    if value.len() > MAX_REFERENCE {
        return Err(ReplyError::TooLong(name));
    }
    Ok(())
}
