//! A reply of a handler: what the operator wrote down to be answered.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use weft_wechat::reply::{Article, MAX_ARTICLES, MAX_TEXT, Music, Reply, Video};

use super::flat::{Flat, URL_RULE, is_text, is_url};
use super::{FieldError, PluginTarget};
use crate::bilingual::of;

/// The longest title, in characters.
const TITLE_LENGTH: usize = 200;
/// The longest description, in characters.
const DESCRIPTION_LENGTH: usize = 600;

/// A reply. The replies of a handler are ordered by weight, the greatest first, and those of the same weight as they
/// stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "ReplyFields", try_from = "ReplyFields")]
pub struct ReplyTemplate {
    /// Greater ones come first.
    pub weight: i32,
    /// What is answered.
    pub content: ReplyContent,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplyContent {
    /// The same each time.
    Static(Reply),
    /// The articles of a permanent material, which have to be looked up.
    Material {
        /// The `media_id` of the material.
        media_id: String,
    },
    /// What a plugin's handler answers.
    Custom(PluginTarget),
    /// What another server answers to the message.
    Forward {
        /// Where the message is posted.
        url: String,
        /// Whether the signature and the rest of WeChat's query go along.
        pass_query: bool,
    },
}

/// The type of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReplyType {
    /// A text.
    Text,
    /// A picture.
    Image,
    /// A voice message.
    Voice,
    /// A video.
    Video,
    /// A piece of music.
    Music,
    /// Articles.
    News,
    /// Hands the user over to customer service.
    TransferCustomerService,
    /// A plugin answers.
    Custom,
    /// Another server answers.
    Forward,
}

impl ReplyType {
    /// The text in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Image => "image",
            Self::Voice => "voice",
            Self::Video => "video",
            Self::Music => "music",
            Self::News => "news",
            Self::TransferCustomerService => "transfer_customer_service",
            Self::Custom => "custom",
            Self::Forward => "forward",
        }
    }
}

/// A reply as JSON has it: which fields it needs is said by its type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Reply)]
pub struct ReplyFields {
    #[serde(rename = "type")]
    kind: ReplyType,
    /// Greater ones come first; 0 without.
    #[serde(skip_serializing_if = "Option::is_none")]
    weight: Option<i32>,
    /// For text: at most 2048 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<String>,
    /// For image, voice and video; for news the material whose articles are sent, instead of `articles`.
    #[serde(skip_serializing_if = "Option::is_none")]
    media_id: Option<String>,
    /// For video and music.
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    /// For video and music.
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// For music.
    #[serde(skip_serializing_if = "Option::is_none")]
    music_url: Option<String>,
    /// For music, on Wi-Fi.
    #[serde(skip_serializing_if = "Option::is_none")]
    hq_music_url: Option<String>,
    /// For music.
    #[serde(skip_serializing_if = "Option::is_none")]
    thumb_media_id: Option<String>,
    /// For news: at most 8.
    #[serde(skip_serializing_if = "Option::is_none")]
    articles: Option<Vec<ArticleFields>>,
    /// For `transfer_customer_service`: the account to hand over to; whoever is free without.
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    /// For custom: `plugin` or `plugin/handler`.
    #[serde(skip_serializing_if = "Option::is_none")]
    handler: Option<String>,
    /// For forward: where the message is posted.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// For forward: whether WeChat's query, which holds the signature, goes along.
    #[serde(skip_serializing_if = "Option::is_none")]
    pass_query: Option<bool>,
}

/// An article of a reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ReplyArticle)]
pub struct ArticleFields {
    title: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    description: String,
    /// The picture.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    picurl: String,
    /// Where the article is.
    url: String,
}

