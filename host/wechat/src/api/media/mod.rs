//! Temporary media, which WeChat keeps for three days.

pub mod get;
pub mod upload;
pub mod uploadimg;

use std::str::FromStr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::RawAnswer;

/// What media are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MediaType {
    /// PNG, JPG or GIF, at most 10 MB.
    Image,
    /// AMR or MP3, at most 2 MB and 60 seconds.
    Voice,
    /// MP4, at most 10 MB.
    Video,
    /// JPG, at most 64 KB: the picture of music and videos.
    Thumb,
}

impl MediaType {
    /// The text at WeChat.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Voice => "voice",
            Self::Video => "video",
            Self::Thumb => "thumb",
        }
    }

    /// How long a file may be, in bytes, for three days or for good.
    pub fn max_bytes(self, permanent: bool) -> u64 {
        match self {
            Self::Voice => 2 << 20,
            Self::Video if permanent => 20 << 20,
            Self::Image | Self::Video => 10 << 20,
            Self::Thumb => 64 << 10,
        }
    }
}

impl FromStr for MediaType {
    type Err = UnknownMediaType;

    fn from_str(text: &str) -> Result<Self, UnknownMediaType> {
        let all = [Self::Image, Self::Voice, Self::Video, Self::Thumb];
        all.into_iter().find(|media_type| media_type.as_str() == text).ok_or(UnknownMediaType)
    }
}

/// WeChat has no media of this type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("one of image, voice, video, thumb · 可选 image、voice、video、thumb")]
pub struct UnknownMediaType;

/// A file that WeChat gave out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaFile {
    /// What WeChat says it is. Nothing to hand on to a browser without a look.
    pub content_type: String,
    /// What it is called; none when WeChat does not say.
    pub filename: Option<String>,
    /// What is in it.
    pub bytes: Bytes,
}

impl MediaFile {
    pub(super) fn of(raw: RawAnswer) -> Self {
        let filename = raw.content_disposition.split(';').find_map(|part| {
            let name = part.trim().strip_prefix("filename=")?.trim_matches('"');
            (!name.is_empty()).then(|| name.to_owned())
        });
        Self { content_type: raw.content_type, filename, bytes: raw.body }
    }
}

/// How long a file may be that WeChat gives out.
pub const MAX_FILE: usize = 32 << 20;
