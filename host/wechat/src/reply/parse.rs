//! From XML to a reply: what another server answered in our place.

use super::{Article, MAX_ARTICLES, Music, Reply, Video};
use crate::document::{Document, Element};
use crate::message::ParseError;

/// Why a text is not a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReplyParseError {
    /// It is not XML, or passes a limit.
    #[error("not the XML of a reply: {0}")]
    Body(#[from] ParseError),
    /// No reply has this `MsgType`.
    #[error("MsgType is none of text, image, voice, video, music, news, transfer_customer_service")]
    UnknownType,
    /// An element that the type needs is not there.
    #[error("the reply has no {0}")]
    Missing(&'static str),
}

/// Reads a reply; receiver, sender and time are not looked at.
pub(super) fn reply(xml: &str) -> Result<Reply, ReplyParseError> {
    // Messages may come as JSON, replies never do.
    if !xml.trim_start_matches('\u{feff}').trim_start().starts_with('<') {
        return Err(ParseError::Malformed.into());
    }
    let document = Document::read(xml)?;
    let root = document.root();
    Ok(match root.child("MsgType").ok_or(ReplyParseError::Missing("MsgType"))?.value() {
        "text" => Reply::Text(needed(root, "Content")?),
        "image" => Reply::Image(needed(child(root, "Image")?, "MediaId")?),
        "voice" => Reply::Voice(needed(child(root, "Voice")?, "MediaId")?),
        "video" => {
            let video = child(root, "Video")?;
            Reply::Video(Video {
                media_id: needed(video, "MediaId")?,
                title: video.text("Title"),
                description: video.text("Description"),
            })
        }
        "music" => {
            let music = child(root, "Music")?;
            Reply::Music(Music {
                title: music.text("Title"),
                description: music.text("Description"),
                music_url: music.text("MusicUrl"),
                hq_music_url: music.text("HQMusicUrl"),
                thumb_media_id: music.text("ThumbMediaId"),
            })
        }
        "news" => {
            child(root, "Articles")?;
            Reply::News(root.all(&["Articles", "item"]).into_iter().take(MAX_ARTICLES).map(article).collect())
        }
        "transfer_customer_service" => Reply::TransferCustomerService(
            root.child("TransInfo").and_then(|info| info.child("KfAccount")).map(|account| account.value().to_owned()),
        ),
        _ => return Err(ReplyParseError::UnknownType),
    })
}

fn article(item: Element<'_>) -> Article {
    Article {
        title: item.text("Title"),
        description: item.text("Description"),
        pic_url: item.text("PicUrl"),
        url: item.text("Url"),
    }
}

fn child<'d>(element: Element<'d>, name: &'static str) -> Result<Element<'d>, ReplyParseError> {
    element.child(name).ok_or(ReplyParseError::Missing(name))
}

fn needed(element: Element<'_>, name: &'static str) -> Result<String, ReplyParseError> {
    child(element, name).map(|child| child.value().to_owned())
}