impl ReplyFields {
    /// The reply; what is missing or too much for its type goes to `errors`, under `path`.
    pub fn read(mut self, path: &str, errors: &mut Vec<FieldError>) -> ReplyTemplate {
        let mut flat = Flat { path, kind: self.kind.as_str(), errors };
        let content = match self.kind {
            ReplyType::Text => ReplyContent::Static(Reply::Text(flat.needed("content", self.content.take()))),
            ReplyType::Image => ReplyContent::Static(Reply::Image(flat.needed("media_id", self.media_id.take()))),
            ReplyType::Voice => ReplyContent::Static(Reply::Voice(flat.needed("media_id", self.media_id.take()))),
            ReplyType::Video => ReplyContent::Static(Reply::Video(Video {
                media_id: flat.needed("media_id", self.media_id.take()),
                title: self.title.take().unwrap_or_default(),
                description: self.description.take().unwrap_or_default(),
            })),
            ReplyType::Music => ReplyContent::Static(Reply::Music(Music {
                title: self.title.take().unwrap_or_default(),
                description: self.description.take().unwrap_or_default(),
                music_url: flat.needed("music_url", self.music_url.take()),
                hq_music_url: self.hq_music_url.take().unwrap_or_default(),
                thumb_media_id: flat.needed("thumb_media_id", self.thumb_media_id.take()),
            })),
            ReplyType::News => match (self.media_id.take(), self.articles.take()) {
                (Some(media_id), None) => ReplyContent::Material { media_id },
                (media_id, articles) => {
                    flat.unknown_beside("media_id", media_id.is_some(), "articles");
                    let articles = flat.needed("articles", articles).into_iter().map(Article::from).collect();
                    ReplyContent::Static(Reply::News(articles))
                }
            },
            ReplyType::TransferCustomerService => {
                ReplyContent::Static(Reply::TransferCustomerService(self.account.take()))
            }
            ReplyType::Custom => ReplyContent::Custom(flat.target(self.handler.take())),
            ReplyType::Forward => ReplyContent::Forward {
                url: flat.needed("url", self.url.take()),
                pass_query: self.pass_query.take().unwrap_or(false),
            },
        };
        self.refuse_rest(&mut flat);
        ReplyTemplate { weight: self.weight.unwrap_or(0), content }
    }

    fn refuse_rest(&self, flat: &mut Flat<'_>) {
        flat.unknown("content", self.content.is_some());
        flat.unknown("media_id", self.media_id.is_some());
        flat.unknown("title", self.title.is_some());
        flat.unknown("description", self.description.is_some());
        flat.unknown("music_url", self.music_url.is_some());
        flat.unknown("hq_music_url", self.hq_music_url.is_some());
        flat.unknown("thumb_media_id", self.thumb_media_id.is_some());
        flat.unknown("articles", self.articles.is_some());
        flat.unknown("account", self.account.is_some());
        flat.unknown("handler", self.handler.is_some());
        flat.unknown("url", self.url.is_some());
        flat.unknown("pass_query", self.pass_query.is_some());
    }

    fn of(kind: ReplyType) -> Self {
        Self {
            kind,
            weight: None,
            content: None,
            media_id: None,
            title: None,
            description: None,
            music_url: None,
            hq_music_url: None,
            thumb_media_id: None,
            articles: None,
            account: None,
            handler: None,
            url: None,
            pass_query: None,
        }
    }
}

impl TryFrom<ReplyFields> for ReplyTemplate {
    type Error = String;

    fn try_from(fields: ReplyFields) -> Result<Self, String> {
        let mut errors = Vec::new();
        let reply = fields.read("reply", &mut errors);
        errors.pop().map_or(Ok(reply), |error| Err(of(&error.field, &error.message)))
    }
}

impl From<ReplyTemplate> for ReplyFields {
    fn from(reply: ReplyTemplate) -> Self {
        let some = |text: String| (!text.is_empty()).then_some(text);
        let mut fields = Self::of(reply.content.kind());
        fields.weight = (reply.weight != 0).then_some(reply.weight);
        match reply.content {
            ReplyContent::Static(Reply::Text(content)) => fields.content = Some(content),
            ReplyContent::Static(Reply::Image(media_id) | Reply::Voice(media_id))
            | ReplyContent::Material { media_id } => fields.media_id = Some(media_id),
            ReplyContent::Static(Reply::Video(video)) => {
                fields.media_id = Some(video.media_id);
                (fields.title, fields.description) = (some(video.title), some(video.description));
            }
            ReplyContent::Static(Reply::Music(music)) => {
                (fields.title, fields.description) = (some(music.title), some(music.description));
                (fields.music_url, fields.hq_music_url) = (Some(music.music_url), some(music.hq_music_url));
                fields.thumb_media_id = Some(music.thumb_media_id);
            }
            ReplyContent::Static(Reply::News(articles)) => {
                fields.articles = Some(articles.into_iter().map(ArticleFields::from).collect());
            }
            ReplyContent::Static(Reply::TransferCustomerService(account)) => fields.account = account,
            ReplyContent::Custom(target) => fields.handler = Some(target.to_string()),
            ReplyContent::Forward { url, pass_query } => {
                (fields.url, fields.pass_query) = (Some(url), pass_query.then_some(true));
            }
        }
        fields
    }
}

impl From<ArticleFields> for Article {
    fn from(article: ArticleFields) -> Self {
        let ArticleFields { title, description, picurl: pic_url, url } = article;
        Self { title, description, pic_url, url }
    }
}

impl From<Article> for ArticleFields {
    fn from(article: Article) -> Self {
        let Article { title, description, pic_url: picurl, url } = article;
        Self { title, description, picurl, url }
    }
}

