//! An entry of the message log: one message, in either direction.

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use weft_wechat::{
    message::{Content, Message},
    reply::Reply,
};

use super::message_summary::{of_message, of_reply};
use super::words::words;

/// Longest text of an entry, in bytes; what passes it is cut off.
const TEXT_BYTES: usize = 4096;
/// Longest openid, key, name or id of an entry, in bytes.
const NAME_BYTES: usize = 512;
/// Longest raw message of an entry, in bytes. WeChat's own are a few thousand.
const RAW_BYTES: usize = 64 << 10;

/// One message that a user sent or was sent. Made by [`incoming`](Self::incoming) or [`outgoing`](Self::outgoing); what
/// else is known of it is set afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageLogEntry {
    /// The name of the app.
    pub app: String,
    /// Milliseconds since 1970.
    pub at: u64,
    /// Who sent it.
    pub direction: Direction,
    /// The user.
    pub openid: String,
    /// `text`, `image`, …, `event`; of a reply also `music`, `news` and `transfer_customer_service`.
    pub msg_type: String,
    /// The name of an event.
    pub event: Option<String>,
    /// The key of an event: of a menu button, a QR code, …
    pub event_key: Option<String>,
    /// WeChat's id of the message.
    pub msg_id: Option<u64>,
    /// What people read: the text, or in short what it is instead.
    pub content: String,
    /// The handler that answered.
    pub handler: Option<LoggedHandler>,
    /// How a reply went out.
    pub via: Option<Via>,
    /// What became of a reply.
    pub outcome: Option<Outcome>,
    /// Ties a message to its replies.
    pub delivery_id: Option<String>,
    /// The message as it came, decrypted. Set by those whose app asks for it.
    pub raw: Option<String>,
}

/// An entry that is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedMessage {
    /// Sorts by time: a UUID of version 7, made from [`MessageLogEntry::at`].
    pub id: Uuid,
    /// What is known of the message. Lists leave `raw` out.
    pub entry: MessageLogEntry,
}

/// Who sent a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The user.
    In,
    /// The account.
    Out,
}

words!(Direction { In: "in", Out: "out" });

/// Who answered. The name is kept because the log outlives handlers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedHandler {
    /// The id of a handler of rules and replies; none for a plugin that answers what no rule matched.
    pub id: Option<String>,
    /// The handler's name, or the plugin's: `greeter` or `greeter/vip`.
    pub name: String,
}

/// How a reply goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// As the answer to the delivery.
    Passive,
    /// By a call of the customer-service API.
    CustomerService,
    /// As an answer that an operator's own address gave.
    Forward,
}

words!(Via { Passive: "passive", CustomerService: "customer_service", Forward: "forward" });

/// What became of a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It went out.
    Sent,
    /// It did not, for this reason.
    Failed(String),
    /// It came after the time that WeChat waits, and went nowhere.
    Late,
}

impl Outcome {
    /// The text in JSON and in the database, without the reason.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Failed(_) => "failed",
            Self::Late => "late",
        }
    }

    /// Why it failed.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Failed(reason) => Some(reason),
            Self::Sent | Self::Late => None,
        }
    }
}

impl MessageLogEntry {
    /// What a user sent to `app`.
    pub fn incoming(app: &str, at: u64, message: &Message) -> Self {
        let event = if let Content::Event(event) = &message.content { Some(event) } else { None };
        Self {
            event: event.map(|event| event.name().to_owned()),
            event_key: event.and_then(|event| event.key()).map(str::to_owned),
            msg_id: message.id,
            ..Self::new(app, at, Direction::In, &message.sender, message.msg_type(), of_message(&message.content))
        }
    }

    /// What `app` answered to a user.
    pub fn outgoing(app: &str, at: u64, openid: &str, reply: &Reply, via: Via, outcome: Outcome) -> Self {
        let (msg_type, content) = of_reply(reply);
        Self { via: Some(via), outcome: Some(outcome), ..Self::new(app, at, Direction::Out, openid, msg_type, content) }
    }

    fn new(app: &str, at: u64, direction: Direction, openid: &str, msg_type: &str, content: String) -> Self {
        Self {
            app: app.to_owned(),
            at,
            direction,
            openid: openid.to_owned(),
            msg_type: msg_type.to_owned(),
            event: None,
            event_key: None,
            msg_id: None,
            content,
            handler: None,
            via: None,
            outcome: None,
            delivery_id: None,
            raw: None,
        }
    }

    /// The entry as both databases can keep it: without U+0000, and with every text within its limit.
    #[must_use]
    pub fn fitted(mut self) -> Self {
        let (handler_id, handler_name) = match &mut self.handler {
            Some(handler) => (handler.id.as_mut(), Some(&mut handler.name)),
            None => (None, None),
        };
        let reason = match &mut self.outcome {
            Some(Outcome::Failed(reason)) => Some(reason),
            _ => None,
        };
        let names = [Some(&mut self.openid), Some(&mut self.msg_type), self.event.as_mut(), self.event_key.as_mut()];
        let more_names = [self.delivery_id.as_mut(), handler_id, handler_name];
        for name in names.into_iter().chain(more_names).flatten() {
            fit(name, NAME_BYTES);
        }
        for text in [Some(&mut self.content), reason].into_iter().flatten() {
            fit(text, TEXT_BYTES);
        }
        if let Some(raw) = &mut self.raw {
            fit(raw, RAW_BYTES);
        }
        self
    }
}

fn fit(text: &mut String, bytes: usize) {
    if text.contains('\0') {
        *text = text.replace('\0', "\u{fffd}");
    }
    text.truncate(text.floor_char_boundary(bytes));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_fitted_to_what_databases_keep() {
        let reply = Reply::Text(format!("a\0b{}", "好".repeat(TEXT_BYTES)));
        let failed = Outcome::Failed("\0".repeat(TEXT_BYTES));
        let mut entry = MessageLogEntry::outgoing("shop", 1, &"o".repeat(1000), &reply, Via::Passive, failed);
        entry.handler = Some(LoggedHandler { id: None, name: "n".repeat(1000) });
        entry.raw = Some("x".repeat(RAW_BYTES + 1));
        let entry = entry.fitted();
        assert!(entry.content.starts_with("a\u{fffd}b好") && entry.content.len() <= TEXT_BYTES);
        assert_eq!((entry.openid.len(), entry.handler.unwrap().name.len()), (NAME_BYTES, NAME_BYTES));
        assert_eq!(entry.raw.unwrap().len(), RAW_BYTES);
        assert!(entry.outcome.unwrap().reason().unwrap().len() <= TEXT_BYTES);
    }
}
