//! From a document to a message. A number that is missing or is none makes the content `Other`.

mod event;

use super::{Content, File, Image, Link, Location, Message, MiniProgramPage, Other, ParseError, Text, Video, Voice};
use crate::document::{Document, Element, NotANumber};

/// Reads what every message has, then what its type has.
pub(super) fn message(document: &Document<'_>) -> Result<Message, ParseError> {
    let root = document.root();
    let kind = root.child("MsgType").ok_or(ParseError::Missing("MsgType"))?.value();
    let content = content(kind, document);
    let is_event = matches!(content, Content::Event(_));
    Ok(Message {
        sender: required(root, "FromUserName")?,
        receiver: required(root, "ToUserName")?,
        created_at: root.integer("CreateTime").map_err(|NotANumber| ParseError::Missing("CreateTime"))?,
        id: root.integer("MsgId").ok().filter(|_| !is_event),
        content,
    })
}

fn required(root: Element<'_>, name: &'static str) -> Result<String, ParseError> {
    let element = root.child(name).ok_or(ParseError::Missing(name))?;
    Ok(element.value().to_owned())
}

/// Types compare without regard to case, as events do.
fn content(kind: &str, document: &Document<'_>) -> Content {
    if kind.eq_ignore_ascii_case("event") {
        return Content::Event(event::event(document));
    }
    typed(&kind.to_ascii_lowercase(), document.root())
        .unwrap_or_else(|| Content::Other(Other { kind: kind.to_owned(), fields: document.fields() }))
}

fn typed(kind: &str, root: Element<'_>) -> Option<Content> {
    Some(match kind {
        "text" => Content::Text(Text { content: root.text("Content"), menu_id: root.optional("bizmsgmenuid") }),
        "image" => Content::Image(Image { pic_url: root.text("PicUrl"), media_id: root.text("MediaId") }),
        "voice" => Content::Voice(Voice {
            media_id: root.text("MediaId"),
            format: root.text("Format"),
            recognition: root.optional("Recognition"),
        }),
        "video" => Content::Video(video(root)),
        "shortvideo" => Content::ShortVideo(video(root)),
        "location" => Content::Location(location(root).ok()?),
        "link" => Content::Link(Link {
            title: root.text("Title"),
            description: root.text("Description"),
            url: root.text("Url"),
        }),
        "file" => Content::File(file(root).ok()?),
        "miniprogrampage" => Content::MiniProgramPage(MiniProgramPage {
            title: root.text("Title"),
            appid: root.text("AppId"),
            path: root.text("PagePath"),
            thumb_url: root.text("ThumbUrl"),
            thumb_media_id: root.text("ThumbMediaId"),
        }),
        _ => return None,
    })
}

fn video(root: Element<'_>) -> Video {
    Video { media_id: root.text("MediaId"), thumb_media_id: root.text("ThumbMediaId") }
}

fn location(root: Element<'_>) -> Result<Location, NotANumber> {
    Ok(Location {
        latitude: root.fraction("Location_X")?,
        longitude: root.fraction("Location_Y")?,
        scale: root.integer("Scale")?,
        label: root.text("Label"),
    })
}

fn file(root: Element<'_>) -> Result<File, NotANumber> {
    Ok(File {
        title: root.text("Title"),
        description: root.text("Description"),
        key: root.text("FileKey"),
        md5: root.text("FileMd5"),
        size: root.integer("FileTotalLen")?,
    })
}
