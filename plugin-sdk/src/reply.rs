//! What an account may answer to a message, and send to a user who wrote within 48 hours.
//!
//! ```
//! use weft_plugin::prelude::*;
//!
//! #[message_handler]
//! fn answer(message: Message) -> Option<Reply> {
//!     match message.text()? {
//!         "hi" => Some("hello".into()),
//!         "map" => Some(Reply::image("MEDIA_ID")),
//!         "tour" => Some(Reply::video("MEDIA_ID", "茶园", "茶园一日")),
//!         "news" => Some(Reply::news([Article {
//!             title: "新茶上市".into(),
//!             description: "今年的龙井到了".into(),
//!             pic_url: "https://shop.example.com/tea.jpg".into(),
//!             url: "https://shop.example.com/tea".into(),
//!         }])),
//!         "help" => Some(Reply::transfer()),
//!         _ => None,
//!     }
//! }
//! ```

pub use crate::bindings::imported::reply::{Article, Music, Reply, Video};
use crate::error::{Error, IntoError};

impl Reply {
    /// A text of at most 2048 bytes. Line breaks and `<a href="…">` work.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// The picture of that media id.
    pub fn image(media_id: impl Into<String>) -> Self {
        Self::Image(media_id.into())
    }

    /// The voice message of that media id.
    pub fn voice(media_id: impl Into<String>) -> Self {
        Self::Voice(media_id.into())
    }

    /// The video of that media id. Title and description may be empty.
    pub fn video(media_id: impl Into<String>, title: impl Into<String>, description: impl Into<String>) -> Self {
        Self::Video(Video { media_id: media_id.into(), title: title.into(), description: description.into() })
    }

    /// Music, with a picture: the media id of a thumb.
    ///
    /// ```
    /// use weft_plugin::{prelude::*, reply::Music};
    ///
    /// let song = Reply::music(Music {
    ///     title: "采茶".into(),
    ///     description: "茶园的歌".into(),
    ///     music_url: "https://shop.example.com/song.mp3".into(),
    ///     hq_music_url: "https://shop.example.com/song.mp3".into(),
    ///     thumb_media_id: "MEDIA_ID".into(),
    /// });
    /// assert!(matches!(song, Reply::Music(_)));
    /// ```
    pub fn music(music: Music) -> Self {
        Self::Music(music)
    }

    /// Articles: one in answer to a text, picture, voice message, video or location, up to 8 else.
    pub fn news(articles: impl IntoIterator<Item = Article>) -> Self {
        Self::News(articles.into_iter().collect())
    }

    /// Hands the user over to whoever of customer service is free.
    pub fn transfer() -> Self {
        Self::TransferCustomerService(None)
    }
}

impl From<&str> for Reply {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Reply {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Article> for Reply {
    fn from(article: Article) -> Self {
        Self::news([article])
    }
}

/// What a message handler may return.
///
/// `None` and `()` answer nothing. An error is answered with the app's `fallback_reply`, or with nothing, and stands in
/// the log.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no answer to a message",
    label = "not an answer",
    note = "a message handler returns `String`, `&str`, `Reply`, `Article`, `()`, or an `Option` or `Result` of these"
)]
pub trait IntoReply {
    /// The answer, if there is one.
    fn into_reply(self) -> Result<Option<Reply>, Error>;
}

impl IntoReply for Reply {
    fn into_reply(self) -> Result<Option<Reply>, Error> {
        Ok(Some(self))
    }
}

impl IntoReply for String {
    fn into_reply(self) -> Result<Option<Reply>, Error> {
        Ok(Some(self.into()))
    }
}

impl IntoReply for &str {
    fn into_reply(self) -> Result<Option<Reply>, Error> {
        Ok(Some(self.into()))
    }
}

impl IntoReply for Article {
    fn into_reply(self) -> Result<Option<Reply>, Error> {
        Ok(Some(self.into()))
    }
}

impl IntoReply for () {
    fn into_reply(self) -> Result<Option<Reply>, Error> {
        Ok(None)
    }
}

impl<T: IntoReply> IntoReply for Option<T> {
    fn into_reply(self) -> Result<Option<Reply>, Error> {
        self.map_or(Ok(None), T::into_reply)
    }
}

impl<T: IntoReply, E: IntoError> IntoReply for Result<T, E> {
    fn into_reply(self) -> Result<Option<Reply>, Error> {
        self.map_err(IntoError::into_error)?.into_reply()
    }
}
