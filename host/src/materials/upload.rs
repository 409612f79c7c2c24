//! Files on their way to WeChat.

use bytes::Bytes;
use sha2::{Digest, Sha256};
use weft_wechat::api::{
    FilePart,
    material::add_material::{AddMaterial, VideoDescription},
    media::{
        MediaFile, MediaType,
        get::{MediaGet, TemporaryMedia},
        upload::MediaUpload,
    },
};

use super::{MaterialError, Materials, is_media_id};
use crate::{
    model::{App, FieldError, FileKind, Keeping, Material, check_media},
    storage::UploadedMaterial,
};

/// The longest title of a video, in characters.
const TITLE_CHARACTERS: usize = 64;
/// The longest text about a video, in characters.
const INTRODUCTION_CHARACTERS: usize = 512;

/// A file to upload.
#[derive(Debug, Clone)]
pub struct NewFile {
    /// What it is to be.
    pub media_type: MediaType,
    /// What it is called; may be empty.
    pub filename: String,
    /// What is in it.
    pub bytes: Bytes,
    /// The words of a permanent video; nothing else has them.
    pub description: Option<VideoDescription>,
}

/// A permanent material.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uploaded {
    /// Which.
    pub material: Material,
    /// Whether it was uploaded just now; a material with this content was there already otherwise.
    pub is_new: bool,
}

/// Temporary media, which WeChat keeps for three days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Temporary {
    /// As WeChat gave it.
    pub media_id: String,
    /// Seconds since 1970.
    pub created_at: u64,
}

impl Materials {
    /// Uploads a permanent material, unless there is one with this content. Goes on to its end when nobody waits for it
    /// any more: an upload that is cut off might have to be repeated, and counts against the account's quota.
    ///
    /// # Errors
    /// Why there is no such material.
    pub async fn upload_permanent(&self, app: &App, new: NewFile) -> Result<Uploaded, MaterialError> {
        let kind = check(&new)?;
        let file =
            MediaFile { content_type: kind.content_type().to_owned(), filename: Some(new.filename), bytes: new.bytes };
        self.add(app, new.media_type, file, new.description).await
    }

    /// Uploads temporary media.
    ///
    /// # Errors
    /// Why there are none.
    pub async fn upload_temporary(&self, app: &App, new: NewFile) -> Result<Temporary, MaterialError> {
        let kind = check_media(new.media_type, Keeping::Temporary, &new.bytes);
        let kind = kind.map_err(|error| MaterialError::Invalid(vec![error]))?;
        let name = name(&new.filename, kind.ending(), "media");
        let file = FilePart::media(&name, kind.content_type(), new.bytes);
        let uploaded = self.wechat.call(app, &MediaUpload { media_type: new.media_type, file }).await?;
        Ok(Temporary { media_id: uploaded.media_id, created_at: uploaded.created_at })
    }

    /// Makes temporary media permanent, unless there is a material with this content.
    ///
    /// # Errors
    /// Why there is no such material; [`MaterialError::NoFile`] for videos, which WeChat does not give out as files.
    pub async fn from_temporary(
        &self,
        app: &App,
        media_type: MediaType,
        media_id: &str,
    ) -> Result<Uploaded, MaterialError> {
        let materials = self.store.materials();
        if let Some(material) = materials.of_temporary(&app.name, media_type.into(), media_id).await? {
            return Ok(Uploaded { material, is_new: false });
        }
        let file = self.temporary_file(app, media_id).await?;
        let digest = digest(&file.bytes, None);
        let uploaded = self.add(app, media_type, file, None).await?;
        materials.remember_temporary(&app.name, media_type.into(), media_id, &digest).await?;
        Ok(uploaded)
    }

    async fn temporary_file(&self, app: &App, media_id: &str) -> Result<MediaFile, MaterialError> {
        let no_file = |reason: &str, may_pass| MaterialError::NoFile { reason: reason.to_owned(), may_pass };
        if !is_media_id(media_id) {
            return Err(MaterialError::NotFound { media_id: media_id.to_owned() });
        }
        match self.wechat.call(app, &MediaGet { media_id }).await? {
            TemporaryMedia::VideoUrl(_) => Err(no_file(
                "WeChat says that it is a video, which has to be uploaded with its title · 微信称这是视频，上传时须填标题",
                false,
            )),
            TemporaryMedia::File(file) if file.bytes.is_empty() => {
                Err(no_file("the file is empty · 文件是空的", false))
            }
            // Some gateways on the way answer with an HTML page.
            TemporaryMedia::File(file)
                if ["text/html", "application/json"]
                    .map(|kind| file.content_type.starts_with(kind))
                    .contains(&true) =>
            {
                Err(no_file("what came is no such file · 收到的不是这种文件", true))
            }
            TemporaryMedia::File(file) => Ok(file),
        }
    }

