//! One delivery is handled once: WeChat's retries join the run of the first try, or get its answer.
//!
//! - `run` is the handling of one, and where its answer comes to; `first_try` drives it.

mod first_try;
mod run;

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use futures::FutureExt;
use tokio::{sync::oneshot, time::Instant};
use tokio_util::task::TaskTracker;

pub use run::Outcome;
pub(super) use run::{Answer, Fate, Handle, Reaches};

use super::{claims::Claims, long_answers::LongAnswers};
use crate::{
    failure_lines::FailureLines,
    newest::Newest,
    shares::Room,
    storage::{DeliveryKey, Store, StoreError},
};

use first_try::{FirstTry, GO_ON, Handler, OF_ONE_APP};
use run::{GIVEN_UP, Run, once};

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
    /// For them.
    room: Room,
    failures: FailureLines,
    /// How long the last try may wait.
    reply_deadline: Duration,
}

impl Deliveries {
    pub(super) fn new(store: Store, reply_deadline: Duration, failures: FailureLines) -> Self {
        Self(Arc::new(Shared {
            runs: Newest::new(REMEMBERED_ANSWERS, |run| run.answer.get().is_none()),
            long_answers: LongAnswers::default(),
            claims: Claims::new(store),
            tasks: TaskTracker::new(),
            room: Room::new(GO_ON, OF_ONE_APP),
            failures,
            reply_deadline,
        }))
    }

