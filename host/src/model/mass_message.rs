//! A message to many followers at once, how an operator writes it, and what becomes of it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use weft_wechat::api::message::custom_send::{Media, Text, WxCard};
use weft_wechat::api::message::mass::{Images, MAX_CLIENTMSGID, MAX_IMAGES, MassContent, send::USERS};

use super::FieldError;
use super::words::words;

/// The longest text, in bytes.
const TEXT_BYTES: usize = 2048;
/// The longest words above pictures, in characters.
const RECOMMEND_CHARACTERS: usize = 200;

/// A message to many followers at once.
#[derive(Debug, Clone, PartialEq)]
pub struct MassMessage {
    /// UUIDs of version 7: newer ones are greater.
    pub id: String,
    /// By which WeChat, and Weft, know a message that comes again.
    pub clientmsgid: String,
    /// What they get.
    pub content: MassContent,
    /// Who gets it.
    pub target: MassTarget,
    /// Whether articles that WeChat takes for a reprint are sent as one.
    pub send_ignore_reprint: bool,
    /// How far it is.
    pub state: MassState,
    /// WeChat's code, when it said no.
    pub errcode: Option<i64>,
    /// Why it was refused, or is unknown, in words for the operator.
    pub reason: Option<String>,
    /// WeChat's id of it.
    pub msg_id: Option<u64>,
    /// WeChat's id of its figures.
    pub msg_data_id: Option<u64>,
    /// What WeChat said when it was last asked, such as `SEND_SUCCESS`.
    pub msg_status: Option<String>,
    /// What WeChat told of it afterwards.
    pub outcome: Option<MassOutcome>,
    /// The name of the token that sent it.
    pub created_by: String,
    /// Seconds since 1970.
    pub created_at: u64,
    /// Seconds since 1970.
    pub updated_at: u64,
}

/// Who gets a mass message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MassTarget {
    /// All followers.
    ToAll,
    /// Those who have the tag.
    TagId(u32),
    /// These.
    Openids(Vec<String>),
}

/// How far a mass message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MassState {
    /// WeChat is asked to send it just now.
    Sending,
    /// WeChat has taken it.
    Taken,
    /// WeChat has not.
    Refused,
    /// There was no answer: WeChat may have taken it.
    Unknown,
    /// WeChat has sent it.
    Sent,
    /// WeChat has taken it, and has not sent it.
    Failed,
    /// What it leads to was taken away again.
    Deleted,
}

/// What WeChat tells of a mass message when it has gone out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MassOutcome {
    /// In WeChat's words: `send success`, `send fail` or `err(…)`.
    pub status: String,
    /// How many followers it was for.
    pub total_count: u64,
    /// How many of them were left after filtering.
    pub filter_count: u64,
    /// How many it reached.
    pub sent_count: u64,
    /// How many it failed to reach.
    pub error_count: u64,
    /// Where its articles are.
    pub articles: Vec<MassArticle>,
    /// What WeChat found about who wrote them; null when nothing was checked.
    pub copyright: Option<MassCopyright>,
}

/// An article that was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MassArticle {
    /// Its place in the message.
    pub index: u32,
    /// Its address.
    pub url: String,
}

/// What WeChat found about who wrote the articles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MassCopyright {
    /// 1: no reprint. 2: a reprint that may be sent. 3: one that may not.
    pub state: u32,
    /// Each article.
    pub articles: Vec<MassCheckedArticle>,
}

/// What WeChat found about who wrote an article.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MassCheckedArticle {
    /// Its place in the message.
    pub index: u32,
    /// What the account said: 0 nothing, 1 own work, 2 a reprint.
    pub declared: u32,
    /// What WeChat found: 0 nothing, 1 own work, 2 a reprint.
    pub audited: u32,
    /// What WeChat takes for the original; may be empty.
    pub original_url: String,
    /// Whether it may be sent as a reprint.
    pub can_reprint: bool,
}

impl MassMessage {
    /// How far it is by all that is known.
    pub fn known_state(&self) -> MassState {
        let told = match (&self.outcome, self.msg_status.as_deref()) {
            (Some(outcome), _) if outcome.status.eq_ignore_ascii_case("send success") => Some(MassState::Sent),
            (None, Some("SEND_SUCCESS")) => Some(MassState::Sent),
            (Some(_), _) | (None, Some("SEND_FAIL")) => Some(MassState::Failed),
            (None, Some("DELETE")) => Some(MassState::Deleted),
            (None, _) => None,
        };
        match (self.state, told) {
            (MassState::Taken, Some(told)) => told,
            (state, _) => state,
        }
    }
}

words!(
    MassState {
        Sending: "sending",
        Taken: "taken",
        Refused: "refused",
        Unknown: "unknown",
        Sent: "sent",
        Failed: "failed",
        Deleted: "deleted",
    },
    UnknownMassState
);

/// A text that is no [`MassState`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "sending, taken, refused, unknown, sent, failed or deleted · 可选 sending、taken、refused、unknown、sent、failed、deleted"
)]
pub struct UnknownMassState;

