//! Which jobs this process works on, from the claim to the end of each.

use std::{collections::HashMap, panic::AssertUnwindSafe, time::Duration};

use futures::FutureExt;
use tokio::{
    task::{AbortHandle, JoinSet},
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{Jobs, Running, Work};
use crate::{
    model::JobError,
    storage::{ClaimedJob, JobEnd, JobLease, StoreError, with_causes},
};

/// How many jobs this process works on at once.
const AT_ONCE: usize = 8;
/// How long a process has a job without saying so again, in seconds: so long after its death another one goes on.
const LEASE_SECONDS: u64 = 8;
/// How often this process says so, and looks for what is due.
const LOOK: Duration = Duration::from_secs(1);
/// How long the database may take for it.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(3);
/// How long work may go on that was told to stop.
const GRACE: Duration = Duration::from_secs(5);

/// The pause after the first time that a job comes to nothing, in seconds. Each one is twice as long as before.
const FIRST_PAUSE: u64 = 10;
/// The longest pause, in seconds.
const LONGEST_PAUSE: u64 = 15 * 60;
/// After so many times without getting further it is over.
const ATTEMPTS: u64 = 10;

/// How long jobs are kept that are over, in seconds.
const KEPT: u64 = 30 * 24 * 60 * 60;
/// How often such jobs are looked for, and how many are deleted at once.
const PRUNE: (Duration, u32) = (Duration::from_mins(1), 200);

/// The longest text that says why, in characters.
const WHY: usize = 2000;

/// The jobs that this process works on. Dropped, it drops their work.
struct Runs {
    tasks: JoinSet<()>,
    held: HashMap<JobLease, Held>,
    /// When the database last knew that they are ours.
    renewed: Instant,
}

struct Held {
    stop: CancellationToken,
    task: AbortHandle,
}

impl Jobs {
    /// Works until `stop`; then work that runs is told so, and what does not end is left to whoever comes next.
    pub async fn run(self, stop: CancellationToken) {
        let mut runs = Runs { tasks: JoinSet::new(), held: HashMap::new(), renewed: Instant::now() };
        let mut pruned: Option<Instant> = None;
        while !stop.is_cancelled() {
            if let Err(error) = self.look(&mut runs).await {
                tracing::warn!(error = %with_causes(&error), "jobs cannot be looked after");
            }
            if pruned.is_none_or(|pruned| pruned.elapsed() >= PRUNE.0) {
                self.prune().await;
                pruned = Some(Instant::now());
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.0.changed.notified() => {}
                Some(_) = runs.tasks.join_next() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
        self.stop(runs).await;
    }

    /// Keeps what this process has, and takes what is due.
    async fn look(&self, runs: &mut Runs) -> Result<(), StoreError> {
        runs.held.retain(|_, held| !held.task.is_finished());
        if !runs.held.is_empty() {
            match timeout(DATABASE_TIMEOUT, self.0.store.jobs().renew(LEASE_SECONDS)).await {
                Ok(Ok(renewed)) => self.keep(runs, renewed).await?,
                _ if runs.renewed.elapsed().as_secs() >= LEASE_SECONDS => {
                    tracing::warn!("the database does not keep the leases of jobs: their work is dropped");
                    runs.held.drain().for_each(|(_, held)| held.task.abort());
                }
                Ok(Err(error)) => return Err(error),
                Err(_) => return Ok(()),
            }
        }
        let due = timeout(DATABASE_TIMEOUT, self.0.store.jobs().is_any_due()).await;
        if !due.unwrap_or(Ok(false))? {
            return Ok(());
        }
        let kinds: Vec<&str> = self.0.works.keys().copied().collect();
        while runs.held.len() < AT_ONCE {
            let Some(claimed) = self.0.store.jobs().claim(&kinds, LEASE_SECONDS).await? else { break };
            if runs.held.is_empty() {
                runs.renewed = Instant::now();
            }
            let (stop, lease) = (CancellationToken::new(), claimed.lease.clone());
            let task = runs.tasks.spawn(self.clone().work(claimed, stop.clone()));
            runs.held.insert(lease, Held { stop, task });
        }
        Ok(())
    }

    /// Ends the work on jobs that are others' by now, and on those that somebody wants to end.
    async fn keep(&self, runs: &mut Runs, renewed: Vec<(JobLease, bool)>) -> Result<(), StoreError> {
        runs.renewed = Instant::now();
        let renewed: HashMap<JobLease, bool> = renewed.into_iter().collect();
        runs.held.retain(|lease, held| {
            match renewed.get(lease) {
                Some(false) => {}
                Some(true) => held.stop.cancel(),
                None => held.task.abort(),
            }
            renewed.contains_key(lease)
        });
        // Those that we claimed without ever getting the database's answer.
        for lease in renewed.keys().filter(|lease| !runs.held.contains_key(*lease)) {
            self.0.store.jobs().end(lease, &JobEnd::Stopped).await?;
        }
        Ok(())
    }

    async fn stop(&self, mut runs: Runs) {
        runs.held.values().for_each(|held| held.stop.cancel());
        let ending = async { while runs.tasks.join_next().await.is_some() {} };
        if timeout(GRACE + LOOK, ending).await.is_err() {
            runs.tasks.shutdown().await;
        }
        match timeout(DATABASE_TIMEOUT, self.0.store.jobs().leave_all()).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                let error = with_causes(&error);
                tracing::warn!(%error, "others take the jobs of this process over when they have lapsed");
            }
            Err(_) => tracing::warn!("the database does not take the jobs of this process back"),
        }
    }

    /// Works on one job and writes what came of it.
    async fn work(self, claimed: ClaimedJob, stop: CancellationToken) {
        let ClaimedJob { lease, job } = claimed;
        let (app, kind, id, attempts) = (job.app.clone(), job.kind.clone(), job.id.clone(), job.attempts);
        tracing::info!(app, kind, id, attempts, "a job runs");
        let outcome = match self.0.works.get(kind.as_str()) {
            _ if job.cancelled => Err(JobError::Stopped),
            _ if attempts >= ATTEMPTS => {
                let why = job.error.clone().unwrap_or_else(|| "the process that runs it ends each time".to_owned());
                Err(JobError::failed(given_up(&why)))
            }
            Some(work) => attempt(&**work, &Running::new(self.0.store.clone(), lease.clone(), job, stop)).await,
            None => Err(JobError::Stopped),
        };
        let end = self.end_of(outcome, attempts);
        match &end {
            JobEnd::Done(_) => tracing::info!(app, kind, id, "a job is done"),
            JobEnd::Failed(error) => tracing::warn!(app, kind, id, error, "a job has failed"),
            JobEnd::Later { why, .. } => tracing::warn!(app, kind, id, why, "a job has to wait"),
            JobEnd::Stopped => tracing::info!(app, kind, id, "a job was stopped"),
        }
        // Until it is written the job stays with this process: nobody does again what is done.
        while let Err(error) = self.0.store.jobs().end(&lease, &end).await {
            tracing::warn!(app, kind, id, error = %with_causes(&error), "the end of a job cannot be written yet");
            tokio::time::sleep(LOOK).await;
        }
    }

    fn end_of(&self, outcome: Result<serde_json::Value, JobError>, attempts: u64) -> JobEnd {
        match outcome {
            Ok(result) => JobEnd::Done(result),
            Err(JobError::Failed(why)) => JobEnd::Failed(fitted(&why)),
            Err(JobError::Stopped) => JobEnd::Stopped,
            Err(JobError::Later { why, not_before }) => {
                let pause = FIRST_PAUSE.checked_shl(u32::try_from(attempts).unwrap_or(u32::MAX));
                let pause = pause.unwrap_or(LONGEST_PAUSE).min(LONGEST_PAUSE);
                let due_at = self.0.clock.now().saturating_add(pause).max(not_before.unwrap_or_default());
                JobEnd::Later { why: fitted(&why), due_at }
            }
        }
    }

    async fn prune(&self) {
        let end = self.0.clock.now().saturating_sub(KEPT);
        if let Err(error) = self.0.store.jobs().prune(end, PRUNE.1).await {
            tracing::warn!(error = %with_causes(&error), "old jobs could not be deleted");
        }
    }
}

/// One try. Its panic is its own.
async fn attempt(work: &dyn Work, running: &Running) -> Result<serde_json::Value, JobError> {
    let told = async {
        running.stopped().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        biased;
        outcome = AssertUnwindSafe(async { work.run(running).await }).catch_unwind() => {
            match outcome {
                Ok(Err(JobError::Stopped)) if !running.is_stopped() => Err(JobError::later("it ended by itself")),
                Ok(outcome) => outcome,
                Err(_) => Err(JobError::failed("it failed on our side; the log says why")),
            }
        }
        () = told => Err(JobError::Stopped),
        () = running.stalled() => Err(JobError::later("it hung and was cut off")),
    }
}

fn given_up(why: &str) -> String {
    format!("given up after {ATTEMPTS} tries that came to nothing: {why}")
}

/// What the database takes.
fn fitted(why: &str) -> String {
    why.chars().filter(|c| *c != '\0').take(WHY).collect()
}
