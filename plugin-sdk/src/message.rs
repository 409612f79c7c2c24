//! What WeChat sends to an account: messages and events.

pub use crate::bindings::imported::{
    message::{
        AccountVerification, ArticleUrl, Click, Content, Event, File, Image, KfSession, KfSwitchSession, Link,
        Location, LocationSelect, MassSendJobFinish, Message, MiniProgramPage, Other, OtherEvent, Pictures, Position,
        PublishJobFinish, Scan, Scancode, Subscribe, SubscribeMsgSent, Subscription, TemplateSendJobFinish, Text,
        UserAuthorization, Video, View, ViewMiniProgram, Voice,
    },
    types::Field,
};

impl Message {
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
