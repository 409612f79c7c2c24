//! The comparison of a day as a job.

use futures::{FutureExt, future::BoxFuture};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ReconcileError;
use crate::clock::Clock;
use crate::jobs::{Running, Work};
use crate::model::{BillDate, JobError, NewJob};
use crate::pay::{Pay, PayActionError};
use crate::upstream::PayError;

/// The kind of the job.
pub const RECONCILE: &str = "reconcile";

/// When a bill is asked for again that is not ready, in seconds.
const NOT_READY: u64 = 1800;

/// What the job is to compare.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReconcileInput {
    /// The merchant's name in the app.
    pub merchant: String,
    /// The day.
    pub date: BillDate,
}

impl ReconcileInput {
    /// The job, in the name of whoever asks for it.
    pub fn job(self, app: &str, permission: &'static str, created_by: &str) -> NewJob {
        NewJob {
            app: app.to_owned(),
            kind: RECONCILE,
            key: format!("{}/{}", self.merchant, self.date),
            permission,
            created_by: created_by.to_owned(),
            input: json!(self),
        }
    }
}

/// Compares the bills of a day.
#[derive(Debug)]
pub struct ReconcileWork {
    pay: Pay,
    clock: Clock,
}

impl ReconcileWork {
    /// Compares with what `pay` keeps.
    pub fn new(pay: Pay, clock: Clock) -> Self {
        Self { pay, clock }
    }

    async fn reconcile(&self, job: &Running) -> Result<Value, JobError> {
        let ReconcileInput { merchant, date } = job.input()?;
        let shop = self.pay.shop(&job.job().app, &merchant).await.map_err(|error| self.ended(error.into()))?;
        let shop = shop.ok_or_else(|| {
            JobError::failed(format!("there is no merchant {merchant} any more · 商户 {merchant} 已不存在"))
        })?;
        let figures = self.pay.reconcile(&shop, date, Some(job)).await.map_err(|error| self.ended(error))?;
        Ok(json!(figures))
    }

    fn ended(&self, error: ReconcileError) -> JobError {
        let why = error.to_string();
        match error {
            ReconcileError::NotYet => {
                JobError::Later { why, not_before: Some(self.clock.now().saturating_add(NOT_READY)) }
            }
            ReconcileError::Stopped(error) => error,
            ReconcileError::Pay(PayActionError::Store(error)) => error.into(),
            ReconcileError::Pay(PayActionError::Gateway(PayError::Unusable(_))) => JobError::failed(why),
            ReconcileError::Pay(_) => JobError::later(why),
        }
    }
}

impl Work for ReconcileWork {
    fn kind(&self) -> &'static str {
        RECONCILE
    }

    fn run<'a>(&'a self, job: &'a Running) -> BoxFuture<'a, Result<Value, JobError>> {
        self.reconcile(job).boxed()
    }
}
