//! Temporary media of WeChat's settings made permanent, each file once.

use sha2::{Digest, Sha256};
use tokio::time::Instant;
use weft_wechat::api::{
    FilePart,
    errcode::Class,
    material::add_material::AddMaterial,
    media::{
        MediaFile, MediaType,
        get::{MediaGet, TemporaryMedia},
    },
};

use crate::{
    model::App,
    storage::{Store, StoreError, SyncedFile},
    upstream::{CallError, Wechat},
};

/// The files of one sync.
pub(super) struct Media<'a> {
    store: &'a Store,
    wechat: &'a Wechat,
    app: &'a App,
    deadline: Instant,
    /// Why no further file is tried: what would be said of each of them.
    stopped: Option<Failure>,
    /// How many files were made permanent.
    pub(super) uploaded: usize,
}

/// Why something cannot be taken over.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) reason: String,
    /// Whether the next sync may do better although nobody changes anything.
    pub(super) may_pass: bool,
}

impl Failure {
    /// One that stays as long as nobody changes anything.
    pub(super) fn lasting(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), may_pass: false }
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        let may_pass = error.may_succeed_later() || error.outcome_is_unknown();
        Self { reason: error.explained(), may_pass }
    }
}

impl<'a> Media<'a> {
    /// Begins no file after `deadline`.
    pub(super) fn new(store: &'a Store, wechat: &'a Wechat, app: &'a App, deadline: Instant) -> Self {
        Self { store, wechat, app, deadline, stopped: None, uploaded: 0 }
    }

    /// The permanent material of what the settings call `source`.
    pub(super) async fn permanent(
        &mut self,
        media_type: MediaType,
        source: &str,
    ) -> Result<Result<String, Failure>, StoreError> {
        if let Some(known) = self.store.synced_media().of_source(&self.app.name, media_type.as_str(), source).await? {
            return Ok(Ok(known));
        }
        if let Some(stopped) = &self.stopped {
            return Ok(Err(stopped.clone()));
        }
        if Instant::now() >= self.deadline {
            let reason = "the sync has taken too long already: sync again, what is done is not repeated".to_owned();
            return Ok(Err(Failure { reason, may_pass: true }));
        }
        let file = match self.download(source).await {
            Ok(file) => file,
            Err(failure) => return Ok(Err(failure)),
        };
        let digest = hex::encode(Sha256::digest(&file.bytes));
        let known = self.store.synced_media().of_digest(&self.app.name, media_type.as_str(), &digest).await?;
        let media_id = match known {
            Some(known) => known,
            None => match self.upload(media_type, &digest, file).await {
                Ok(media_id) => media_id,
                Err(failure) => return Ok(Err(failure)),
            },
        };
        let file =
            SyncedFile { media_type: media_type.as_str().to_owned(), source: source.to_owned(), digest, media_id };
        self.store.synced_media().remember(&self.app.name, &file).await?;
        Ok(Ok(file.media_id))
    }

    async fn download(&mut self, source: &str) -> Result<MediaFile, Failure> {
        let got = self.wechat.call(self.app, &MediaGet { media_id: source }).await;
        match got.map_err(|error| self.note(error))? {
            TemporaryMedia::VideoUrl(_) => Err(Failure::lasting("WeChat says that it is a video")),
            TemporaryMedia::File(file) if file.bytes.is_empty() => Err(Failure::lasting("the file is empty")),
            // Some gateways in between answer with a page.
            TemporaryMedia::File(file)
                if ["text/html", "application/json"]
                    .map(|kind| file.content_type.starts_with(kind))
                    .contains(&true) =>
            {
                Err(Failure { reason: "what came is no such file".to_owned(), may_pass: true })
            }
            TemporaryMedia::File(file) => Ok(file),
        }
    }

    async fn upload(&mut self, media_type: MediaType, digest: &str, file: MediaFile) -> Result<String, Failure> {
        let name = name(media_type, digest, &file);
        let file = FilePart::media(&name, &file.content_type, file.bytes);
        let add = AddMaterial { media_type, file, description: None };
        let added = self.wechat.call(self.app, &add).await.map_err(|error| self.note(error))?;
        self.uploaded += 1;
        Ok(added.media_id)
    }

    /// What stands against every file needs to be heard once only.
    fn note(&mut self, error: CallError) -> Failure {
        let class = error.class();
        let is_for_all = matches!(error, CallError::Unable(_) | CallError::Token(_))
            || matches!(class, Some(Class::Token | Class::DayQuota | Class::MinuteQuota | Class::Configuration));
        let failure = Failure::from(error);
        if is_for_all {
            self.stopped = Some(failure.clone());
        }
        failure
    }
}

/// What the material is called: WeChat goes by the ending.
fn name(media_type: MediaType, digest: &str, file: &MediaFile) -> String {
    let has_ending =
        |name: &&String| name.rsplit_once('.').is_some_and(|(stem, ending)| !stem.is_empty() && !ending.is_empty());
    if let Some(name) = file.filename.as_ref().filter(has_ending) {
        return name.clone();
    }
    let essence = file.content_type.split(';').next().unwrap_or_default().trim();
    let ending = match (essence, media_type) {
        ("image/png", _) => "png",
        ("image/gif", _) => "gif",
        ("audio/mpeg" | "audio/mp3", _) => "mp3",
        (_, MediaType::Voice) => "amr",
        _ => "jpg",
    };
    format!("{}.{ending}", digest.get(..16).unwrap_or_default())
}
