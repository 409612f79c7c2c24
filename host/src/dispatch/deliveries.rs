//! One delivery is handled once: WeChat's retries join the run of the first try, or get its answer.

use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{
            AtomicU8, AtomicU32,
            Ordering::{AcqRel, Acquire, Relaxed},
        },
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture};
use tokio::sync::SetOnce;
use tokio_util::task::TaskTracker;

use super::{
    claims::{Claim, Claims},
    long_answers::LongAnswers,
};
use crate::{
    newest::Newest,
    storage::{DeliveryKey, Store, StoreError},
};

/// How long an answer is remembered at least, unless there are too many. WeChat's last try comes
/// within 15 seconds of the first.
const REMEMBERED: Duration = Duration::from_mins(1);

/// How many answers are remembered at least, over all apps, within their time.
const REMEMBERED_ANSWERS: usize = 100_000;

/// Whose answers are that the process before gave: nobody kept for which apps they were.
const NO_APP: u32 = 0;

/// How often WeChat delivers a message that nobody answers.
const TRIES: u32 = 3;

/// How old a message is at the earliest when WeChat begins its last try, in seconds. Tries may
/// reach another process, or none, so counting them is not enough.
const LAST_TRY_AGE: u64 = 9;

/// A little more than the five seconds after which WeChat gives a try up and begins the next.
const TRY_RUNS_OUT: Duration = Duration::from_millis(5300);

/// How long a handler runs at least before another process may have told WeChat that its answer is late; with a shorter
/// deadline, the deadline.
const SLOW: Duration = Duration::from_secs(4);

/// A little less than the five seconds: when the last try ends that waits for the database, whose time is over.
const LAST_MOMENT: Duration = Duration::from_millis(4900);

/// How long it waits for the database at least.
const A_MOMENT: Duration = Duration::from_millis(100);

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
pub(super) struct Deliveries(Arc<Shared>);

struct Shared {
    runs: Newest<DeliveryKey, Arc<Run>>,
    long_answers: LongAnswers,
    /// What other processes know, and what is left for the next one.
    claims: Claims,
    /// Handlers that go on without a connection.
    tasks: TaskTracker,
    /// How long the last try may wait.
    reply_deadline: Duration,
}

/// The handling of one delivery.
struct Run {
    answer: SetOnce<Answer>,
    state: AtomicU8,
    tries: AtomicU32,
    began: Instant,
}

/// The states of a run: the handler is at work, it has answered in time, or WeChat was told not to wait.
const OPEN: u8 = 0;
/// See [`OPEN`].
const ANSWERED: u8 = 1;
/// See [`OPEN`].
const GIVEN_UP: u8 = 2;

/// What there is to do for a delivery.
pub(super) trait Handle: Send + 'static {
    /// The name of the app that it is for.
    fn app(&self) -> &str;

    /// That app's number in this process.
    fn app_number(&self) -> u32;

    /// Does it, and gives the answer to `fate`.
    fn run(self, fate: Fate) -> impl Future<Output = ()> + Send;
}

/// Where a handler puts its answer.
#[derive(Clone)]
pub(super) struct Fate {
    run: Arc<Run>,
    deliveries: Deliveries,
    key: DeliveryKey,
}

/// The first try, whose connection drives the handler itself: handing it to another task, or
/// another thread, would cost each message more than its sandbox. When the connection ends, or has
/// waited long enough, a task drives it on.
struct FirstTry<'a> {
    handler: Option<BoxFuture<'static, ()>>,
    tasks: &'a TaskTracker,
}

impl Deliveries {
    pub(super) fn new(store: Store, reply_deadline: Duration) -> Self {
        Self(Arc::new(Shared {
            runs: Newest::new(REMEMBERED_ANSWERS, |run| run.answer.get().is_none()),
            long_answers: LongAnswers::default(),
            claims: Claims::new(store),
            tasks: TaskTracker::new(),
            reply_deadline,
        }))
    }

