//! Mass messages (群发): one message to all followers, to those with a tag, or to a list.

pub mod delete;
pub mod get;
pub mod preview;
pub mod send;
pub mod sendall;
pub mod speed_get;
pub mod speed_set;
pub mod uploadvideo;

use serde::{Deserialize, Serialize};

use super::custom_send::{Media, Text, WxCard};

/// The longest `clientmsgid`, in bytes.
pub const MAX_CLIENTMSGID: usize = 64;
/// How many pictures one message may have.
pub const MAX_IMAGES: usize = 20;
/// The speeds that can be set: 0 is 800 000 messages a minute, then 600 000, 450 000, 300 000, and 4 is 100 000.
pub const SPEEDS: std::ops::RangeInclusive<u8> = 0..=4;

/// What all get.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "msgtype", rename_all = "lowercase")]
pub enum MassContent {
    /// Articles of the account: a draft, by its `media_id`.
    MpNews {
        /// The draft.
        mpnews: Media,
    },
    /// A text.
    Text {
        /// The text.
        text: Text,
    },
    /// A voice message.
    Voice {
        /// What was uploaded.
        voice: Media,
    },
    /// Pictures.
    Image {
        /// What was uploaded, with the words above it.
        images: Images,
    },
    /// A video, as [`uploadvideo`] gave it.
    MpVideo {
        /// The video.
        mpvideo: Media,
    },
    /// A coupon.
    WxCard {
        /// The coupon.
        wxcard: WxCard,
    },
}

/// Pictures with words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Images {
    /// 1 to [`MAX_IMAGES`] uploaded pictures.
    pub media_ids: Vec<String>,
    /// The words; may be empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub recommend: String,
    /// 1 when users may comment.
    pub need_open_comment: u8,
    /// 1 when only followers may.
    pub only_fans_can_comment: u8,
}

/// What WeChat answers to a mass message that it took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct TakenMassMessage {
    /// The id that MASSSENDJOBFINISH names.
    pub msg_id: Option<u64>,
    /// The id of its figures, for articles.
    pub msg_data_id: Option<u64>,
}
