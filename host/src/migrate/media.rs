//! Files of the other account, as permanent material of the new one.

use std::collections::{HashMap, HashSet};

use sha2::{Digest, Sha256};
use weft_wechat::api::{
    material::get_material::{GetMaterial, Material},
    media::{
        MediaFile, MediaType,
        get::{MediaGet, TemporaryMedia},
    },
};

use crate::{
    materials::{MaterialError, Materials, NewFile},
    model::{App, JobError, Keeping, check_media},
    storage::Store,
    upstream::{CallError, Wechat},
};

/// WeChat's code for a `media_id` that it does not know.
const INVALID_MEDIA_ID: i64 = 40007;

/// The files of one run.
pub(super) struct Media<'a> {
    store: &'a Store,
    wechat: &'a Wechat,
    materials: &'a Materials,
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
    pub(super) fn new(
        store: &'a Store,
        wechat: &'a Wechat,
        materials: &'a Materials,
        (from, to): (&'a App, &'a App),
        dry_run: bool,
    ) -> Self {
        let (uploaded, told, failed) = (HashSet::new(), HashSet::new(), HashMap::new());
        Self { store, wechat, materials, from, to, dry_run, uploaded, told, failed }
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
            let known = self.store.materials().of_temporary(&self.to.name, (*media_type).into(), media_id).await?;
            if let Some(known) = known {
                return Ok(Ok(known.media_id));
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
        let fits = |wanted: &MediaType| check_media(*wanted, Keeping::Permanent, &file.bytes).is_ok();
        let Some(media_type) = types.iter().copied().find(fits) else {
            return Ok(Err(format!(
                "the file of {source} is neither a picture nor a voice message, or not what is needed here"
            )));
        };
        let digest = hex::encode(Sha256::digest(&file.bytes));
        let new = NewFile { media_type, filename: String::new(), bytes: file.bytes, description: None };
        let material = match self.materials.upload_permanent(self.to, new).await {
            Ok(kept) => {
                if kept.is_new {
                    self.uploaded.insert(source.to_owned());
                }
                kept.material
            }
            Err(MaterialError::Call(error)) => return settled(Err(error)),
            Err(MaterialError::Store(error)) => return Err(error.into()),
            Err(MaterialError::Running) => return Err(JobError::later(MaterialError::Running.to_string())),
            Err(error) => return Ok(Err(reasons(&error))),
        };
        self.store.materials().remember_temporary(&self.to.name, media_type.into(), source, &digest).await?;
        Ok(Ok(material.media_id))
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

/// Why a file was not taken, with what is wrong in its fields.
fn reasons(error: &MaterialError) -> String {
    match error {
        MaterialError::Invalid(errors) => {
            errors.iter().map(|error| error.message.as_str()).collect::<Vec<_>>().join("; ")
        }
        error => error.to_string(),
    }
}