    async fn add(
        &self,
        app: &App,
        media_type: MediaType,
        file: MediaFile,
        description: Option<VideoDescription>,
    ) -> Result<Uploaded, MaterialError> {
        let digest = digest(&file.bytes, description.as_ref());
        let key = format!("{}/{}/{digest}", app.name, media_type.as_str());
        let turn = self.uploading.take(&key).ok_or(MaterialError::Running)?;
        let (materials, app) = (self.clone(), app.clone());
        let adding = self.running.spawn(async move {
            let _turn = turn;
            let known = materials.store.materials();
            if let Some(material) = known.of_digest(&app.name, media_type.into(), &digest).await? {
                return Ok(Uploaded { material, is_new: false });
            }
            let kind = FileKind::of(&file.bytes);
            let ending = kind.map_or_else(|| guessed(&file.content_type, media_type), FileKind::ending);
            let content_type = match kind {
                Some(kind) => kind.content_type().to_owned(),
                None => file.content_type.clone(),
            };
            let name = name(file.filename.as_deref().unwrap_or_default(), ending, digest.get(..16).unwrap_or("media"));
            let file = FilePart::media(&name, &content_type, file.bytes);
            let name = file.filename.clone();
            let added = materials.wechat.call(&app, &AddMaterial { media_type, file, description }).await?;
            let (media_id, url) = (added.media_id, added.url.filter(|url| !url.is_empty()));
            let uploaded = UploadedMaterial { media_id, material_type: media_type.into(), name, url, digest };
            Ok(Uploaded { material: known.insert(&app.name, &uploaded).await?, is_new: true })
        });
        adding.await.map_err(MaterialError::Ended)?
    }
}

/// What the file is, when it may be a permanent material with its words.
fn check(new: &NewFile) -> Result<FileKind, MaterialError> {
    let mut errors = Vec::new();
    let kind = check_media(new.media_type, Keeping::Permanent, &new.bytes).map_err(|error| errors.push(error)).ok();
    let fits = |text: &str, most| text.chars().count() <= most && !text.contains('\0');
    match (&new.description, new.media_type == MediaType::Video) {
        (Some(words), true) => {
            if words.title.trim().is_empty() || !fits(&words.title, TITLE_CHARACTERS) {
                let rule = format!(
                    "a video needs a title of 1 to {TITLE_CHARACTERS} characters · 视频须有标题，1 到 {TITLE_CHARACTERS} 个字符"
                );
                errors.push(FieldError::new("title", rule));
            }
            if !fits(&words.introduction, INTRODUCTION_CHARACTERS) {
                errors.push(FieldError::new(
                    "introduction",
                    format!("at most {INTRODUCTION_CHARACTERS} characters · 最多 {INTRODUCTION_CHARACTERS} 个字符"),
                ));
            }
        }
        (None, true) => errors.push(FieldError::new("title", "a video needs a title · 视频须有标题")),
        (Some(_), false) => {
            errors
                .push(FieldError::new("title", "only videos have a title and an introduction · 只有视频有标题和简介"));
        }
        (None, false) => {}
    }
    match kind {
        Some(kind) if errors.is_empty() => Ok(kind),
        _ => Err(MaterialError::Invalid(errors)),
    }
}

/// Names a content: SHA-256 in hex; with the words for videos, which belong to the material.
fn digest(bytes: &[u8], description: Option<&VideoDescription>) -> String {
    let mut digest = Sha256::new_with_prefix(bytes);
    if let Some(VideoDescription { title, introduction }) = description {
        digest.update(format!("\0{title}\0{introduction}"));
    }
    hex::encode(digest.finalize())
}

/// What the file is called: WeChat goes by the ending.
fn name(given: &str, ending: &str, otherwise: &str) -> String {
    let own = given.rsplit_once('.').filter(|(stem, _)| !stem.is_empty()).map(|(_, own)| own.to_ascii_lowercase());
    match own.as_deref() {
        Some(own) if own == ending || own == "jpeg" && ending == "jpg" => given.to_owned(),
        // FilePart cuts long names, and must not cut the ending off.
        _ => {
            let stem: String = given.chars().take(100).collect();
            format!("{}.{ending}", if stem.trim().is_empty() { otherwise } else { &stem })
        }
    }
}

/// How the name of a file ends whose content says nothing.
fn guessed(content_type: &str, media_type: MediaType) -> &'static str {
    match (content_type.split(';').next().unwrap_or_default().trim(), media_type) {
        ("image/png", _) => "png",
        ("image/gif", _) => "gif",
        ("audio/mpeg" | "audio/mp3", _) => "mp3",
        (_, MediaType::Voice) => "amr",
        (_, MediaType::Video) => "mp4",
        (_, MediaType::Image | MediaType::Thumb) => "jpg",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_ends_as_its_content_says() {
        for (given, ending, expected) in [
            ("a.png", "png", "a.png"),
            ("A.PNG", "png", "A.PNG"),
            ("a.jpeg", "jpg", "a.jpeg"),
            ("a.txt", "png", "a.txt.png"),
            ("店", "png", "店.png"),
            ("", "amr", "0123.amr"),
            (".png", "png", ".png.png"),
        ] {
            assert_eq!(name(given, ending, "0123"), expected);
        }
        assert!(name(&"长".repeat(500), "png", "0123").ends_with("长.png"));
    }

    #[test]
    fn a_video_with_other_words_is_another_material() {
        let words = |title: &str| VideoDescription { title: title.to_owned(), introduction: String::new() };
        let digests = [digest(b"v", None), digest(b"v", Some(&words("a"))), digest(b"v", Some(&words("b")))];
        assert!(digests[0] != digests[1] && digests[1] != digests[2]);
        assert_eq!(digests[1], digest(b"v", Some(&words("a"))));
    }
}