impl From<ReplyContent> for ReplyTemplate {
    fn from(content: ReplyContent) -> Self {
        Self { weight: 0, content }
    }
}

impl ReplyContent {
    /// The type.
    pub fn kind(&self) -> ReplyType {
        match self {
            Self::Static(Reply::Text(_)) => ReplyType::Text,
            Self::Static(Reply::Image(_)) => ReplyType::Image,
            Self::Static(Reply::Voice(_)) => ReplyType::Voice,
            Self::Static(Reply::Video(_)) => ReplyType::Video,
            Self::Static(Reply::Music(_)) => ReplyType::Music,
            Self::Static(Reply::News(_)) | Self::Material { .. } => ReplyType::News,
            Self::Static(Reply::TransferCustomerService(_)) => ReplyType::TransferCustomerService,
            Self::Custom(_) => ReplyType::Custom,
            Self::Forward { .. } => ReplyType::Forward,
        }
    }

    /// The fields that break their rules, with what would be right.
    pub fn check(&self) -> Vec<(String, String)> {
        let mut check = Check(Vec::new());
        match self {
            Self::Static(Reply::Text(content)) => {
                let visible = content.chars().any(|c| !c.is_whitespace());
                let right = visible && content.len() <= MAX_TEXT && is_text(content, MAX_TEXT);
                check.that(right, "content", || format!("1 to {MAX_TEXT} bytes of text · 1 到 {MAX_TEXT} 字节的文本"));
            }
            Self::Static(Reply::Image(media_id) | Reply::Voice(media_id)) | Self::Material { media_id } => {
                check.media_id("media_id", media_id);
            }
            Self::Static(Reply::Video(video)) => {
                check.media_id("media_id", &video.media_id);
                check.titles(&video.title, &video.description);
            }
            Self::Static(Reply::Music(music)) => {
                check.titles(&music.title, &music.description);
                check.url("music_url", &music.music_url);
                if !music.hq_music_url.is_empty() {
                    check.url("hq_music_url", &music.hq_music_url);
                }
                check.media_id("thumb_media_id", &music.thumb_media_id);
            }
            Self::Static(Reply::News(articles)) => check.articles(articles),
            Self::Static(Reply::TransferCustomerService(Some(account))) => {
                let right = (1..=128).contains(&account.len()) && account.bytes().all(|b| b.is_ascii_graphic());
                check.that(right, "account", || {
                    "a customer-service account, such as name@gh_account · 客服账号，如 name@gh_account".to_owned()
                });
            }
            Self::Static(Reply::TransferCustomerService(None)) | Self::Custom(_) => {}
            Self::Forward { url, .. } => check.url("url", url),
        }
        check.0
    }
}

/// Collects what breaks its rule.
struct Check(Vec<(String, String)>);

impl Check {
    fn that(&mut self, right: bool, field: &str, rule: impl FnOnce() -> String) {
        if !right {
            self.0.push((field.to_owned(), rule()));
        }
    }

    fn media_id(&mut self, field: &str, text: &str) {
        let right = (1..=512).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        self.that(right, field, || "a media_id as WeChat gave it · 微信给出的 media_id".to_owned());
    }

    fn url(&mut self, field: &str, text: &str) {
        self.that(is_url(text), field, || URL_RULE.to_owned());
    }

    fn titles(&mut self, title: &str, description: &str) {
        self.that(is_text(title, TITLE_LENGTH), "title", || {
            format!("at most {TITLE_LENGTH} characters · 最多 {TITLE_LENGTH} 个字符")
        });
        let right = is_text(description, DESCRIPTION_LENGTH);
        self.that(right, "description", || {
            format!("at most {DESCRIPTION_LENGTH} characters · 最多 {DESCRIPTION_LENGTH} 个字符")
        });
    }

    fn articles(&mut self, articles: &[Article]) {
        let right = (1..=MAX_ARTICLES).contains(&articles.len());
        self.that(right, "articles", || format!("1 to {MAX_ARTICLES} articles · 1 到 {MAX_ARTICLES} 篇图文"));
        for (index, article) in articles.iter().enumerate().take(MAX_ARTICLES) {
            let mut within = Self(Vec::new());
            within.that(!article.title.trim().is_empty(), "title", || "needed · 必填".to_owned());
            within.titles(&article.title, &article.description);
            within.url("url", &article.url);
            if !article.pic_url.is_empty() {
                within.url("picurl", &article.pic_url);
            }
            self.0.extend(within.0.into_iter().map(|(field, rule)| (format!("articles[{index}].{field}"), rule)));
        }
    }
}