    /// Remembers what the process before has answered; to be called before the first delivery.
    pub(super) async fn restore(&self) -> Result<(), StoreError> {
        for (key, answer) in self.0.claims.begin(REMEMBERED_ANSWERS).await? {
            // They have room as if one app had given them all. What has none is not handled again all the same.
            let answer = answer.filter(|answer| self.0.long_answers.has_room("", answer.len()));
            self.0.runs.get_or_insert_with(NO_APP, key, || Arc::new(Run::ended(answer)));
        }
        Ok(())
    }

    /// The answer to the delivery `key`: what `handle` gives to its fate if this is the first try, else what the
    /// first try's run gave.
    ///
    /// With `patience` a slow handler has all the tries together: as long as WeChat will try again, a
    /// try is let run out; the last one is told in time that the answer is late. Without, the first
    /// try is told so. `age` is the message's, in seconds.
    pub(super) async fn answer(&self, key: DeliveryKey, age: u64, patience: bool, handle: impl Handle) -> Outcome {
        let mut handler = None;
        let run = self.0.runs.get_or_insert_with(handle.app_number(), key, || {
            let run = Arc::new(Run::begun());
            let fate = Fate { run: Arc::clone(&run), deliveries: self.clone(), key };
            handler = Some(once(fate, handle).boxed());
            run
        });
        let tries = 1 + run.tries.fetch_add(1, Relaxed);
        let last = !patience || tries >= TRIES || age >= LAST_TRY_AGE;
        let wait = if last { self.0.reply_deadline } else { TRY_RUNS_OUT };
        let mut first = FirstTry { handler, tasks: &self.0.tasks };
        let answer = async {
            first.drive().await;
            run.wait().await
        };
        if let Ok(outcome) = tokio::time::timeout(wait, answer).await {
            return outcome;
        }
        // A task drives the handler on: giving up may have to wait for it.
        drop(first);
        if last { self.give_up(&run, key).await } else { Outcome::Late }
    }

    /// Tells WeChat not to wait, and the handler that its answer has to go another way; unless it has just come.
    async fn give_up(&self, run: &Run, key: DeliveryKey) -> Outcome {
        if !run.close(GIVEN_UP) {
            return run.wait().await;
        }
        // Goes on when it takes too long: the process that runs the handler must hear of it.
        let claims = self.0.claims.clone();
        let telling = self.0.tasks.spawn(async move { claims.give_up(key).await });
        let left = LAST_MOMENT.saturating_sub(self.0.reply_deadline).max(A_MOMENT);
        match tokio::time::timeout(left, telling).await {
            Ok(Ok(Some(answer))) => Outcome::Answered(answer),
            _ => Outcome::Late,
        }
    }

    /// Forgets old answers, for as long as it is polled.
    pub(super) async fn forget(self) {
        loop {
            tokio::time::sleep(REMEMBERED).await;
            self.0.grow_old();
        }
    }

    /// Keeps the database up to date, until it is [closed](Self::close).
    pub(super) async fn write(self) {
        self.0.claims.run().await;
    }

    /// Writes what is not written yet; to be called when no handler runs.
    pub(super) async fn close(&self) {
        self.0.claims.close().await;
    }

    /// Waits for the handlers that run without a connection.
    pub(super) async fn finish(&self) {
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }
}

impl Shared {
    /// After which time another process may have given a handler up.
    fn slow(&self) -> Duration {
        self.reply_deadline.min(SLOW)
    }

    fn grow_old(&self) {
        self.long_answers.begin_anew();
        self.runs.grow_old();
    }
}

impl Run {
    fn begun() -> Self {
        Self { answer: SetOnce::new(), state: AtomicU8::new(OPEN), tries: AtomicU32::new(0), began: Instant::now() }
    }

