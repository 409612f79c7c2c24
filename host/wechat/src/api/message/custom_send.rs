//! POST /cgi-bin/message/custom/send

use serde::{Deserialize, Serialize};

use crate::api::{Ability, Body, Done, Endpoint, Method};
use crate::reply::{self, Reply};

/// Sends a customer-service message (客服消息) to a user who did something lately.
///
/// WeChat knows no key by which it would notice that a message comes twice: when the outcome of a call is unknown, it
/// is not sent again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomSend {
    /// The user's openid.
    pub touser: String,
    /// What they get.
    #[serde(flatten)]
    pub message: CustomMessage,
    /// The customer-service account that it seems to come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customservice: Option<CustomService>,
}

/// A customer-service account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomService {
    /// `name@account`.
    pub kf_account: String,
}

/// What can be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "msgtype", rename_all = "lowercase")]
pub enum CustomMessage {
    /// A text; `<a href>` works.
    Text {
        /// The text.
        text: Text,
    },
    /// A picture.
    Image {
        /// What was uploaded.
        image: Media,
    },
    /// A voice message.
    Voice {
        /// What was uploaded.
        voice: Media,
    },
    /// A video.
    Video {
        /// What was uploaded, with its words.
        video: Video,
    },
    /// A piece of music.
    Music {
        /// Where it is, with its words.
        music: Music,
    },
    /// Articles that link anywhere. WeChat takes one; some old accounts may send more.
    News {
        /// The articles.
        news: News,
    },
    /// Articles of the account, by the `media_id` of a material.
    MpNews {
        /// The material.
        mpnews: Media,
    },
    /// A published article of the account.
    MpNewsArticle {
        /// The article.
        mpnewsarticle: PublishedArticle,
    },
    /// A question with answers to tap. The answer arrives as a text.
    MsgMenu {
        /// The question.
        msgmenu: MsgMenu,
    },
    /// A card of a mini program.
    MiniProgramPage {
        /// The card.
        miniprogrampage: MiniProgramPage,
    },
    /// A coupon.
    WxCard {
        /// The coupon.
        wxcard: WxCard,
    },
    /// A link, from a mini program.
    Link {
        /// The link.
        link: Link,
    },
}

/// A text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// At most 2048 bytes.
    pub content: String,
}

/// Something uploaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Media {
    /// As the upload gave it.
    pub media_id: String,
}

/// A video.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Video {
    /// The uploaded video.
    pub media_id: String,
    /// The uploaded thumbnail; may be absent.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub thumb_media_id: String,
    /// May be empty.
    pub title: String,
    /// May be empty.
    pub description: String,
}

/// A piece of music.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Music {
    /// May be empty.
    pub title: String,
    /// May be empty.
    pub description: String,
    /// Where the music is.
    pub musicurl: String,
    /// Where it is in high quality, for Wi-Fi.
    pub hqmusicurl: String,
    /// The uploaded thumbnail.
    pub thumb_media_id: String,
}

/// Articles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct News {
    /// One, for most accounts.
    pub articles: Vec<Article>,
}

/// An article.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Article {
    /// What the link says.
    pub title: String,
    /// May be empty.
    pub description: String,
    /// Where the link leads.
    pub url: String,
    /// The picture; may be empty.
    pub picurl: String,
}

/// A published article.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedArticle {
    /// As publishing gave it.
    pub article_id: String,
}

/// A question with answers to tap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MsgMenu {
    /// Above the answers.
    pub head_content: String,
    /// The answers.
    pub list: Vec<MsgMenuItem>,
    /// Below the answers.
    pub tail_content: String,
}

/// An answer to tap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MsgMenuItem {
    /// Comes back as `bizmsgmenuid`.
    pub id: String,
    /// What the user sees.
    pub content: String,
}

/// A card of a mini program that belongs to the account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MiniProgramPage {
    /// What the card says.
    pub title: String,
    /// The mini program; not wanted when it sends the message itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub appid: String,
    /// The page, with its query.
    pub pagepath: String,
    /// The uploaded picture.
    pub thumb_media_id: String,
}

/// A coupon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WxCard {
    /// The kind of coupon.
    pub card_id: String,
}

/// A link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// What the link says.
    pub title: String,
    /// May be empty.
    pub description: String,
    /// Where it leads.
    pub url: String,
    /// The picture.
    pub thumb_url: String,
}

impl Endpoint for CustomSend {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/cgi-bin/message/custom/send";
    const NEEDS: Ability = Ability::CustomerService;
    type Answer = Done;

    fn body(&self) -> Result<Body, serde_json::Error> {
        Body::json(self)
    }
}

/// What WeChat answers when an account may not send several articles: 「不合法的消息类型」.
pub const INVALID_MESSAGE_TYPE: i64 = 40008;

impl CustomSend {
    /// `message` to the user `touser`, from nobody in particular.
    pub fn new(touser: impl Into<String>, message: CustomMessage) -> Self {
        Self { touser: touser.into(), message, customservice: None }
    }

    /// The same with the first article alone, to be sent when WeChat refuses this with [`INVALID_MESSAGE_TYPE`] or
    /// 45008; none when there are not several articles.
    pub fn with_one_article(&self) -> Option<Self> {
        match &self.message {
            CustomMessage::News { news: News { articles } } if articles.len() > 1 => {
                let articles = articles.iter().take(1).cloned().collect();
                Some(Self { message: CustomMessage::News { news: News { articles } }, ..self.clone() })
            }
            _ => None,
        }
    }
}

impl CustomMessage {
    /// A text.
    pub fn text(content: impl Into<String>) -> Self {
        Self::Text { text: Text { content: content.into() } }
    }

    /// What a passive reply becomes when it is sent this way; texts are cut as there. None for handing the user over to
    /// customer service, which is no message.
    pub fn from_reply(reply: &Reply) -> Option<Self> {
        let media = |media_id: &String| Media { media_id: media_id.clone() };
        let cut = |text: &str| text[..text.floor_char_boundary(reply::MAX_TEXT)].to_owned();
        Some(match reply {
            Reply::Text(text) => Self::text(cut(text)),
            Reply::Image(media_id) => Self::Image { image: media(media_id) },
            Reply::Voice(media_id) => Self::Voice { voice: media(media_id) },
            Reply::Video(video) => Self::Video {
                video: Video {
                    media_id: video.media_id.clone(),
                    thumb_media_id: String::new(),
                    title: cut(&video.title),
                    description: cut(&video.description),
                },
            },
            Reply::Music(music) => Self::Music {
                music: Music {
                    title: cut(&music.title),
                    description: cut(&music.description),
                    musicurl: music.music_url.clone(),
                    hqmusicurl: music.hq_music_url.clone(),
                    thumb_media_id: music.thumb_media_id.clone(),
                },
            },
            Reply::News(articles) => {
                let article = |article: &reply::Article| Article {
                    title: cut(&article.title),
                    description: cut(&article.description),
                    url: article.url.clone(),
                    picurl: article.pic_url.clone(),
                };
                let articles = articles.iter().take(reply::MAX_ARTICLES).map(article).collect();
                Self::News { news: News { articles } }
            }
            Reply::TransferCustomerService(_) => return None,
        })
    }
}
