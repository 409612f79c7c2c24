//! One delivery is handled once: WeChat's retries join the run of the first try, or get its answer.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use moka::{policy::EvictionPolicy, sync::Cache};
use tokio_util::task::TaskTracker;

/// How long an answer is remembered. WeChat's last try comes within 15 seconds of the first.
const REMEMBERED: Duration = Duration::from_mins(1);

/// How many answers are remembered at most, over all apps.
const REMEMBERED_AT_MOST: u64 = 100_000;

/// How often WeChat delivers a message that nobody answers.
const TRIES: u32 = 3;

/// How old a message is at the earliest when WeChat begins its last try. Tries may reach another
/// process, or none, so counting them is not enough.
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
    /// Handlers that run, also those whose connection has ended.
    tasks: TaskTracker,
    runs: Cache<Arc<str>, Run>,
    /// How long the last try may wait.
    reply_deadline: Duration,
}

/// The handling of one delivery. It goes on when the connection that began it ends.
#[derive(Clone)]
struct Run {
    answer: Shared<BoxFuture<'static, Answer>>,
    tries: Arc<AtomicU32>,
}

impl Deliveries {
    pub(super) fn new(reply_deadline: Duration) -> Self {
        let runs = Cache::builder()
            .time_to_live(REMEMBERED)
            .max_capacity(REMEMBERED_AT_MOST)
            // The default policy may turn a new entry away for old ones that were asked for often.
            .eviction_policy(EvictionPolicy::lru())
            .build();
        Self { tasks: TaskTracker::new(), runs, reply_deadline }
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
        let run = self.runs.get_with(Arc::clone(&key), || {
            let task = self.tasks.spawn(handle());
            // A panic is a bug, reported where it happens; there is no answer then.
            let answer = task.map(|ended| ended.ok().flatten()).boxed().shared();
            Run { answer, tries: Arc::default() }
        });
        let tries = 1 + run.tries.fetch_add(1, Relaxed);
        let last = tries >= TRIES || age >= LAST_TRY_AGE;
        let wait = if last { self.reply_deadline } else { TRY_RUNS_OUT };
        let began = Instant::now();
        if let Ok(answer) = tokio::time::timeout(wait, run.answer.clone()).await {
            return Outcome::Answered(answer);
        }
        if last {
            self.tasks.spawn(log_when_it_comes(key, run, began));
        }
        Outcome::Late
    }

    /// Waits for the handlers that run.
    pub(super) async fn finish(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

async fn log_when_it_comes(key: Arc<str>, run: Run, began: Instant) {
    let answer = run.answer.await;
    let late_ms = began.elapsed().as_millis();
    tracing::warn!(
        delivery = &*key,
        late_ms,
        answered = answer.is_some(),
        "the answer came after WeChat's last try and reached nobody"
    );
}
