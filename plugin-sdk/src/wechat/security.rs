//! Content security of mini programs (内容安全): whether what a user wrote or uploaded may be shown.
//!
//! ```
//! use weft_plugin::{prelude::*, wechat::security::{self, Place}};
//!
//! fn may_be_shown(openid: &str, comment: &str) -> Result<bool> {
//!     Ok(security::check_text(openid, Place::Comment, comment)?.passes())
//! }
//! ```

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Part, Request, media::File, post};
use crate::error::Error;

/// Where the content is to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Place {
    /// A profile.
    Profile = 1,
    /// A comment.
    Comment = 2,
    /// A forum.
    Forum = 3,
    /// Elsewhere, where users talk.
    Social = 4,
}

/// What is in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum MediaType {
    /// Sound.
    Audio = 1,
    /// A picture.
    Image = 2,
}

/// What WeChat thinks of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Verdict {
    /// `pass`, `review` or `risky`.
    pub suggest: String,
    /// 100 for nothing found; 20001 politics, 20002 pornography, 20006 crime …
    #[serde(default)]
    pub label: u32,
}

impl Verdict {
    /// Whether there is nothing against it.
    pub fn passes(&self) -> bool {
        self.suggest == "pass"
    }
}

/// Checks a text of at most 2500 characters, which the user of that openid wrote within the last two
/// hours: `/wxa/msg_sec_check`.
pub fn check_text(openid: &str, place: Place, text: &str) -> Result<Verdict, Error> {
    #[derive(Deserialize)]
    struct Checked {
        result: Verdict,
    }
    let content = json!({"version": 2, "openid": openid, "scene": place as u8, "content": text});
    Ok(post::<Checked>("/wxa/msg_sec_check", &content)?.result)
}

/// Begins to check what is at `url`; returns the trace id that the event `wxa_media_check` names:
/// `/wxa/media_check_async`.
pub fn check_media(openid: &str, place: Place, media_type: MediaType, url: &str) -> Result<String, Error> {
    let media = json!({
        "version": 2, "openid": openid, "scene": place as u8, "media_url": url, "media_type": media_type as u8,
    });
    let answer: Value = post("/wxa/media_check_async", &media)?;
    Ok(answer["trace_id"].as_str().unwrap_or_default().to_owned())
}

/// Checks a picture of at most 1 MB at once; false when it must not be shown (87014):
/// `/wxa/img_sec_check`.
pub fn check_image(file: &File) -> Result<bool, Error> {
    let part = Part::file("media", &file.filename, &file.content_type, file.data.clone());
    match Request::post("/wxa/img_sec_check").part(part).send() {
        Ok(_) => Ok(true),
        Err(error) if error.errcode() == Some(87014) => Ok(false),
        Err(error) => Err(error),
    }
}