    /// Remembers what the process before has answered; to be called before the first delivery.
    pub(super) async fn restore(&self) -> Result<(), StoreError> {
        for (key, answer) in self.0.claims.begin(REMEMBERED_ANSWERS).await? {
            // They have room as if one app had given them all. What has none is not handled again all the same.
            let answer = answer.filter(|answer| self.0.long_answers.reserve("", answer.len()));
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
        let (mut handler, id) = (None, handle.id());
        let run = self.0.runs.get_or_insert_with(handle.app_number(), key, || {
            let run = Arc::new(Run::begun());
            let fate = Fate { run: Arc::clone(&run), deliveries: self.clone(), key };
            handler = Some(Handler { running: once(fate.clone(), handle).boxed(), fate, id: Arc::clone(&id) });
            run
        });
        let tries = 1 + run.tries.fetch_add(1, Relaxed);
        let last = !patience || tries >= TRIES || age >= LAST_TRY_AGE;
        let wait = if last { self.0.reply_deadline } else { TRY_RUNS_OUT };
        let mut first = FirstTry { handler, deliveries: &self.0 };
        let _waiting = run.wait_here();
        let answer = async {
            first.drive().await;
            run.wait().await
        };
        if let Ok(outcome) = tokio::time::timeout(wait, answer).await {
            return outcome;
        }
        // A task drives the handler on: giving up may have to wait for it.
        drop(first);
        if last { self.give_up(&run, key, id).await } else { Outcome::Late }
    }

    /// Tells WeChat not to wait, and the handler that its answer has to go another way; unless it has just come.
    async fn give_up(&self, run: &Run, key: DeliveryKey, id: Arc<str>) -> Outcome {
        let last_moment = Instant::now() + LAST_MOMENT.saturating_sub(self.0.reply_deadline).max(A_MOMENT);
        // Where it has just come, it is about to be there; unless it is another process's.
        if !run.close(GIVEN_UP)
            && let Ok(outcome) = tokio::time::timeout_at(last_moment, run.wait()).await
        {
            return outcome;
        }
        // Goes on when it takes too long: the process that runs the handler must hear of it.
        let (claims, (tell, told)) = (self.0.claims.clone(), oneshot::channel());
        self.0.tasks.spawn(async move {
            if let Err(Some(Some(_))) = tell.send(claims.give_up(key).await) {
                tracing::warn!(
                    delivery = &*id,
                    "WeChat may have been told not to wait for an answer that was there: the database told of it too late"
                );
            }
        });
        match tokio::time::timeout_at(last_moment, told).await {
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
        self.long_answers.grow_old();
        self.runs.grow_old();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use bytes::Bytes;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::{clock::Clock, config::DatabaseUrl, secret::SecretKey};

    /// Answers with this, and counts how often.
    struct Says(&'static str, Bytes, Arc<AtomicUsize>);

    /// Is at work until it is told to end, and counted meanwhile.
    struct Works(&'static str, CancellationToken, Arc<AtomicUsize>);

    /// Counts, until it ends or is ended.
    struct AtWork(Arc<AtomicUsize>);

    impl AtWork {
        fn begin(all: &Arc<AtomicUsize>) -> Self {
            all.fetch_add(1, Relaxed);
            Self(Arc::clone(all))
        }
    }

    impl Drop for AtWork {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Relaxed);
        }
    }

    impl Handle for Works {
        fn app(&self) -> &str {
            self.0
        }

        fn app_number(&self) -> u32 {
            1
        }

        fn id(&self) -> Arc<str> {
            format!("{}/a message", self.0).into()
        }

        async fn run(self, fate: Fate) {
            let _at_work = AtWork::begin(&self.2);
            self.1.cancelled().await;
            fate.answer(self.0, Some(Bytes::from_static(b"done")), std::future::ready(())).await;
        }
    }

    impl Handle for Says {
        fn app(&self) -> &str {
            self.0
        }

        fn app_number(&self) -> u32 {
            1
        }

        fn id(&self) -> Arc<str> {
            format!("{}/a message", self.0).into()
        }

        async fn run(self, fate: Fate) {
            self.2.fetch_add(1, Relaxed);
            fate.answer(self.0, Some(self.1), std::future::ready(())).await;
        }
    }

    async fn deliveries(folder: &tempfile::TempDir) -> Deliveries {
        let (url, key) = (DatabaseUrl::Sqlite(folder.path().join("weft.db")), Arc::new(SecretKey::generate()));
        Deliveries::new(
            Store::open(&url, key, Clock::system()).await.unwrap(),
            Duration::from_secs(4),
            FailureLines::default(),
        )
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
    async fn long_answers_take_room_for_as_long_as_they_are_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let (deliveries, handled) = (deliveries(&folder).await, Arc::new(AtomicUsize::new(0)));
        let answer = Bytes::from(vec![b'x'; 1 << 20]);
        let deliver = async |number: u32| {
            let key = DeliveryKey::of(&format!("shop/{number}"));
            let again = deliveries.answer(key, 0, true, Says("shop", answer.clone(), Arc::clone(&handled))).await;
            again == Outcome::Answered(Some(answer.clone()))
        };
        for number in 0..33 {
            assert!(deliver(number).await, "the first try always has it");
        }
        assert!(deliver(31).await && !deliver(32).await, "an app has 32 MiB");
        deliveries.0.grow_old();
        assert!(deliver(33).await && !deliver(33).await, "as many are still remembered");
        assert!(deliver(31).await);
        deliveries.0.grow_old();
        assert!(deliver(34).await && deliver(34).await, "the old ones are forgotten");
    }

    #[tokio::test]
    async fn an_app_whose_handlers_go_on_without_connections_has_its_share_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let (deliveries, at_work) = (deliveries(&folder).await, Arc::new(AtomicUsize::new(0)));
        let deliver = |app: &'static str, number: usize, ends: &CancellationToken| {
            let key = DeliveryKey::of(&format!("{app}/{number}"));
            let handle = Works(app, ends.clone(), Arc::clone(&at_work));
            deliveries.answer(key, 0, true, handle)
        };
        // The connection ends at once.
        let cut = |app, number, ends: &CancellationToken| {
            assert_eq!(deliver(app, number, ends).now_or_never(), None);
            at_work.load(Relaxed)
        };
        let ends = CancellationToken::new();
        for number in 0..OF_ONE_APP {
            assert_eq!(cut("floods", number, &ends), number + 1);
        }
        assert_eq!(cut("floods", OF_ONE_APP, &ends), OF_ONE_APP, "one more is ended");
        assert_eq!(cut("shop", 0, &ends), OF_ONE_APP + 1, "and none of another");
        assert_eq!(deliver("floods", OF_ONE_APP, &ends).await, Outcome::Answered(None), "it is not handled again");
        ends.cancel();
        let done = Outcome::Answered(Some(Bytes::from_static(b"done")));
        assert_eq!(deliver("floods", 0, &ends).await, done);
        deliveries.finish().await;
        assert_eq!(cut("floods", OF_ONE_APP + 1, &CancellationToken::new()), 1, "places come back");
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
        let slow = Deliveries::new(store.clone(), Duration::ZERO, FailureLines::default());
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

        let next = Deliveries::new(store, Duration::from_secs(4), FailureLines::default());
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