    fn ended(answer: Answer) -> Self {
        let run = Self { state: AtomicU8::new(ANSWERED), ..Self::begun() };
        // Nobody else knows it yet.
        drop(run.answer.set(answer));
        run
    }

    /// Whether it was open until now.
    fn close(&self, state: u8) -> bool {
        self.state.compare_exchange(OPEN, state, AcqRel, Acquire).is_ok()
    }

    /// The answer as soon as it is there; at once when WeChat was told that it is late.
    async fn wait(&self) -> Outcome {
        if self.state.load(Acquire) == GIVEN_UP {
            return Outcome::Late;
        }
        Outcome::Answered(self.answer.wait().await.clone())
    }
}

impl Fate {
    /// Answers WeChat's tries, and does `first` before they have the answer. False when WeChat was told not to wait:
    /// then they get nothing, `first` is not done, and whoever has an answer may send it another way.
    ///
    /// The bytes are what is kept, sealed ones too: WeChat opens an answer by the signature, time and nonce that stand
    /// in it, so that the answer to one try answers another.
    pub(super) async fn answer(&self, app: &str, answer: Answer, first: impl Future<Output = ()>) -> bool {
        let (deliveries, open) = (&self.deliveries.0, self.run.close(ANSWERED));
        let answer = answer.filter(|_| open);
        // Before anything is kept. It counts too where it turns out that another process has told WeChat not to wait.
        let is_kept = self.has_room(app, &answer);
        let kept = if is_kept { &answer } else { &None };
        // Who has the database alone knows what WeChat was told.
        let is_slow = open && deliveries.claims.has_others() && self.run.began.elapsed() >= deliveries.slow();
        // Boxed, as it is rare.
        let in_time = open && (!is_slow || Box::pin(deliveries.claims.answered_late(self.key, kept)).await);
        if in_time {
            first.await;
        }
        if !is_slow {
            deliveries.claims.answered(self.key, kept);
        }
        self.set(answer.filter(|_| in_time), is_kept);
        in_time
    }

    fn has_room(&self, app: &str, answer: &Answer) -> bool {
        self.deliveries.0.long_answers.has_room(app, answer.as_ref().map_or(0, Bytes::len))
    }

    /// Gives the answer to the tries that wait, and where it is kept to those that come: else they get nothing.
    fn set(&self, answer: Answer, is_kept: bool) {
        // Nobody else sets it.
        drop(self.run.answer.set(answer));
        if !is_kept {
            self.deliveries.0.runs.replace(&self.key, Arc::new(Run::ended(None)));
        }
    }
}

/// Handles a delivery, unless another process does or did.
async fn once(fate: Fate, handle: impl Handle) {
    let run = Arc::clone(&fate.run);
    if let Claim::Answered(answer) = fate.deliveries.0.claims.claim(fate.key).await {
        run.close(ANSWERED);
        let is_kept = fate.has_room(handle.app(), &answer);
        fate.set(answer, is_kept);
        return;
    }
    let unanswered = fate.clone();
    // A panic is a bug, reported where it happens; there is no answer then.
    let ended = AssertUnwindSafe(handle.run(fate)).catch_unwind().await;
    if ended.is_err() && run.answer.get().is_none() {
        // Nothing takes no room.
        unanswered.answer("", None, std::future::ready(())).await;
    }
}

impl FirstTry<'_> {
    /// Runs the handler to its end; at once for a try that is not the first.
    async fn drive(&mut self) {
        if let Some(handler) = &mut self.handler {
            handler.await;
            self.handler = None;
        }
    }
}

