//! Files of the other account, as permanent material of the new one.

use std::collections::{HashMap, HashSet};

use sha2::{Digest, Sha256};
use weft_wechat::api::{
    FilePart,
    material::{
        add_material::AddMaterial,
        get_material::{GetMaterial, Material},
    },
    media::{
        MediaFile, MediaType,
        get::{MediaGet, TemporaryMedia},
    },
};

use crate::{
    model::{App, JobError},
    storage::{Store, SyncedFile},
    upstream::{CallError, Wechat},
};

/// WeChat's code for a `media_id` that it does not know.
const INVALID_MEDIA_ID: i64 = 40007;

/// The files of one run.
pub(super) struct Media<'a> {
    store: &'a Store,
    wechat: &'a Wechat,
    /// The other app.
    pub(super) from: &'a App,
    /// The new app.
    pub(super) to: &'a App,
    dry_run: bool,
    /// What was uploaded, or would be, since it was last asked for: by the `media_id` at the other account.
    uploaded: HashSet<String>,
    /// What would be uploaded and was told of.
    told: HashSet<String>,
    /// What cannot be had, and why.
    failed: HashMap<String, String>,
}

impl<'a> Media<'a> {
    /// Copies from the first of two apps to the second.
    pub(super) fn new(store: &'a Store, wechat: &'a Wechat, (from, to): (&'a App, &'a App), dry_run: bool) -> Self {
        let (uploaded, told, failed) = (HashSet::new(), HashSet::new(), HashMap::new());
        Self { store, wechat, from, to, dry_run, uploaded, told, failed }
    }

    /// How many files were uploaded, or would be, since this was last asked.
    pub(super) fn take_uploaded(&mut self) -> usize {
        let uploaded = std::mem::take(&mut self.uploaded);
        let count = uploaded.len();
        self.told.extend(uploaded);
        count
    }

    /// The new account's permanent material of what the other one calls `media_id`, which is one of `types`; or why
    /// there is none.
    pub(super) async fn copy_of(
        &mut self,
        types: &[MediaType],
        media_id: &str,
    ) -> Result<Result<String, String>, JobError> {
        for media_type in types {
            let known = self.store.synced_media().of_source(&self.to.name, media_type.as_str(), media_id).await?;
            if let Some(known) = known {
                return Ok(Ok(known));
            }
        }
        if self.dry_run {
            if !self.told.contains(media_id) {
                self.uploaded.insert(media_id.to_owned());
            }
            return Ok(Ok(media_id.to_owned()));
        }
        if let Some(reason) = self.failed.get(media_id) {
            return Ok(Err(reason.clone()));
        }
        let copy = self.copy(types, media_id).await?;
        if let Err(reason) = &copy {
            self.failed.insert(media_id.to_owned(), reason.clone());
        }
        Ok(copy)
    }

    async fn copy(&mut self, types: &[MediaType], source: &str) -> Result<Result<String, String>, JobError> {
        let file = match self.download(source).await? {
            Ok(file) => file,
            Err(reason) => return Ok(Err(reason)),
        };
        let Some((media_type, ending)) = types.iter().find_map(|wanted| Some((*wanted, ending(*wanted, &file.bytes)?)))
        else {
            return Ok(Err(format!(
                "the file of {source} is neither a picture nor a voice message, or not what is needed here"
            )));
        };
        let digest = hex::encode(Sha256::digest(&file.bytes));
        let known = self.store.synced_media().of_digest(&self.to.name, media_type.as_str(), &digest).await?;
        let media_id = match known {
            Some(known) => known,
            None => {
                let name = format!("{}.{ending}", digest.get(..16).unwrap_or_default());
                let file = FilePart::media(&name, &file.content_type, file.bytes);
                let add = AddMaterial { media_type, file, description: None };
                match settled(self.wechat.call(self.to, &add).await)? {
                    Ok(added) => {
                        self.uploaded.insert(source.to_owned());
                        added.media_id
                    }
                    Err(reason) => return Ok(Err(reason)),
                }
            }
        };
        let media_type = media_type.as_str().to_owned();
        let file = SyncedFile { media_type, source: source.to_owned(), digest, media_id };
        self.store.synced_media().remember(&self.to.name, &file).await?;
        Ok(Ok(file.media_id))
    }

    /// What the other account has, for good or for some days.
    async fn download(&self, media_id: &str) -> Result<Result<MediaFile, String>, JobError> {
        match self.wechat.call(self.from, &GetMaterial { media_id }).await {
            Ok(Material::File(file)) => return Ok(Ok(file)),
            Ok(Material::Video(_)) => return Ok(Err("WeChat does not hand videos out".to_owned())),
            Ok(Material::News(_)) => return Ok(Err("articles of the other account are not copied".to_owned())),
            Err(error) if error.errcode() == Some(INVALID_MEDIA_ID) => {}
            Err(error) => return settled(Err(error)),
        }
        let got = settled(self.wechat.call(self.from, &MediaGet { media_id }).await)?;
        Ok(got.and_then(|media| match media {
            TemporaryMedia::File(file) => Ok(file),
            TemporaryMedia::VideoUrl(_) => Err("WeChat does not hand videos out".to_owned()),
        }))
    }
}

/// What time helps against stops the run, which goes on later; anything else is a reason.
fn settled<T>(called: Result<T, CallError>) -> Result<Result<T, String>, JobError> {
    match called {
        Ok(answer) => Ok(Ok(answer)),
        Err(error) if error.may_succeed_later() => Err(error.into()),
        Err(error) => Ok(Err(error.explained())),
    }
}

/// How the name of a file ends that is of the type, by its first bytes: WeChat goes by the ending.
fn ending(media_type: MediaType, bytes: &[u8]) -> Option<&'static str> {
    const PICTURES: &[(&[u8], &str)] =
        &[(b"\x89PNG", "png"), (b"\xff\xd8\xff", "jpg"), (b"GIF8", "gif"), (b"BM", "bmp")];
    const VOICES: &[(&[u8], &str)] =
        &[(b"#!AMR", "amr"), (b"ID3", "mp3"), (b"\xff\xfb", "mp3"), (b"\xff\xf3", "mp3"), (b"\xff\xf2", "mp3")];
    let known = match media_type {
        MediaType::Image | MediaType::Thumb => PICTURES,
        MediaType::Voice => VOICES,
        MediaType::Video => return None,
    };
    known.iter().find(|(start, _)| bytes.starts_with(start)).map(|(_, ending)| *ending)
}
