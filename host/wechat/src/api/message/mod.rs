//! Messages that the account sends by itself.

pub mod custom_send;
pub mod mass;
pub mod subscribe_bizsend;
pub mod subscribe_send;
pub mod template_send;
pub mod template_subscribe;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The values of a template's keywords, by name.
pub type TemplateData = BTreeMap<String, TemplateValue>;

/// The value of a keyword.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateValue {
    /// The text that stands in the message.
    pub value: String,
    /// Such as `#173177`; WeChat has stopped showing it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub color: String,
}

/// A page of a mini program that a message opens; the mini program must belong to the account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkedMiniProgram {
    /// The mini program.
    pub appid: String,
    /// The page, with its query; the first one when it is empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub pagepath: String,
}

/// What WeChat answers to a message that it took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct SentMessage {
    /// The id that the event of its outcome names; not every call answers one.
    pub msgid: Option<u64>,
}
