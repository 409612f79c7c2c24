//! Files on their way from WeChat.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;
use weft_wechat::api::{
    Endpoint,
    material::get_material::{self, GetMaterial, MaterialVideo},
    media::{
        MAX_FILE,
        get::{MediaGet, TemporaryMedia},
    },
};

use super::{MaterialError, Materials, is_media_id, is_unknown};
use crate::{
    model::{App, FileKind},
    upstream::CallError,
};

/// A file in memory. It holds a turn, of which there are few, until it is dropped.
#[derive(Debug)]
pub struct Downloaded {
    /// What it is by its content; none when it is no picture, sound or film.
    pub kind: Option<FileKind>,
    /// What is in it.
    pub bytes: Bytes,
    /// What WeChat says of it when it is a permanent video.
    pub video: Option<MaterialVideo>,
    /// To be kept as long as the bytes are.
    pub turn: DownloadTurn,
}

/// Room for one file, among those of the app and among all.
#[derive(Debug)]
pub struct DownloadTurn {
    _of_app: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

impl Materials {
    /// The file of a permanent material.
    ///
    /// # Errors
    /// Why it cannot be had; [`MaterialError::NoFile`] for articles.
    pub async fn download(&self, app: &App, media_id: &str) -> Result<Downloaded, MaterialError> {
        let turn = self.turn(app, media_id).await?;
        let got = self.wechat.call(app, &GetMaterial { media_id }).await.map_err(|error| known(media_id, error))?;
        let (bytes, video) = match got {
            get_material::Material::File(file) => (file.bytes, None),
            get_material::Material::Video(video) => (self.film(GetMaterial::PATH, &video.down_url).await?, Some(video)),
            get_material::Material::News(_) => {
                let reason = "the material consists of articles · 这个素材是图文".to_owned();
                return Err(MaterialError::NoFile { reason, may_pass: false });
            }
        };
        Ok(Downloaded { kind: FileKind::of(&bytes), bytes, video, turn })
    }

    /// The file of temporary media.
    ///
    /// # Errors
    /// Why it cannot be had.
    pub async fn download_temporary(&self, app: &App, media_id: &str) -> Result<Downloaded, MaterialError> {
        let turn = self.turn(app, media_id).await?;
        let got = self.wechat.call(app, &MediaGet { media_id }).await.map_err(|error| known(media_id, error))?;
        let bytes = match got {
            TemporaryMedia::File(file) => file.bytes,
            TemporaryMedia::VideoUrl(url) => self.film(MediaGet::PATH, &url).await?,
        };
        Ok(Downloaded { kind: FileKind::of(&bytes), bytes, video: None, turn })
    }

    async fn turn(&self, app: &App, media_id: &str) -> Result<DownloadTurn, MaterialError> {
        let stops =
            |_| MaterialError::NoFile { reason: "the process stops · 服务正在停止".to_owned(), may_pass: true };
        if !is_media_id(media_id) {
            return Err(MaterialError::NotFound { media_id: media_id.to_owned() });
        }
        let of_app = self.downloads_of_app.of(&app.name).acquire_owned().await.map_err(stops)?;
        let of_all = Arc::clone(&self.downloads).acquire_owned().await.map_err(stops)?;
        Ok(DownloadTurn { _of_app: of_app, _of_all: of_all })
    }

    async fn film(&self, path: &str, url: &str) -> Result<Bytes, CallError> {
        Ok(self.wechat.file(path, url, MAX_FILE).await?.body)
    }
}

fn known(media_id: &str, error: CallError) -> MaterialError {
    if is_unknown(&error) { MaterialError::NotFound { media_id: media_id.to_owned() } } else { error.into() }
}
