//! `/cgi-bin/media/…`: files for three days, and pictures of articles.

use bytes::Bytes;
use serde_json::json;
use weft_wechat::api::media::{MediaFile, MediaType, uploadimg};

use super::{
    account::{Account, Answered, INVALID_MEDIA_ID, No, Reply, new_id},
    asked::{Asked, File},
};

const DAYS: u64 = 3 * 24 * 3600;

/// A file.
#[derive(Clone)]
pub(super) struct Upload {
    pub(super) media_type: String,
    pub(super) filename: String,
    content_type: String,
    bytes: Bytes,
    created_at: u64,
}

impl Upload {
    /// The file of a request, when it may be uploaded as what the request says it is.
    pub(super) fn of(asked: &Asked, now: u64) -> Result<Self, No> {
        let media_type = asked.parameter("type");
        let (kind, too_large) = match media_type {
            "image" => (MediaType::Image, No(40009, "invalid image size")),
            "voice" => (MediaType::Voice, No(40010, "invalid voice size")),
            "video" => (MediaType::Video, No(40011, "invalid video size")),
            "thumb" => (MediaType::Thumb, No(40012, "invalid thumb size")),
            _ => return Err(No(40004, "invalid media type")),
        };
        let limit = kind.max_bytes(asked.path.ends_with("/add_material"));
        Self::at_most(limit, too_large, media_type, asked, now)
    }

    fn at_most(limit: u64, too_large: No, media_type: &str, asked: &Asked, now: u64) -> Result<Self, No> {
        let File { filename, content_type, bytes } = asked.file.as_ref().ok_or(No(41005, "media data missing"))?;
        if bytes.is_empty() {
            return Err(No(44001, "empty media data"));
        }
        if bytes.len() as u64 > limit {
            return Err(too_large);
        }
        Ok(Self {
            media_type: media_type.to_owned(),
            filename: filename.clone(),
            content_type: content_type.clone(),
            bytes: bytes.clone(),
            created_at: now,
        })
    }

    /// A file that is there already.
    pub(super) fn existing(media_type: MediaType, file: MediaFile, now: u64) -> Self {
        Self {
            media_type: media_type.as_str().to_owned(),
            filename: file.filename.unwrap_or_default(),
            content_type: file.content_type,
            bytes: file.bytes,
            created_at: now,
        }
    }

    pub(super) fn file(&self) -> Reply {
        let (content_type, filename) = (self.content_type.clone(), self.filename.clone());
        Reply::File { content_type, filename, bytes: self.bytes.clone() }
    }
}

impl Account {
    pub(super) fn add_media(&mut self, media_type: MediaType, file: MediaFile, now: u64) -> String {
        let media_id = new_id();
        self.media.insert(media_id.clone(), Upload::existing(media_type, file, now));
        media_id
    }

    /// Media of that id, temporary ones while they last, or a permanent material.
    pub(super) fn find_media(&self, media_id: &str, now: u64) -> Option<()> {
        let temporary = self.media.get(media_id).is_some_and(|upload| upload.created_at + DAYS > now);
        (temporary || self.materials.iter().any(|material| material.media_id == media_id)).then_some(())
    }
}

pub(super) fn upload(account: &mut Account, asked: &Asked, now: u64) -> Answered {
    let upload = Upload::of(asked, now)?;
    let media_id = new_id();
    let name = if upload.media_type == "thumb" { "thumb_media_id" } else { "media_id" };
    let answer = json!({"type": upload.media_type, name: media_id, "created_at": now});
    account.media.insert(media_id, upload);
    Ok(Reply::Json(answer))
}

pub(super) fn get(account: &mut Account, asked: &Asked, now: u64) -> Answered {
    let media_id = asked.parameter("media_id");
    let upload = account.media.get(media_id).filter(|upload| upload.created_at + DAYS > now);
    let upload = upload.ok_or(INVALID_MEDIA_ID)?;
    Ok(match upload.media_type.as_str() {
        "video" => Reply::Json(json!({"video_url": format!("{}/files/{media_id}", asked.base)})),
        _ => upload.file(),
    })
}

/// A picture for the text of articles.
pub(super) fn upload_image(account: &mut Account, asked: &Asked, now: u64) -> Answered {
    let limit = uploadimg::MAX_BYTES as u64;
    let picture = Upload::at_most(limit, No(45001, "media size out of limit"), "image", asked, now)?;
    if !["image/png", "image/jpeg"].contains(&picture.content_type.as_str()) {
        return Err(No(40137, "invalid image format"));
    }
    let id = new_id();
    account.pictures.insert(id.clone(), picture);
    Ok(Reply::Json(json!({"url": format!("{}/files/{id}", asked.base)})))
}

/// What is at the address of a file: without a token, as browsers ask.
pub(super) fn file(account: &Account, id: &str) -> Option<Reply> {
    let upload = account.media.get(id).or_else(|| account.pictures.get(id)).or_else(|| account.material_file(id));
    upload.map(Upload::file)
}