impl Drop for FirstTry<'_> {
    fn drop(&mut self) {
        if let Some(handler) = self.handler.take() {
            self.tasks.spawn(handler);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;
    use crate::{clock::Clock, config::DatabaseUrl, secret::SecretKey};

    /// Answers with this, and counts how often.
    struct Says(&'static str, Bytes, Arc<AtomicUsize>);

    impl Handle for Says {
        fn app(&self) -> &str {
            self.0
        }

        fn app_number(&self) -> u32 {
            1
        }

        async fn run(self, fate: Fate) {
            self.2.fetch_add(1, Relaxed);
            fate.answer(self.0, Some(self.1), std::future::ready(())).await;
        }
    }

    async fn deliveries(folder: &tempfile::TempDir) -> Deliveries {
        let (url, key) = (DatabaseUrl::Sqlite(folder.path().join("weft.db")), Arc::new(SecretKey::generate()));
        Deliveries::new(Store::open(&url, key, Clock::system()).await.unwrap(), Duration::from_secs(4))
    }

    #[tokio::test]
    async fn an_app_that_answers_at_length_fills_no_memory_and_takes_no_answer_from_another() {
        let folder = tempfile::tempdir().unwrap();
        let (deliveries, handled) = (deliveries(&folder).await, Arc::new(AtomicUsize::new(0)));
        let answer = Bytes::from(vec![b'x'; 1 << 20]);
        let deliver = async |app: &'static str, number: u32| {
            let key = DeliveryKey::of(&format!("{app}/{number}"));
            deliveries.answer(key, 0, true, Says(app, answer.clone(), Arc::clone(&handled))).await
        };
        let answered = Outcome::Answered(Some(answer.clone()));
        assert_eq!(deliver("shop", 0).await, answered);
        for number in 0..1000 {
            assert_eq!(deliver("floods", number).await, answered, "the first try always has it");
        }
        let mut forgotten = 0;
        for number in 0..1000 {
            forgotten += usize::from(deliver("floods", number).await == Outcome::Answered(None));
        }
        assert!((900..1000).contains(&forgotten), "{forgotten} MiB are not kept");
        assert_eq!(deliver("shop", 0).await, answered);
        assert_eq!(handled.load(Relaxed), 1001, "none is handled twice");
    }

    #[tokio::test]
    async fn what_is_kept_for_the_next_start_is_bounded_and_so_is_what_a_start_remembers() {
        let folder = tempfile::tempdir().unwrap();
        let (url, key) = (DatabaseUrl::Sqlite(folder.path().join("weft.db")), Arc::new(SecretKey::generate()));
        let store = Store::open(&url, key, Clock::system()).await.unwrap();
        store.migrate().await.unwrap();
        let (answer, handled) = (Bytes::from(vec![b'x'; 1 << 20]), Arc::new(AtomicUsize::new(0)));
        let deliver = async |deliveries: &Deliveries, app: &'static str, number: u32| {
            let key = DeliveryKey::of(&format!("{app}/{number}"));
            deliveries.answer(key, 0, true, Says(app, answer.clone(), Arc::clone(&handled))).await
        };
        // Any handler takes longer than that.
        let slow = Deliveries::new(store.clone(), Duration::ZERO);
        let delivering = async {
            for number in 0..40 {
                for app in ["floods", "shop"] {
                    assert_eq!(deliver(&slow, app, number).await, Outcome::Answered(Some(answer.clone())));
                }
            }
            slow.close().await;
        };
        tokio::join!(slow.clone().write(), delivering);
        let kept = store.delivery_answers().recent(60, usize::MAX).await.unwrap();
        let bytes: usize = kept.iter().map(|(_, answer)| answer.as_ref().map_or(0, Bytes::len)).sum();
        assert_eq!((kept.len(), bytes >> 20), (80, 64), "32 MiB of each");

        let next = Deliveries::new(store, Duration::from_secs(4));
        next.restore().await.unwrap();
        let mut remembered = 0;
        for number in 0..40 {
            for app in ["floods", "shop"] {
                let outcome = deliver(&next, app, number).await;
                remembered += usize::from(outcome == Outcome::Answered(Some(answer.clone())));
            }
        }
        assert_eq!((remembered, handled.load(Relaxed)), (32, 80), "none is handled twice");
    }
}
