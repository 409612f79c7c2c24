//! GET /cgi-bin/get_current_selfmenu_info

use serde::{Deserialize, Serialize};

use crate::api::{Ability, Endpoint, Method};

/// Asks for the menu that users see, whether it was made in WeChat's console or through the API. Conditional menus are
/// not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CurrentSelfmenuInfo;

/// The menu that users see.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SelfmenuInfo {
    /// 1 when there is one.
    pub is_menu_open: u8,
    /// The menu.
    pub selfmenu_info: Selfmenu,
}

/// A menu.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Selfmenu {
    /// The buttons.
    pub button: Vec<SelfmenuButton>,
}

/// A button. Besides the types of the API there are those of the console: `text`, `img`, `voice`, `video` and `news`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SelfmenuButton {
    /// Empty for a button that opens others.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub r#type: String,
    /// What stands on it.
    pub name: String,
    /// Comes back in the event.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// Where it leads.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub url: String,
    /// The text, the `media_id`, or where the video is.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub value: String,
    /// Permanent material.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub media_id: String,
    /// A published article.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub article_id: String,
    /// The mini program.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub appid: String,
    /// The mini program's page.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pagepath: String,
    /// The articles of `news`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub news_info: Option<SelfmenuNews>,
    /// The buttons below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub_button: Option<SubButtons>,
}

/// The buttons below one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SubButtons {
    /// The buttons.
    pub list: Vec<SelfmenuButton>,
}

/// Articles.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SelfmenuNews {
    /// The articles.
    pub list: Vec<SelfmenuArticle>,
}

/// An article.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SelfmenuArticle {
    /// Title.
    pub title: String,
    /// Who wrote it.
    pub author: String,
    /// A summary.
    pub digest: String,
    /// 1 when the cover stands in the text.
    pub show_cover: u8,
    /// The cover.
    pub cover_url: String,
    /// The article.
    pub content_url: String,
    /// 「阅读原文」
    pub source_url: String,
}

impl Endpoint for CurrentSelfmenuInfo {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/cgi-bin/get_current_selfmenu_info";
    const NEEDS: Ability = Ability::Menus;
    const IDEMPOTENT: bool = true;
    type Answer = SelfmenuInfo;
}
