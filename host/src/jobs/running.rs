//! A job, for whoever does its work.

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde::{Serialize, de::DeserializeOwned};
use tokio_util::sync::CancellationToken;

use crate::{
    bilingual::because,
    model::{App, Job, JobError},
    storage::{JobLease, Store},
};

/// How long work may go on without saving: what takes longer hangs.
const STALL: Duration = Duration::from_mins(30);

/// A job that this process works on.
pub struct Running {
    store: Store,
    lease: JobLease,
    job: Job,
    stop: CancellationToken,
    saved: Mutex<Instant>,
}

impl Running {
    pub(super) fn new(store: Store, lease: JobLease, job: Job, stop: CancellationToken) -> Self {
        Self { store, lease, job, stop, saved: Mutex::new(Instant::now()) }
    }

    /// The job as it stood when this run began.
    pub fn job(&self) -> &Job {
        &self.job
    }

    /// What is to be done.
    ///
    /// # Errors
    /// [`JobError::Failed`] when it is no `T`: another version of the work has started it.
    pub fn input<T: DeserializeOwned>(&self) -> Result<T, JobError> {
        T::deserialize(&self.job.input).map_err(|error| {
            JobError::failed(because("the job's input cannot be read · 无法读取任务的输入", &error.to_string()))
        })
    }

    /// What was saved last; none when nothing was, or when another version of the work has saved what is no `T`.
    pub fn checkpoint<T: DeserializeOwned>(&self) -> Option<T> {
        T::deserialize(self.job.checkpoint.as_ref()?).ok()
    }

    /// The app that the job is for, as it is now.
    ///
    /// # Errors
    /// [`JobError::Stopped`] when it has gone, and the job with it.
    pub async fn app(&self) -> Result<App, JobError> {
        self.store.apps().find(&self.job.app).await?.ok_or(JobError::Stopped)
    }

    /// Saves where to go on, how much is `done`, and how much there is when that is known.
    ///
    /// # Errors
    /// [`JobError::Stopped`] when the work is to end. What was to be saved is saved then, unless the job is another
    /// process's by now.
    pub async fn save(
        &self,
        checkpoint: &(impl Serialize + Sync),
        done: u64,
        total: Option<u64>,
    ) -> Result<(), JobError> {
        let checkpoint = serde_json::to_value(checkpoint).map_err(|error| {
            JobError::failed(because("the job's checkpoint cannot be written · 无法记录任务的进度", &error.to_string()))
        })?;
        let cancelled = self.store.jobs().save(&self.lease, &checkpoint, done, total).await?;
        *self.saved.lock() = Instant::now();
        if cancelled != Some(false) {
            self.stop.cancel();
        }
        if self.is_stopped() { Err(JobError::Stopped) } else { Ok(()) }
    }

    /// Whether the work is to save and end.
    pub fn is_stopped(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Waits until the work is to save and end.
    pub async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    /// Waits until nothing has been saved for too long.
    pub(super) async fn stalled(&self) {
        loop {
            let since = self.saved.lock().elapsed();
            match STALL.checked_sub(since) {
                Some(rest) if !rest.is_zero() => tokio::time::sleep(rest).await,
                _ => return,
            }
        }
    }
}
