//! Changes so many users that nobody waits for it.

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::{BulkChange, RefusedUser, Users};
use crate::{
    jobs::{Running, Work},
    model::JobError,
};

/// The kind of the job. Its key is a digest of the input.
pub const BULK: &str = "user_change";

/// How many refused users are named; there may be more.
const NAMED: usize = 1000;

/// What to do with whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BulkInput {
    /// What to do.
    #[serde(flatten)]
    pub change: BulkChange,
    /// With whom.
    pub openids: Vec<String>,
}

/// How far it is.
#[derive(Debug, Default, Serialize, Deserialize)]
struct At {
    /// How many of the openids are over.
    next: usize,
    refused: u64,
    failed: Vec<RefusedUser>,
}

pub(super) struct Bulk(pub(super) Users);

impl Work for Bulk {
    fn kind(&self) -> &'static str {
        BULK
    }

    fn run<'a>(&'a self, job: &'a Running) -> BoxFuture<'a, Result<Value, JobError>> {
        Box::pin(self.change(job))
    }
}

impl Bulk {
    async fn change(&self, job: &Running) -> Result<Value, JobError> {
        let BulkInput { change, openids } = job.input()?;
        let app = job.app().await?;
        let mut at: At = job.checkpoint().unwrap_or_default();
        let total = Some(openids.len() as u64);
        for batch in openids.get(at.next..).unwrap_or_default().chunks(change.batch()) {
            let refused = self.0.change_batch(&app, change, batch).await?;
            at.next += batch.len();
            at.refused += refused.len() as u64;
            at.failed.extend(refused);
            at.failed.truncate(NAMED);
            job.save(&at, at.next as u64, total).await?;
        }
        Ok(json!({"done": at.next as u64 - at.refused, "refused": at.refused, "failed": at.failed}))
    }
}
