//! What users and WeChat send to an account.
//!
//! A message that has no type here, or does not keep to its type, is no error: it becomes
//! [`Content::Other`] or [`Event::Other`] with all its fields. Texts that are absent are empty.

mod event;
mod parse;

pub use event::{
    AccountVerification, ArticleUrl, CheckedArticle, Click, CopyrightCheck, Event, KfSession, KfSwitchSession,
    LocationSelect, MassSendJobFinish, OtherEvent, Pictures, Position, PublishJobFinish, Scan, Scancode, Subscribe,
    SubscribeMsgSent, Subscription, TemplateSendJobFinish, UserAuthorization, View, ViewMiniProgram,
};

use crate::document::Document;

/// How large a body may be, in bytes, before and after decryption.
pub const MAX_BODY: usize = 1 << 20;

/// One message or event.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// `FromUserName`: the openid of the user.
    pub sender: String,
    /// `ToUserName`: the account's original id, `gh_…`.
    pub receiver: String,
    /// `CreateTime`, in seconds since 1970.
    pub created_at: u64,
    /// `MsgId`; events have none.
    pub id: Option<u64>,
    /// What the message says.
    pub content: Content,
}

/// What a message says.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// A text.
    Text(Text),
    /// A picture.
    Image(Image),
    /// A voice message.
    Voice(Voice),
    /// A video.
    Video(Video),
    /// A short video, recorded in the session.
    ShortVideo(Video),
    /// A place that the user picked.
    Location(Location),
    /// A shared article.
    Link(Link),
    /// A file.
    File(File),
    /// A card of a mini program, sent in its customer-service session.
    MiniProgramPage(MiniProgramPage),
    /// Something happened.
    Event(Event),
    /// A message of a type that has no case of its own.
    Other(Other),
}

/// A text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// `Content`.
    pub content: String,
    /// `bizmsgmenuid`: the item of a customer-service menu message that the user tapped.
    pub menu_id: Option<String>,
}

/// A picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// `PicUrl`.
    pub pic_url: String,
    /// `MediaId`.
    pub media_id: String,
}

/// A voice message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voice {
    /// `MediaId`.
    pub media_id: String,
    /// `Format`: amr or speex.
    pub format: String,
    /// `Recognition`: the speech as text, on accounts that have speech recognition switched on.
    pub recognition: Option<String>,
}

/// A video.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Video {
    /// `MediaId`.
    pub media_id: String,
    /// `ThumbMediaId`.
    pub thumb_media_id: String,
}

/// A place that the user picked.
#[derive(Debug, Clone, PartialEq)]
pub struct Location {
    /// `Location_X`, in degrees.
    pub latitude: f64,
    /// `Location_Y`, in degrees.
    pub longitude: f64,
    /// `Scale`: the map's zoom.
    pub scale: i32,
    /// `Label`.
    pub label: String,
}

/// A shared article.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// `Title`.
    pub title: String,
    /// `Description`.
    pub description: String,
    /// `Url`.
    pub url: String,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// `Title`.
    pub title: String,
    /// `Description`.
    pub description: String,
    /// `FileKey`.
    pub key: String,
    /// `FileMd5`.
    pub md5: String,
    /// `FileTotalLen`, in bytes.
    pub size: u64,
}

/// A card of a mini program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MiniProgramPage {
    /// `Title`.
    pub title: String,
    /// `AppId`.
    pub appid: String,
    /// `PagePath`.
    pub path: String,
    /// `ThumbUrl`.
    pub thumb_url: String,
    /// `ThumbMediaId`.
    pub thumb_media_id: String,
}

/// A message of a type that has no case of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Other {
    /// `MsgType` as it was sent.
    pub kind: String,
    /// Every field of the message.
    pub fields: Vec<Field>,
}

/// One named value of something that WeChat sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The names of the elements below the root, joined with `/`, such as `ScanCodeInfo/ScanType`.
    pub path: String,
    /// The element's text.
    pub value: String,
}

/// Why a body is not a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// More than [`MAX_BODY`] bytes.
    #[error("the body is larger than 1 MiB")]
    TooLarge,
    /// Not well-formed.
    #[error("the body is neither well-formed XML nor JSON")]
    Malformed,
    /// A `<!DOCTYPE`.
    #[error("the body has a document type, which messages never have")]
    DocumentType,
    /// A `<?…?>` that is not the XML declaration.
    #[error("the body has a processing instruction, which messages never have")]
    ProcessingInstruction,
    /// An `&…;` that is neither predefined nor a character.
    #[error("the body refers to an entity that is not predefined")]
    UnknownEntity,
    /// An element's tag passes the limit.
    #[error("the body has a tag of more than 256 bytes")]
    TagTooLong,
    /// Elements nest too deep.
    #[error("the body nests elements more than 16 deep")]
    TooDeep,
    /// There are too many elements.
    #[error("the body has more than 1000 elements")]
    TooManyElements,
    /// An element that every message has is missing, or is not what it must be.
    #[error("the body has no valid {0}: it is not a message")]
    Missing(&'static str),
}

impl Message {
    /// Parses the XML or JSON text of a message. When one of its elements repeats that must not,
    /// the first one counts.
    ///
    /// # Errors
    ///
    /// When the body is not well-formed, passes a limit, or lacks `ToUserName`, `FromUserName`,
    /// `CreateTime` or `MsgType`. Nothing else about a message is an error.
    pub fn parse(body: &str) -> Result<Self, ParseError> {
        Self::read(&Document::read(body)?)
    }

    /// Reads the message that a document holds.
    pub(crate) fn read(document: &Document<'_>) -> Result<Self, ParseError> {
        parse::message(document)
    }

    /// `MsgType`: text, image, …, event, or what was sent.
    pub fn msg_type(&self) -> &str {
        self.content.msg_type()
    }

    /// The canonical name of an event: subscribe, SCAN, CLICK, …, or what was sent when it has no
    /// case of its own. `None` for messages.
    pub fn event_name(&self) -> Option<&str> {
        match &self.content {
            Content::Event(event) => Some(event.name()),
            _ => None,
        }
    }
}

impl Content {
    /// `MsgType`: text, image, …, event, or what was sent.
    pub fn msg_type(&self) -> &str {
        match self {
            Self::Text(_) => "text",
            Self::Image(_) => "image",
            Self::Voice(_) => "voice",
            Self::Video(_) => "video",
            Self::ShortVideo(_) => "shortvideo",
            Self::Location(_) => "location",
            Self::Link(_) => "link",
            Self::File(_) => "file",
            Self::MiniProgramPage(_) => "miniprogrampage",
            Self::Event(_) => "event",
            Self::Other(other) => &other.kind,
        }
    }
}

/// Every element of a body that has no children, in the order of the body. An element that repeats
/// appears once for each time.
pub fn fields(body: &str) -> Result<Vec<Field>, ParseError> {
    Ok(Document::read(body)?.fields())
}
