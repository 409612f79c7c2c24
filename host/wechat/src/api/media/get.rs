//! GET /cgi-bin/media/get

use std::time::Duration;

use serde::Deserialize;

use super::{MAX_FILE, MediaFile};
use crate::api::{Ability, Answer, ApiError, Endpoint, Method, RawAnswer, check_answer, read_answer};

/// Asks for temporary media.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaGet<'a> {
    /// As the upload or a message gave it.
    pub media_id: &'a str,
}

/// Temporary media.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemporaryMedia {
    /// A picture or a voice message.
    File(MediaFile),
    /// Where a video is.
    VideoUrl(String),
}

impl Endpoint for MediaGet<'_> {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/cgi-bin/media/get";
    const NEEDS: Ability = Ability::Api;
    const IDEMPOTENT: bool = true;
    const TIMEOUT: Duration = Duration::from_mins(1);
    const MAX_ANSWER: usize = MAX_FILE;
    type Answer = TemporaryMedia;

    fn query(&self) -> Vec<(&'static str, String)> {
        vec![("media_id", self.media_id.to_owned())]
    }
}

impl Answer for TemporaryMedia {
    fn read(raw: RawAnswer) -> Result<Self, ApiError> {
        #[derive(Deserialize)]
        struct Video {
            video_url: String,
        }
        check_answer(&raw.body)?;
        match read_answer(&raw.body) {
            Ok(Video { video_url }) => Ok(Self::VideoUrl(video_url)),
            Err(_) => Ok(Self::File(MediaFile::of(raw))),
        }
    }
}
