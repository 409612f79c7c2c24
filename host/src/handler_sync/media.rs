//! Temporary media of WeChat's settings made permanent, each file once.

use tokio::time::Instant;
use weft_wechat::api::{errcode::Class, media::MediaType};

use crate::{
    materials::{MaterialError, Materials},
    model::App,
    storage::{Store, StoreError},
    upstream::CallError,
};

/// The files of one sync.
pub(super) struct Media<'a> {
    store: &'a Store,
    materials: &'a Materials,
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
    pub(super) fn new(store: &'a Store, materials: &'a Materials, app: &'a App, deadline: Instant) -> Self {
        Self { store, materials, app, deadline, stopped: None, uploaded: 0 }
    }

    /// The permanent material of what the settings call `source`.
    pub(super) async fn permanent(
        &mut self,
        media_type: MediaType,
        source: &str,
    ) -> Result<Result<String, Failure>, StoreError> {
        let known = self.store.materials().of_temporary(&self.app.name, media_type.into(), source).await?;
        if let Some(known) = known {
            return Ok(Ok(known.media_id));
        }
        if let Some(stopped) = &self.stopped {
            return Ok(Err(stopped.clone()));
        }
        if Instant::now() >= self.deadline {
            let reason = "the sync has taken too long already: sync again, what is done is not repeated".to_owned();
            return Ok(Err(Failure { reason, may_pass: true }));
        }
        match self.materials.from_temporary(self.app, media_type, source).await {
            Ok(uploaded) => {
                self.uploaded += usize::from(uploaded.is_new);
                Ok(Ok(uploaded.material.media_id))
            }
            Err(MaterialError::Call(error)) => Ok(Err(self.note(error))),
            Err(MaterialError::NoFile { reason, may_pass }) => Ok(Err(Failure { reason, may_pass })),
            Err(MaterialError::Store(error)) => Err(error),
            Err(error @ (MaterialError::Running | MaterialError::Ended(_))) => {
                Ok(Err(Failure { reason: error.to_string(), may_pass: true }))
            }
            Err(error) => Ok(Err(Failure::lasting(error.to_string()))),
        }
    }

    /// What would be said of every file is said once.
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
