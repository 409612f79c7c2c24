//! Files of the other account, as permanent material of the new one.

use std::collections::{HashMap, HashSet};

use sha2::{Digest, Sha256};
use weft_wechat::api::{material::add_material::VideoDescription, media::MediaType};

use crate::{
    materials::{Downloaded, MaterialError, Materials, NewFile},
    model::{App, JobError, Keeping, check_media, in_words},
    storage::Store,
};

/// The files of one run.
pub(super) struct Media<'a> {
    store: &'a Store,
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
        materials: &'a Materials,
        (from, to): (&'a App, &'a App),
        dry_run: bool,
    ) -> Self {
        let (uploaded, told, failed) = (HashSet::new(), HashSet::new(), HashMap::new());
        Self { store, materials, from, to, dry_run, uploaded, told, failed }
    }

    /// Whether nothing is to be changed.
    pub(super) fn is_dry_run(&self) -> bool {
        self.dry_run
    }

    /// How many files were uploaded, or would be, since [`take_uploaded`](Self::take_uploaded).
    pub(super) fn uploads(&self) -> usize {
        self.uploaded.len()
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
        let copy = settled(self.copy(types, media_id).await)?;
        if let Err(reason) = &copy {
            self.failed.insert(media_id.to_owned(), reason.clone());
        }
        Ok(copy)
    }

    async fn copy(&mut self, types: &[MediaType], source: &str) -> Result<String, MaterialError> {
        let Downloaded { bytes, video, turn: _turn, .. } = self.download(source).await?;
        let mut errors = Vec::new();
        let fits = |media_type: &&MediaType| {
            check_media(**media_type, Keeping::Permanent, &bytes).map_err(|error| errors.push(error)).is_ok()
        };
        let Some(media_type) = types.iter().find(fits).copied() else { return Err(MaterialError::Invalid(errors)) };
        let digest = hex::encode(Sha256::digest(&bytes));
        let description = video.map(|video| VideoDescription { title: video.title, introduction: video.description });
        let has_words = description.is_some();
        let new = NewFile { media_type, filename: String::new(), bytes, description };
        let uploaded = self.materials.upload_permanent(self.to, new).await?;
        if uploaded.is_new {
            self.uploaded.insert(source.to_owned());
        }
        // A video is known by its words too: it is looked at again, and not uploaded again.
        if !has_words {
            let known = self.store.materials();
            known.remember_temporary(&self.to.name, media_type.into(), source, &digest).await?;
        }
        Ok(uploaded.material.media_id)
    }

    /// What the other account has, for good or for some days.
    async fn download(&self, media_id: &str) -> Result<Downloaded, MaterialError> {
        match self.materials.download(self.from, media_id).await {
            Err(MaterialError::NotFound { .. }) => self.materials.download_temporary(self.from, media_id).await,
            got => got,
        }
    }
}

/// What time helps against stops the run, which goes on later; anything else is a reason.
fn settled(copied: Result<String, MaterialError>) -> Result<Result<String, String>, JobError> {
    match copied {
        Ok(media_id) => Ok(Ok(media_id)),
        Err(MaterialError::Call(error)) if error.may_succeed_later() => Err(error.into()),
        Err(MaterialError::Call(error)) => Ok(Err(error.explained())),
        Err(MaterialError::Store(error)) => Err(error.into()),
        Err(
            error @ (MaterialError::Running | MaterialError::NoFile { may_pass: true, .. } | MaterialError::Ended(_)),
        ) => Err(JobError::later(error.to_string())),
        Err(MaterialError::Invalid(errors)) => Ok(Err(in_words(&errors))),
        Err(error) => Ok(Err(error.to_string())),
    }
}
