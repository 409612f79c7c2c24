//! One delivery is handled by one process, over restarts and over replicas that share a database.
//!
//! SQLite belongs to one process, which knows what it runs: only answers are written, behind the message, and a start
//! reads the last ones. With PostgreSQL a process claims a delivery before it runs the handler; who comes second waits
//! for the other's answer, and takes over when the other has gone.

use std::{
    error::Error,
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::deliveries::Answer;
use crate::{
    losses::Losses,
    storage::{
        BatchWriter, DeliveryAnswer, DeliveryClaim, DeliveryKey, DeliveryState, LateAnswer, Processes, Store,
        StoreError, with_causes,
    },
};

/// How long a message waits for a database before it does without: a plugin's answer matters more than the chance
/// that it is given twice.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(1);

/// How long one question may take where nothing is done without its answer. One that is dropped keeps its connection
/// until the database answers; but a connection may be lost without a word.
const QUESTION: Duration = Duration::from_secs(4);

/// How long it is tried to tell another process that WeChat does not wait any more: its handler may be at work for long,
/// and this process may be told to stop.
const GIVE_UP: Duration = Duration::from_secs(10);

/// How often this process shows that it is alive; several times within the lease.
const SHOW_LIFE: Duration = Duration::from_secs(1);

/// For how long after the database did not answer what other processes had to tell may be on its way: that they are
/// alive, and what they gave up.
const TROUBLE: Duration = SHOW_LIFE.saturating_add(DATABASE_TIMEOUT.saturating_mul(2));

/// How long another process's answer is looked for. WeChat's tries are over before.
const FOLLOW: Duration = Duration::from_secs(20);

/// The first pause between looks at another process's answer, from which on they grow: most handlers end within the
/// first few.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// The longest pause between looks at another process's answer.
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// How long ago answers were given that are of use after a start, in seconds.
const OF_USE: u64 = 60;

/// How often old deliveries are deleted.
const PRUNE_PAUSE: Duration = Duration::from_mins(1);

/// Old deliveries that are deleted in one transaction: messages do not wait for so few.
const PRUNED_AT_ONCE: u32 = 1000;

/// What came of claiming a delivery.
pub(super) enum Claim {
    /// It is for this process to handle.
    Mine,
    /// It has been handled.
    Answered(Answer),
}

/// What the database knows of deliveries. Clones share it.
#[derive(Clone)]
pub(super) struct Claims(Arc<Shared>);

struct Shared {
    store: Store,
    claims: BatchWriter<DeliveryClaim>,
    answers: BatchWriter<DeliveryAnswer>,
    /// Whether the database answered when it was last asked.
    reachable: AtomicBool,
    /// When it last did not.
    last_trouble: Mutex<Option<Instant>>,
    /// How often it did not.
    unanswered: Losses,
    closed: CancellationToken,
}

impl Claims {
    pub(super) fn new(store: Store) -> Self {
        let (claims, answers) = (BatchWriter::new(store.clone()), BatchWriter::new(store.clone()));
        let (reachable, last_trouble, unanswered) = (AtomicBool::new(true), Mutex::default(), Losses::default());
        let closed = CancellationToken::new();
        Self(Arc::new(Shared { store, claims, answers, reachable, last_trouble, unanswered, closed }))
    }

    /// The answers that the process before gave, for deliveries that may come again; and shows others, before
    /// anything is claimed, that this process is alive.
    pub(super) async fn begin(&self, limit: usize) -> Result<Vec<(DeliveryKey, Answer)>, StoreError> {
        let store = &self.0.store;
        if store.is_shared() {
            store.processes().show().await?;
            return Ok(Vec::new());
        }
        store.delivery_answers().recent(OF_USE, limit).await
    }

    /// Whether other processes may have a part in deliveries.
    pub(super) fn has_others(&self) -> bool {
        self.0.store.is_shared()
    }

    /// Claims a delivery that this process sees for the first time.
    pub(super) async fn claim(&self, key: DeliveryKey) -> Claim {
        if !self.0.store.is_shared() || !self.0.reachable.load(Relaxed) {
            return Claim::Mine;
        }
        match in_time(self.0.claims.write(DeliveryClaim(key))).await {
            Ok(true) => Claim::Mine,
            // Boxed, as it is rare: the state of its queries would make every message's larger, by many pages.
            Ok(false) => Box::pin(self.follow(key)).await,
            Err(error) => {
                self.lose(&error);
                Claim::Mine
            }
        }
    }

    /// Keeps the answer to a delivery, without waiting until it is kept.
    pub(super) fn record_answer(&self, key: DeliveryKey, answer: &Answer) {
        self.0.answers.send(DeliveryAnswer { key, answer: answer.clone() });
    }

    /// Keeps the answer of a handler that took so long that another process may have told WeChat not to wait for it, and
    /// that nobody waits for here, so that there is time to find out. It counts as late where the database has not told
    /// when WeChat's tries are `over`.
    pub(super) async fn record_late_answer(&self, key: DeliveryKey, answer: &Answer, over: Instant) -> LateAnswer {
        let deliveries = self.0.store.deliveries();
        let recording = async {
            loop {
                // Asked first, as what another process has to say of the delivery would come behind a hang, too.
                if self.ask(deliveries.state(key)).await.is_some()
                    && !self.was_in_trouble()
                    && let Some(recorded) = self.ask(deliveries.answer_unless_late(key, answer.as_deref())).await
                {
                    return recorded;
                }
                tokio::time::sleep(LONGEST_PAUSE).await;
            }
        };
        tokio::time::timeout_at(over.into(), recording).await.unwrap_or_else(|_| {
            self.record_answer(key, &None);
            LateAnswer::GivenUp
        })
    }

    /// Tells the process that runs the handler that WeChat does not wait any more, also when the database takes its time;
    /// gives the answer when there is one already.
    pub(super) async fn give_up(&self, key: DeliveryKey) -> Option<Answer> {
        if !self.0.store.is_shared() {
            return None;
        }
        let deliveries = self.0.store.deliveries();
        let telling = async {
            loop {
                if let Some(answer) = self.ask(deliveries.give_up(key)).await {
                    return answer;
                }
                tokio::time::sleep(LONGEST_PAUSE).await;
            }
        };
        tokio::time::timeout(GIVE_UP, telling).await.unwrap_or(None)
    }

    /// Waits for what another process answers, or for the end of that process.
    pub(super) async fn follow(&self, key: DeliveryKey) -> Claim {
        let deliveries = self.0.store.deliveries();
        let (began, mut pause) = (Instant::now(), FIRST_PAUSE);
        while began.elapsed() < FOLLOW {
            match self.ask(deliveries.state(key)).await {
                Some(Some(DeliveryState::Answered(answer))) => return Claim::Answered(answer),
                // It was taken over without a word from the database.
                Some(Some(DeliveryState::Own)) => return Claim::Mine,
                Some(Some(DeliveryState::Orphaned { owner })) if !self.was_in_trouble() => {
                    if self.ask(deliveries.take_over(key, &owner)).await == Some(true) {
                        tracing::warn!(owner, "a process has gone while it handled a message: it is handled again");
                        return Claim::Mine;
                    }
                }
                // It was so old that it has just been deleted, or the database has lost it: one of those who wait has it.
                Some(None) => {
                    if matches!(in_time(self.0.claims.write(DeliveryClaim(key))).await, Ok(true)) {
                        return Claim::Mine;
                    }
                }
                // The other process may well answer: running the handler a second time would be worse than waiting.
                Some(Some(DeliveryState::Runs { .. } | DeliveryState::Orphaned { .. })) | None => {}
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 3 / 2).min(LONGEST_PAUSE);
        }
        Claim::Answered(None)
    }

    /// Writes what is claimed and answered, shows others that this process is alive, and deletes what is old; until it
    /// is [closed](Self::close).
    pub(super) async fn run(&self) {
        let shared = &self.0;
        let closed = &shared.closed;
        tokio::join!(
            shared.claims.clone().run(),
            shared.answers.clone().run(),
            closed.run_until_cancelled(self.show_life()),
            closed.run_until_cancelled(self.prune()),
        );
    }

    /// Writes the answers that wait, and leaves to others what has none.
    pub(super) async fn close(&self) {
        self.0.claims.close().await;
        self.0.answers.close().await;
        self.0.closed.cancel();
        if let Err(error) = in_time(self.processes().withdraw()).await {
            tracing::debug!(error = %with_causes(&error), "this process could not be taken off");
        }
    }

    async fn show_life(&self) {
        if !self.0.store.is_shared() {
            return;
        }
        loop {
            // A connection that was lost without a word must not cost the lease.
            match in_time(self.processes().show()).await {
                Ok(()) => self.0.reachable.store(true, Relaxed),
                Err(error) => self.lose(&error),
            }
            tokio::time::sleep(SHOW_LIFE).await;
        }
    }

    async fn prune(&self) {
        loop {
            tokio::time::sleep(PRUNE_PAUSE).await;
            if let Err(error) = self.prune_all().await {
                tracing::warn!(error = %with_causes(&error), "old deliveries could not be deleted");
            }
        }
    }

    /// Deletes what is old, in small transactions.
    async fn prune_all(&self) -> Result<(), StoreError> {
        while self.0.store.deliveries().prune(PRUNED_AT_ONCE).await? == u64::from(PRUNED_AT_ONCE) {}
        while self.0.store.delivery_answers().prune().await? {}
        self.processes().prune().await
    }

    fn processes(&self) -> Processes<'_> {
        self.0.store.processes()
    }

    /// Asks the database, for a while, and tells each second in which it does not answer; none when it did not.
    async fn ask<T>(&self, question: impl Future<Output = Result<T, StoreError>>) -> Option<T> {
        let (mut question, over) = (pin!(question), Instant::now() + QUESTION);
        loop {
            match in_time(&mut question).await {
                Ok(answer) => return Some(answer),
                Err(error) => {
                    self.lose(&error);
                    if matches!(error, Failure::Failed(_)) || Instant::now() >= over {
                        return None;
                    }
                }
            }
        }
    }

    /// Whether the database did not answer a while ago.
    fn was_in_trouble(&self) -> bool {
        self.0.last_trouble.lock().is_some_and(|at| at.elapsed() < TROUBLE)
    }

    /// The database does not answer: until it does, this process relies on its memory.
    fn lose(&self, error: &dyn Error) {
        self.0.reachable.store(false, Relaxed);
        *self.0.last_trouble.lock() = Some(Instant::now());
        if let Some(unanswered) = self.0.unanswered.add(1) {
            tracing::warn!(
                unanswered,
                error = %with_causes(error),
                "the database does not take claims on deliveries: while it does not, a message that reaches two \
                 processes is handled twice, and may be answered twice"
            );
        }
    }
}

/// Why the database did not serve.
#[derive(Debug, thiserror::Error)]
enum Failure<E> {
    #[error(transparent)]
    Failed(E),
    #[error("the database did not answer within {DATABASE_TIMEOUT:?}")]
    TimedOut,
}

async fn in_time<T, E>(asking: impl Future<Output = Result<T, E>>) -> Result<T, Failure<E>> {
    match tokio::time::timeout(DATABASE_TIMEOUT, asking).await {
        Ok(answer) => answer.map_err(Failure::Failed),
        Err(_) => Err(Failure::TimedOut),
    }
}
