//! GET /cgi-bin/get_current_autoreply_info

use serde::{Deserialize, Deserializer, Serialize};

use super::{Ability, Endpoint, Method};

/// Asks for the auto-replies that were set in WeChat's console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CurrentAutoreplyInfo;

/// The auto-replies. Lists come newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AutoreplyInfo {
    /// Whether new followers get an answer.
    #[serde(deserialize_with = "flag")]
    pub is_add_friend_reply_open: bool,
    /// Whether messages get one.
    #[serde(deserialize_with = "flag")]
    pub is_autoreply_open: bool,
    /// What new followers get.
    pub add_friend_autoreply_info: Option<AutoreplyContent>,
    /// What messages get that no keyword stands in.
    pub message_default_autoreply_info: Option<AutoreplyContent>,
    /// What messages with keywords get.
    pub keyword_autoreply_info: Option<KeywordAutoreplies>,
}

/// Rules by keyword.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeywordAutoreplies {
    /// The rules.
    pub list: Vec<KeywordAutoreply>,
}

/// A rule.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeywordAutoreply {
    /// What it is called.
    pub rule_name: String,
    /// Seconds since 1970.
    pub create_time: u64,
    /// `reply_all` or `random_one`.
    pub reply_mode: String,
    /// Any of these matches.
    pub keyword_list_info: Vec<Keyword>,
    /// What is answered.
    pub reply_list_info: Vec<AutoreplyContent>,
}

/// A keyword.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Keyword {
    /// `text`
    pub r#type: String,
    /// `contain` or `equal`.
    pub match_mode: String,
    /// The word.
    pub content: String,
}

/// An answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AutoreplyContent {
    /// `text`, `img`, `voice`, `video` or `news`.
    pub r#type: String,
    /// The text, the `media_id`, or a video's address.
    pub content: String,
    /// The articles of `news`.
    pub news_info: Option<AutoreplyNews>,
}

/// Articles.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AutoreplyNews {
    /// The articles.
    pub list: Vec<AutoreplyArticle>,
}

/// An article.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AutoreplyArticle {
    /// Title.
    pub title: String,
    /// Who wrote it.
    pub author: String,
    /// A summary.
    pub digest: String,
    /// Whether the cover stands in the text.
    #[serde(deserialize_with = "flag")]
    pub show_cover: bool,
    /// The cover.
    pub cover_url: String,
    /// The article.
    pub content_url: String,
    /// 「阅读原文」
    pub source_url: String,
}

impl Endpoint for CurrentAutoreplyInfo {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/cgi-bin/get_current_autoreply_info";
    const NEEDS: Ability = Ability::Autoreply;
    const IDEMPOTENT: bool = true;
    type Answer = AutoreplyInfo;
}

/// WeChat says 0 and 1.
fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Flag {
        Number(i64),
        Flag(bool),
    }
    Flag::deserialize(deserializer).map(|flag| matches!(flag, Flag::Flag(true) | Flag::Number(1..)))
}
