//! Long work: processes that run it, and the admin API.

mod api;
mod run;

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use futures::future::BoxFuture;
use serde_json::{Value, json};
use tokio::{sync::Semaphore, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use weft::{
    clock::Clock,
    jobs::{Jobs, Running, Work},
    model::{App, AppType, Job, JobError, JobState, NewJob},
    storage::Store,
};

use crate::support::until;

/// What several processes have done together.
#[derive(Clone)]
struct Done(Arc<DoneInner>);

struct DoneInner {
    /// App, and the step that was made.
    steps: Mutex<Vec<(String, u64)>>,
    /// Lets one step through each.
    gate: Semaphore,
    /// How many run now.
    running: AtomicUsize,
}

impl Done {
    fn new(steps: usize) -> Self {
        Self(Arc::new(DoneInner { steps: Mutex::default(), gate: Semaphore::new(steps), running: AtomicUsize::new(0) }))
    }

    fn steps(&self) -> Vec<(String, u64)> {
        self.0.steps.lock().unwrap().clone()
    }

    fn let_through(&self, steps: usize) {
        self.0.gate.add_permits(steps);
    }

    async fn has(&self, count: usize) {
        until("the steps are made", async || (self.steps().len() == count).then_some(())).await;
    }
}

/// Makes the steps that its input says, then ends as it says.
struct Steps(Done);

struct Counted<'a>(&'a AtomicUsize);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Work for Steps {
    fn kind(&self) -> &'static str {
        "steps"
    }

    fn run<'a>(&'a self, job: &'a Running) -> BoxFuture<'a, Result<Value, JobError>> {
        Box::pin(async move {
            let done = &self.0.0;
            done.running.fetch_add(1, Ordering::SeqCst);
            let _counted = Counted(&done.running);
            let input: Value = job.input()?;
            let total = input["steps"].as_u64().unwrap();
            for step in job.checkpoint().unwrap_or(0)..total {
                tokio::select! {
                    permit = done.gate.acquire() => permit.unwrap().forget(),
                    () = job.stopped() => return Err(JobError::Stopped),
                }
                done.steps.lock().unwrap().push((job.job().app.clone(), step));
                job.save(&(step + 1), step + 1, Some(total)).await?;
            }
            match input["then"].as_str() {
                Some("panic") => panic!("as it was told"),
                Some("fail") => Err(JobError::failed("no\0no")),
                Some("later") => Err(JobError::later("WeChat is busy")),
                _ => Ok(json!({"steps": total})),
            }
        })
    }
}

/// A process that runs jobs.
struct Process {
    jobs: Jobs,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl Process {
    fn start(store: &Store, clock: &Clock, done: &Done) -> Self {
        let jobs = Jobs::new(store.clone(), clock.clone(), vec![Box::new(Steps(done.clone()))]);
        let stop = CancellationToken::new();
        let running = tokio::spawn(jobs.clone().run(stop.clone()));
        Self { jobs, stop, running }
    }

    /// As `kill -9` ends one.
    async fn kill(self) {
        self.running.abort();
        assert!(self.running.await.unwrap_err().is_cancelled());
    }

    async fn stop(self) {
        self.stop.cancel();
        self.running.await.unwrap();
    }
}

fn steps(app: &str, input: Value) -> NewJob {
    NewJob {
        app: app.into(),
        kind: "steps",
        key: String::new(),
        permission: "user_sync",
        created_by: "ci".into(),
        input,
    }
}

async fn add_app(store: &Store, name: &str) {
    store.apps().insert(&App::new(name, AppType::Service, "wx1")).await.unwrap();
}

async fn becomes(store: &Store, id: &str, state: JobState) -> Job {
    until("the job gets there", async || store.jobs().find(id).await.unwrap().filter(|job| job.state == state)).await
}
