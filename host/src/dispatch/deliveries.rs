//! One delivery is handled once: WeChat's retries join the run of the first try, or get its answer.

use std::{
    convert::Infallible,
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture};
use quick_cache::sync::Cache;
use tokio::sync::SetOnce;
use tokio_util::task::TaskTracker;

use super::claims::{Claim, Claims};
use crate::storage::{DeliveryKey, Store, StoreError};

/// How long an answer is remembered at least, unless there are too many. WeChat's last try comes
/// within 15 seconds of the first.
const REMEMBERED: Duration = Duration::from_mins(1);

/// How many answers are remembered at most, over all apps.
const REMEMBERED_AT_MOST: usize = 100_000;

/// How often WeChat delivers a message that nobody answers.
const TRIES: u32 = 3;

/// How old a message is at the earliest when WeChat begins its last try, in seconds. Tries may
/// reach another process, or none, so counting them is not enough.
const LAST_TRY_AGE: u64 = 9;

/// A little more than the five seconds after which WeChat gives a try up and begins the next.
const TRY_RUNS_OUT: Duration = Duration::from_millis(5300);

/// The body of an answer; none to say nothing.
pub(super) type Answer = Option<Bytes>;

/// What came of waiting for an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Whoever should answer has: with a body, or with nothing.
    Answered(Option<Bytes>),
    /// Not yet, and WeChat should not wait longer.
    Late,
}

/// The deliveries of the last minute.
#[derive(Clone)]
pub(super) struct Deliveries {
    runs: Arc<Cache<DeliveryKey, Run>>,
    /// What other processes know, and what is left for the next one.
    claims: Claims,
    /// Handlers that go on without a connection.
    tasks: TaskTracker,
    /// How long the last try may wait.
    reply_deadline: Duration,
}

/// The handling of one delivery.
#[derive(Clone)]
struct Run {
    answer: Arc<SetOnce<Answer>>,
    tries: Arc<AtomicU32>,
    began: Instant,
}

/// The first try, whose connection drives the handler itself: handing it to another task, or
/// another thread, would cost each message more than its sandbox. When the connection ends, or has
/// waited long enough, a task drives it on.
struct FirstTry<'a> {
    handler: Option<BoxFuture<'static, Answer>>,
    answer: Arc<SetOnce<Answer>>,
    tasks: &'a TaskTracker,
}

impl Deliveries {
    pub(super) fn new(store: Store, reply_deadline: Duration) -> Self {
        let runs = Arc::new(Cache::new(REMEMBERED_AT_MOST));
        Self { runs, claims: Claims::new(store), tasks: TaskTracker::new(), reply_deadline }
    }

    /// Remembers what the process before has answered; to be called before the first delivery.
    pub(super) async fn restore(&self) -> Result<(), StoreError> {
        for (key, answer) in self.claims.begin(REMEMBERED_AT_MOST).await? {
            self.runs.insert(key, Run::ended(answer));
        }
        Ok(())
    }

    /// The answer to the delivery `key`: what `handle` says if this is the first try, else what the
    /// first try's run says.
    ///
    /// A slow handler has all the tries together. As long as WeChat will try again, a try is let
    /// run out; the last one is told in time that the answer is late. `age` is the message's, in
    /// seconds.
    pub(super) async fn answer(
        &self,
        key: Arc<str>,
        age: u64,
        handle: impl FnOnce() -> BoxFuture<'static, Answer>,
    ) -> Outcome {
        let mut handler = None;
        let short = DeliveryKey::of(&key);
        let run = self.runs.get_or_insert_with(&short, || {
            handler = Some(once(self.claims.clone(), short, handle()).boxed());
            Ok::<_, Infallible>(Run::begun())
        });
        let Ok(run) = run;
        let tries = 1 + run.tries.fetch_add(1, Relaxed);
        let last = tries >= TRIES || age >= LAST_TRY_AGE;
        let wait = if last { self.reply_deadline } else { TRY_RUNS_OUT };
        let mut first = FirstTry { handler, answer: Arc::clone(&run.answer), tasks: &self.tasks };
        let answer = async {
            first.drive().await;
            run.answer.wait().await.clone()
        };
        if let Ok(answer) = tokio::time::timeout(wait, answer).await {
            return Outcome::Answered(answer);
        }
        if last {
            self.tasks.spawn(log_when_it_comes(key, run));
        }
        Outcome::Late
    }

    /// Forgets old answers, for as long as it is polled.
    pub(super) async fn forget(self) {
        loop {
            tokio::time::sleep(REMEMBERED).await;
            self.runs.retain(|_, run| run.began.elapsed() < REMEMBERED);
        }
    }

    /// Keeps the database up to date, until it is [closed](Self::close).
    pub(super) async fn write(self) {
        self.claims.run().await;
    }

    /// Writes what is not written yet; to be called when no handler runs.
    pub(super) async fn close(&self) {
        self.claims.close().await;
    }

    /// Waits for the handlers that run without a connection.
    pub(super) async fn finish(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Run {
    fn begun() -> Self {
        Self { answer: Arc::default(), tries: Arc::default(), began: Instant::now() }
    }

    fn ended(answer: Answer) -> Self {
        let run = Self::begun();
        // Nobody else knows it yet.
        drop(run.answer.set(answer));
        run
    }
}

/// Handles a delivery, unless another process does or did.
///
/// The bytes are what is kept, sealed ones too: WeChat opens an answer by the signature, time and nonce that stand in
/// it, so that the answer to one try answers another.
async fn once(claims: Claims, key: DeliveryKey, handler: BoxFuture<'static, Answer>) -> Answer {
    if let Claim::Answered(answer) = claims.claim(key).await {
        return answer;
    }
    // A panic is a bug, reported where it happens; there is no answer then.
    let answer = AssertUnwindSafe(handler).catch_unwind().await.ok().flatten();
    claims.answered(key, &answer);
    answer
}

impl FirstTry<'_> {
    /// Runs the handler to its end; at once for a try that is not the first.
    async fn drive(&mut self) {
        if let Some(handler) = &mut self.handler {
            let answer = handler.await;
            self.handler = None;
            // Nobody else sets it.
            drop(self.answer.set(answer));
        }
    }
}

impl Drop for FirstTry<'_> {
    fn drop(&mut self) {
        if let Some(handler) = self.handler.take() {
            let answer = Arc::clone(&self.answer);
            self.tasks.spawn(async move { drop(answer.set(handler.await)) });
        }
    }
}

async fn log_when_it_comes(key: Arc<str>, run: Run) {
    let answer = run.answer.wait().await;
    let took_ms = run.began.elapsed().as_millis();
    tracing::warn!(
        delivery = &*key,
        took_ms,
        answered = answer.is_some(),
        "the answer came after WeChat's last try and reached nobody"
    );
}