/// What a mass message says; the fields follow from its type.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
#[schema(as = MassContent)]
pub enum MassFields {
    /// Articles of the account: a draft.
    MpNews {
        /// Of the draft.
        media_id: String,
    },
    /// A text.
    Text {
        /// At most 2048 bytes.
        content: String,
    },
    /// A voice message.
    Voice {
        /// As the upload gave it.
        media_id: String,
    },
    /// Pictures.
    Image {
        /// 1 to 20, as the uploads gave them.
        media_ids: Vec<String>,
        /// The words above them.
        #[serde(default)]
        recommend: String,
        /// Whether users may comment.
        #[serde(default)]
        need_open_comment: bool,
        /// Whether only followers may.
        #[serde(default)]
        only_fans_can_comment: bool,
    },
    /// A video.
    MpVideo {
        /// As the upload gave it.
        media_id: String,
        /// What stands above it.
        title: String,
        /// What stands below it.
        #[serde(default)]
        description: String,
    },
    /// A coupon.
    WxCard {
        /// Which.
        card_id: String,
    },
}

/// What is to be sent, and what WeChat has to be asked for before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MassDraft {
    /// What they get; of a video the uploaded one.
    pub content: MassContent,
    /// Title and description of a video, of which WeChat makes another one for mass messages first.
    pub video: Option<(String, String)>,
}

impl MassFields {
    /// The message.
    ///
    /// # Errors
    /// The fields that break their rules.
    pub fn draft(self) -> Result<MassDraft, Vec<FieldError>> {
        let mut errors = Vec::new();
        let mut id = |field: &'static str, text: String| {
            if !(1..=512).contains(&text.len()) || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
                errors.push(FieldError::new(format!("message.{field}"), "an id as WeChat gave it · 微信给出的 ID"));
            }
            text
        };
        let mut video = None;
        let content = match self {
            Self::MpNews { media_id } => MassContent::MpNews { mpnews: Media { media_id: id("media_id", media_id) } },
            Self::Voice { media_id } => MassContent::Voice { voice: Media { media_id: id("media_id", media_id) } },
            Self::WxCard { card_id } => MassContent::WxCard { wxcard: WxCard { card_id: id("card_id", card_id) } },
            Self::MpVideo { media_id, title, description } => {
                let media_id = id("media_id", media_id);
                if !(1..=64).contains(&title.chars().count()) {
                    errors.push(FieldError::new("message.title", "1 to 64 characters · 1 到 64 个字符"));
                }
                if description.chars().count() > 600 {
                    errors.push(FieldError::new("message.description", "at most 600 characters · 最多 600 个字符"));
                }
                video = Some((title, description));
                MassContent::MpVideo { mpvideo: Media { media_id } }
            }
            Self::Image { media_ids, recommend, need_open_comment, only_fans_can_comment } => {
                let media_ids: Vec<_> = media_ids.into_iter().map(|media_id| id("media_ids", media_id)).collect();
                if !(1..=MAX_IMAGES).contains(&media_ids.len()) {
                    errors.push(FieldError::new(
                        "message.media_ids",
                        format!("1 to {MAX_IMAGES} pictures · 1 到 {MAX_IMAGES} 张图片"),
                    ));
                }
                if recommend.chars().count() > RECOMMEND_CHARACTERS {
                    let rule =
                        format!("at most {RECOMMEND_CHARACTERS} characters · 最多 {RECOMMEND_CHARACTERS} 个字符");
                    errors.push(FieldError::new("message.recommend", rule));
                }
                let (open, fans) = (u8::from(need_open_comment), u8::from(only_fans_can_comment));
                let images = Images { media_ids, recommend, need_open_comment: open, only_fans_can_comment: fans };
                MassContent::Image { images }
            }
            Self::Text { content } => {
                let visible = content.chars().any(|c| !c.is_whitespace());
                if !visible || content.len() > TEXT_BYTES {
                    errors.push(FieldError::new(
                        "message.content",
                        format!("1 to {TEXT_BYTES} bytes of text · 1 到 {TEXT_BYTES} 字节的文本"),
                    ));
                }
                MassContent::Text { text: Text { content } }
            }
        };
        if errors.is_empty() { Ok(MassDraft { content, video }) } else { Err(errors) }
    }
}

impl MassTarget {
    /// Who gets it, of which one must be given.
    ///
    /// # Errors
    /// The fields that break their rules.
    pub fn of(to_all: bool, tag_id: Option<u32>, openids: Option<Vec<String>>) -> Result<Self, FieldError> {
        match (to_all, tag_id, openids) {
            (true, None, None) => Ok(Self::ToAll),
            (false, Some(tag_id), None) => Ok(Self::TagId(tag_id)),
            (false, None, Some(mut openids)) => {
                openids.sort_unstable();
                openids.dedup();
                let right = USERS.contains(&openids.len()) && openids.iter().all(|openid| super::is_openid(openid));
                let (least, most) = (USERS.start(), USERS.end());
                right.then_some(Self::Openids(openids)).ok_or_else(|| {
                    let rule = format!(
                        "{least} to {most} openids; for one there is …/preview · {least} 到 {most} 个 openid；只发一人请用 …/preview"
                    );
                    FieldError::new("openids", rule)
                })
            }
            _ => Err(FieldError::new(
                "to_all",
                "one of to_all (true), tag_id and openids · to_all（true）、tag_id、openids 三选一",
            )),
        }
    }
}

/// Whether `text` can be a `clientmsgid`.
pub fn is_clientmsgid(text: &str) -> bool {
    (1..=MAX_CLIENTMSGID).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}
