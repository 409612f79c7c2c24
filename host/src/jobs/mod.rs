//! Long work for an app that goes on after a crash: syncs, sending to many, moving from one app to another.
//!
//! A job is a row. A process that is to work on it takes a lease, keeps it while it works, and writes how far it is
//! ([`Running::save`]); when it dies, the lease runs out and another process goes on from there. What a process still
//! writes that has lost its lease does not count, and its work is dropped.
//!
//! Features implement [`Work`]; nothing here knows what they do. A step that a crash cuts off is done again, so work
//! saves as often as it would be a pity to repeat, and its steps can be repeated.

mod run;
mod running;

use std::{collections::HashMap, sync::Arc};

use futures::future::BoxFuture;
use serde_json::Value;
use tokio::sync::Notify;

use crate::{
    clock::Clock,
    model::{Job, JobError, NewJob},
    storage::{Store, StoreError, with_causes},
};

pub use running::Running;

/// Work of one kind.
pub trait Work: Send + Sync {
    /// Names the kind, such as `user_sync`.
    fn kind(&self) -> &'static str;

    /// Does the work, or goes on with it from its checkpoint, and gives the job's result. Dropped when the job is
    /// another process's by now, and when it goes on for seconds after it was told to stop.
    fn run<'a>(&'a self, job: &'a Running) -> BoxFuture<'a, Result<Value, JobError>>;
}

/// The jobs of all apps. Clones share what runs; one of them has to [`run`](Self::run).
#[derive(Clone)]
pub struct Jobs(Arc<Inner>);

struct Inner {
    store: Store,
    clock: Clock,
    works: HashMap<&'static str, Box<dyn Work>>,
    /// Says that something was started or cancelled.
    changed: Notify,
}

/// A job that was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Started {
    /// The job.
    pub job: Job,
    /// Whether it was there already, unfinished.
    pub existed: bool,
}

impl Jobs {
    /// Does `works`, and keeps jobs in `store`.
    pub fn new(store: Store, clock: Clock, works: Vec<Box<dyn Work>>) -> Self {
        let works = works.into_iter().map(|work| (work.kind(), work)).collect();
        Self(Arc::new(Inner { store, clock, works, changed: Notify::new() }))
    }

    /// Starts a job, unless there is an unfinished one of its app, kind and key: then that one is given back.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such app, [`StoreError::LimitReached`] when it has too many unfinished
    /// jobs or the input is too large; and when the database fails.
    pub async fn start(&self, new: &NewJob) -> Result<Started, StoreError> {
        let (job, existed) = self.0.store.jobs().start(new).await?;
        self.0.changed.notify_one();
        Ok(Started { job, existed })
    }

    /// Cancels a job: one that runs is told to end, and does so within seconds. Gives it back; none when there is none
    /// that is unfinished.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn cancel(&self, id: &str) -> Result<Option<Job>, StoreError> {
        let job = self.0.store.jobs().cancel(id).await?;
        self.0.changed.notify_one();
        Ok(job)
    }
}

impl From<StoreError> for JobError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::AlreadyExists { .. } | StoreError::NotFound { .. } | StoreError::LimitReached(_) => {
                Self::failed(error.to_string())
            }
            error => {
                tracing::warn!(error = %with_causes(&error), "the database failed a job");
                Self::later("the database failed; the log says why · 数据库出错，原因见日志")
            }
        }
    }
}
