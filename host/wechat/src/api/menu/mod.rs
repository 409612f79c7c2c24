//! The menu below the conversation: up to three buttons, each with up to five of its own.

pub mod addconditional;
pub mod create;
pub mod current_selfmenu_info;
pub mod delconditional;
pub mod delete;
pub mod get;

use serde::{Deserialize, Serialize};

use super::answer::text;

/// The most buttons on the first level.
pub const MAX_BUTTONS: usize = 3;
/// The most buttons below one.
pub const MAX_SUB_BUTTONS: usize = 5;
/// The longest name of a button on the first level, in bytes.
pub const MAX_NAME: usize = 16;
/// The longest name of a button below one, in bytes.
pub const MAX_SUB_NAME: usize = 60;
/// The longest `key`, in bytes.
pub const MAX_KEY: usize = 128;
/// The longest `url`, in bytes.
pub const MAX_URL: usize = 1024;

/// A button. Which fields it has is said by its type; the others are empty and not written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Button {
    /// Such as `click`; empty for a button that opens others.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub r#type: String,
    /// What stands on it.
    pub name: String,
    /// Comes back in the event.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// Where it leads; for `miniprogram` where it leads on clients that know no mini programs.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub url: String,
    /// The permanent material that it sends.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub media_id: String,
    /// The published article that it sends or shows.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub article_id: String,
    /// The mini program.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub appid: String,
    /// The mini program's page.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pagepath: String,
    /// The buttons below.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sub_button: Vec<Button>,
}

/// Who sees a conditional menu: users who fit everything that is not empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MatchRule {
    /// Who has this tag.
    #[serde(alias = "group_id", deserialize_with = "text", skip_serializing_if = "String::is_empty")]
    pub tag_id: String,
    /// 1 iOS, 2 Android, 3 others.
    #[serde(deserialize_with = "text", skip_serializing_if = "String::is_empty")]
    pub client_platform_type: String,
    /// Without effect since 2021, like all below.
    #[serde(deserialize_with = "text", skip_serializing_if = "String::is_empty")]
    pub sex: String,
    /// The country.
    #[serde(deserialize_with = "text", skip_serializing_if = "String::is_empty")]
    pub country: String,
    /// The province.
    #[serde(deserialize_with = "text", skip_serializing_if = "String::is_empty")]
    pub province: String,
    /// The city.
    #[serde(deserialize_with = "text", skip_serializing_if = "String::is_empty")]
    pub city: String,
    /// Such as `zh_CN`.
    #[serde(deserialize_with = "text", skip_serializing_if = "String::is_empty")]
    pub language: String,
}
