//! What WeChat sends to an account: messages and events.
//!
//! ```
//! use weft_plugin::{prelude::*, testing};
//!
//! fn kind(message: &Message) -> String {
//!     match &message.content {
//!         Content::Text(text) => format!("a text of {} bytes", text.content.len()),
//!         Content::Location(place) => format!("a place: {}", place.label),
//!         Content::Event(Event::Click(click)) => format!("a tap on {}", click.key),
//!         Content::Event(_) => "another event".into(),
//!         _ => "something else".into(),
//!     }
//! }
//!
//! assert_eq!(kind(&testing::text("o1", "hello")), "a text of 5 bytes");
//! assert_eq!(kind(&testing::click("o1", "price")), "a tap on price");
//! ```

use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use crate::bindings::imported::{
    message::{
        AccountVerification, ArticleUrl, Click, Content, Event, File, Image, KfSession, KfSwitchSession, Link,
        Location, LocationSelect, MassSendJobFinish, Message, MiniProgramPage, Other, OtherEvent, Pictures, Position,
        PublishJobFinish, Scan, Scancode, Subscribe, SubscribeMsgSent, Subscription, TemplateSendJobFinish, Text,
        UserAuthorization, Video, View, ViewMiniProgram, Voice,
    },
    types::Field,
};
use crate::entry::Subject;

impl Subject for Message {
    fn openid(&self) -> Option<&str> {
        Some(&self.sender)
    }
}

impl Message {
    /// When it was sent, which is [`created_at`](Self::created_at) as a time.
    pub fn sent_at(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.created_at)
    }

    /// What the user wrote, if this is a text.
    pub fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) => Some(&text.content),
            _ => None,
        }
    }

    /// What happened, if this is an event.
    pub fn event(&self) -> Option<&Event> {
        match &self.content {
            Content::Event(event) => Some(event),
            _ => None,
        }
    }
}
