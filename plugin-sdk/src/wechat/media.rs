//! Uploads and downloads of pictures, voice messages and videos (素材). The host lets a plugin upload a
//! megabyte at a time, and download four, unless the operator has set something else.
//!
//! ```
//! use weft_plugin::{prelude::*, testing::TestHost, wechat::media::{self, File, Kind}};
//!
//! /// Answers with a picture that the plugin has made.
//! fn chart(png: Vec<u8>) -> Result<Reply> {
//!     let media_id = media::upload(Kind::Image, &File::new("chart.png", "image/png", png))?;
//!     Ok(Reply::image(media_id))
//! }
//!
//! TestHost::new()
//!     .grant_wechat_apis(&["/cgi-bin/media/"])
//!     .on_wechat(|_| Ok(serde_json::json!({"type": "image", "media_id": "MEDIA_ID", "created_at": 1})));
//! assert_eq!(chart(vec![0x89]), Ok(Reply::image("MEDIA_ID")));
//! ```

use serde::Deserialize;
use serde_json::json;

use super::{Part, Request, Response, post, tell};
use crate::error::Error;

/// What is uploaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A picture: PNG, JPEG or GIF.
    Image,
    /// A voice message of at most a minute: AMR or MP3.
    Voice,
    /// A video: MP4.
    Video,
    /// A thumbnail of at most 64 KB: JPEG.
    Thumb,
}

/// A file to upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// With its ending, by which WeChat knows what it is.
    pub filename: String,
    /// Such as `image/png`.
    pub content_type: String,
    /// What is in it.
    pub data: Vec<u8>,
}

/// Something uploaded for good.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Material {
    /// By which it is sent.
    pub media_id: String,
    /// Where it is, for pictures.
    #[serde(default)]
    pub url: String,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Voice => "voice",
            Self::Video => "video",
            Self::Thumb => "thumb",
        }
    }
}

impl File {
    /// A file of that name, type and content.
    pub fn new(filename: impl Into<String>, content_type: impl Into<String>, data: impl Into<Vec<u8>>) -> Self {
        Self { filename: filename.into(), content_type: content_type.into(), data: data.into() }
    }

    fn part(&self) -> Part {
        Part::file("media", &self.filename, &self.content_type, self.data.clone())
    }
}

/// Uploads for three days; returns the media id: `/cgi-bin/media/upload`.
pub fn upload(kind: Kind, file: &File) -> Result<String, Error> {
    #[derive(Deserialize)]
    struct Uploaded {
        #[serde(alias = "thumb_media_id")]
        media_id: String,
    }
    let request = Request::post("/cgi-bin/media/upload").query("type", kind.name()).part(file.part());
    Ok(request.send()?.json::<Uploaded>()?.media_id)
}

/// Downloads what was uploaded for three days, or what a user sent. For a video the body is JSON
/// with its `video_url`: `/cgi-bin/media/get`.
pub fn download(media_id: &str) -> Result<Response, Error> {
    Request::get("/cgi-bin/media/get").query("media_id", media_id).send()
}

/// Uploads a picture that stands in articles; returns its address: `/cgi-bin/media/uploadimg`.
pub fn upload_article_image(file: &File) -> Result<String, Error> {
    #[derive(Deserialize)]
    struct Uploaded {
        url: String,
    }
    Ok(Request::post("/cgi-bin/media/uploadimg").part(file.part()).send()?.json::<Uploaded>()?.url)
}

/// Uploads for good; a video goes with [`add_video`]: `/cgi-bin/material/add_material`.
pub fn add(kind: Kind, file: &File) -> Result<Material, Error> {
    adding(kind, file).send()?.json()
}

/// Uploads a video for good: `/cgi-bin/material/add_material`.
pub fn add_video(file: &File, title: &str, introduction: &str) -> Result<Material, Error> {
    let description = json!({"title": title, "introduction": introduction});
    adding(Kind::Video, file).part(Part::text("description", description.to_string())).send()?.json()
}

/// Downloads what was uploaded for good; for videos and articles the body is JSON:
/// `/cgi-bin/material/get_material`.
pub fn material(media_id: &str) -> Result<Response, Error> {
    Request::post("/cgi-bin/material/get_material").json(&json!({"media_id": media_id}))?.send()
}

/// Deletes what was uploaded for good: `/cgi-bin/material/del_material`.
pub fn delete(media_id: &str) -> Result<(), Error> {
    tell("/cgi-bin/material/del_material", &json!({"media_id": media_id}))
}

/// One page of what was uploaded for good, at most 20: `/cgi-bin/material/batchget_material`.
pub fn list(kind: Kind, offset: u64, count: u32) -> Result<serde_json::Value, Error> {
    post("/cgi-bin/material/batchget_material", &json!({"type": kind.name(), "offset": offset, "count": count}))
}

fn adding(kind: Kind, file: &File) -> Request {
    Request::post("/cgi-bin/material/add_material").query("type", kind.name()).part(file.part())
}
