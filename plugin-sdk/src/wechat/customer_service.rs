//! Customer-service messages (客服消息) that are no reply: within 48 hours after the user wrote, and a
//! minute after other actions. What a [`Reply`](crate::Reply) can say goes out with
//! [`messages::send_customer_service`](crate::messages::send_customer_service).
//!
//! WeChat knows no key by which it would notice that a message comes twice: after
//! [`Error::TimedOut`] the user may have it.
//!
//! ```
//! use weft_plugin::{prelude::*, wechat::customer_service};
//!
//! /// Asks how it was; a tap arrives as a text with that id.
//! #[message_handler]
//! fn rate(message: Message) -> Result<Option<String>> {
//!     let Content::Text(text) = message.content else { return Ok(None) };
//!     match text.menu_id.as_deref() {
//!         Some("good") => Ok(Some("谢谢！".into())),
//!         Some(_) => Ok(Some("我们会改进".into())),
//!         None => {
//!             let answers = [("good", "满意"), ("bad", "不满意")];
//!             customer_service::send_menu(&message.sender, "这次服务如何？", &answers, "")?;
//!             Ok(None)
//!         }
//!     }
//! }
//! ```

use serde::Serialize;
use serde_json::{Value, json};

use super::tell;
use crate::error::Error;

/// A card of a mini program that belongs to the account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MiniProgramPage {
    /// What the card says.
    pub title: String,
    /// The mini program; left out when it sends the message itself.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub appid: String,
    /// The page, with its query.
    pub pagepath: String,
    /// The picture, as an upload gave it.
    pub thumb_media_id: String,
}

/// A link, which only mini programs send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Link {
    /// What it says.
    pub title: String,
    /// More of it.
    pub description: String,
    /// Where it leads.
    pub url: String,
    /// The picture's address.
    pub thumb_url: String,
}

/// Shows the user that somebody writes, or no longer does: `/cgi-bin/message/custom/typing`.
pub fn typing(openid: &str, types: bool) -> Result<(), Error> {
    let command = if types { "Typing" } else { "CancelTyping" };
    tell("/cgi-bin/message/custom/typing", &json!({"touser": openid, "command": command}))
}

/// Asks a question with answers to tap, each an id and what the user sees. The answer arrives as a
/// text whose `menu_id` is the id: `/cgi-bin/message/custom/send`.
pub fn send_menu(openid: &str, head: &str, answers: &[(&str, &str)], tail: &str) -> Result<(), Error> {
    let list: Vec<_> = answers.iter().map(|(id, content)| json!({"id": id, "content": content})).collect();
    send(openid, "msgmenu", &json!({"head_content": head, "list": list, "tail_content": tail}))
}

/// Sends a card of a mini program: `/cgi-bin/message/custom/send`.
pub fn send_mini_program_page(openid: &str, page: &MiniProgramPage) -> Result<(), Error> {
    send(openid, "miniprogrampage", page)
}

/// Sends an article that the account has published: `/cgi-bin/message/custom/send`.
pub fn send_article(openid: &str, article_id: &str) -> Result<(), Error> {
    send(openid, "mpnewsarticle", &json!({"article_id": article_id}))
}

/// Sends a link: `/cgi-bin/message/custom/send`.
pub fn send_link(openid: &str, link: &Link) -> Result<(), Error> {
    send(openid, "link", link)
}

fn send(openid: &str, kind: &str, content: &impl Serialize) -> Result<(), Error> {
    let mut message = json!({"touser": openid, "msgtype": kind});
    if let Value::Object(fields) = &mut message {
        fields.insert(kind.to_owned(), serde_json::to_value(content)?);
    }
    tell("/cgi-bin/message/custom/send", &message)
}
