//! A job: long work for an app that goes on after a crash.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::words::words;

/// A job as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// UUIDs of version 7, so that newer ones are greater.
    pub id: String,
    /// The app's name.
    pub app: String,
    /// What work it is, such as `user_sync`.
    pub kind: String,
    /// Tells apart what may be unfinished at once of one kind; mostly empty.
    pub key: String,
    /// Who has it in the app, or manages the app, may see and cancel the job.
    pub permission: String,
    /// The name of the token that started it.
    pub created_by: String,
    /// Whether it is over.
    pub state: JobState,
    /// What is to be done; without secrets.
    pub input: Value,
    /// Where to go on; none when nothing was done yet.
    pub checkpoint: Option<Value>,
    /// How much is done, in what the work counts.
    pub done: u64,
    /// How much there is, where that is known.
    pub total: Option<u64>,
    /// What came of it.
    pub result: Option<Value>,
    /// Why it failed; or why it waits, while it is queued.
    pub error: Option<String>,
    /// Whether somebody wants it to end.
    pub cancelled: bool,
    /// How often it came to nothing since it last got further.
    pub attempts: u64,
    /// While it is queued it does not begin before; seconds since 1970.
    pub due_at: u64,
    /// Seconds since 1970.
    pub created_at: u64,
    /// When it first began; seconds since 1970.
    pub started_at: Option<u64>,
    /// Seconds since 1970.
    pub finished_at: Option<u64>,
}

/// A job that is to be started.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob {
    /// The app's name.
    pub app: String,
    /// What work it is.
    pub kind: &'static str,
    /// Of one app and kind there is one unfinished job of a key at a time.
    pub key: String,
    /// One of [`PERMISSIONS`](super::PERMISSIONS): who has it in the app may see and cancel the job.
    pub permission: &'static str,
    /// The name of the token that starts it.
    pub created_by: String,
    /// What is to be done. Everybody with the permission can read it: no secrets.
    pub input: Value,
}

/// Whether a job is over, and how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// It waits for its turn, or for its next try.
    Queued,
    /// A process works on it.
    Running,
    /// It has a result.
    Done,
    /// It ended with an error.
    Failed,
    /// Somebody ended it.
    Cancelled,
}

/// Why a run of a job ends without a result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// The job is over: nothing but a change by somebody helps. In words for the operator.
    #[error("{0}")]
    Failed(String),
    /// It may go on later by itself.
    #[error("{why}")]
    Later {
        /// In words for the operator.
        why: String,
        /// Trying before is of no use; seconds since 1970.
        not_before: Option<u64>,
    },
    /// It was told to stop: cancelled, in the hands of another process, or this process ends.
    #[error("the job was told to stop · 任务被要求停止")]
    Stopped,
}

impl JobError {
    /// One that a change by somebody may help.
    pub fn failed(why: impl Into<String>) -> Self {
        Self::Failed(why.into())
    }

    /// One that time may help.
    pub fn later(why: impl Into<String>) -> Self {
        Self::Later { why: why.into(), not_before: None }
    }
}

words!(
    JobState { Queued: "queued", Running: "running", Done: "done", Failed: "failed", Cancelled: "cancelled" },
    UnknownJobState
);

impl JobState {
    /// Whether nothing will change any more.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

/// A text that is no [`JobState`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("queued, running, done, failed or cancelled · 可选 queued、running、done、failed、cancelled")]
pub struct UnknownJobState;
