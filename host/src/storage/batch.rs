//! Rows of many tasks, written by one: a transaction for each message would cost more than its answer.
//!
//! While a batch is written the next one gathers, so batches are as large as the load needs them to be.

use std::{
    error::Error,
    fmt, slice,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::{Mutex, OwnedSemaphorePermit, mpsc, oneshot};

use super::{Store, StoreError, error::is_about_a_row, with_causes};
use crate::{losses::Losses, shares::Shares};

/// How many rows are written at once at most.
const BATCH: usize = 1024;

/// How many rows may wait. More than the database takes in this time it would not catch up with either.
const QUEUE: usize = 8192;

/// How many of them may be of one owner.
const OF_ONE: usize = QUEUE / 2;

/// How long a rest is at most: who waits behind a slow disk has waited long enough.
const LONGEST_REST: Duration = Duration::from_millis(20);

/// A row that is written together with others of its kind.
pub trait BatchRow: Send + Sync + Sized + 'static {
    /// What the log calls the rows when they are lost.
    const WHAT: &'static str;

    /// How long a batch that nobody waits for gathers rows: each batch costs the disk a flush.
    const GATHER: Duration = Duration::ZERO;

    /// How many times as long as a batch took the writer rests after it, unless the batch was a single row with nothing
    /// behind it. Under load batches are larger then, and not more: with 2, they take at most a third of the database's
    /// time.
    const REST: u32 = 0;

    /// How long the database may take for a batch, which is given up then: a connection may be lost without a word, and
    /// the rows behind the batch are not written before it ends.
    const PATIENCE: Duration = Duration::from_mins(1);

    /// How many rows are written at once at most.
    const ROWS: usize = BATCH;

    /// How many [`bytes`](Self::bytes) of rows are written at once at most. A row that has more is written alone.
    const BYTES: usize = usize::MAX;

    /// What is told to who waits for the row.
    type Written: Send + 'static;

    /// What the row counts of [`BYTES`](Self::BYTES).
    fn bytes(&self) -> usize {
        0
    }

    /// Whose the row is: who has very many takes the places of no others.
    fn owner(&self) -> Option<&str> {
        None
    }

    /// Writes all the rows or none of them, in one transaction and, for speed, one statement; tells for each row, in
    /// their order. Rows that other processes write too must be written in an order that all agree on: transactions
    /// would lock each other out otherwise.
    fn write(store: &Store, rows: &[Self]) -> impl Future<Output = Result<Vec<Self::Written>, StoreError>> + Send;
}

/// Why a row was not written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BatchError {
    /// The database refused it, or all that came with it.
    #[error(transparent)]
    Store(Arc<StoreError>),
    /// Nobody knows whether it was.
    #[error("the database did not answer within {0:?}")]
    TimedOut(Duration),
    /// More rows wait than the database can take.
    #[error("too many rows wait to be written")]
    Full,
    /// The process is about to end.
    #[error("nothing is written any more")]
    Closed,
}

/// Takes rows from any task. Clones write into the same batches; one of them has to [`run`](Self::run).
pub struct BatchWriter<T: BatchRow> {
    store: Store,
    queue: mpsc::Sender<Entry<T>>,
    queued: Arc<Mutex<mpsc::Receiver<Entry<T>>>>,
    places: Shares,
    losses: Arc<Losses>,
}

/// Who waits for a row, if somebody does.
type Waiting<T> = Option<oneshot::Sender<Result<<T as BatchRow>::Written, BatchError>>>;

/// One of its owner's places, until the row is written.
type Place = Option<OwnedSemaphorePermit>;

enum Entry<T: BatchRow> {
    Row(T, Waiting<T>, Place),
    /// Tells when everything before it is written; the writer may end then.
    Mark {
        last: bool,
        written: oneshot::Sender<()>,
    },
}

impl<T: BatchRow> BatchWriter<T> {
    /// Rows wait until somebody runs it.
    pub fn new(store: Store) -> Self {
        let (queue, queued) = mpsc::channel(QUEUE);
        let (queued, places) = (Arc::new(Mutex::new(queued)), Shares::new(OF_ONE));
        Self { store, queue, queued, places, losses: Arc::default() }
    }

    /// Hands `row` over without waiting. If it cannot be written it is lost, and the log says so.
    pub fn send(&self, row: T) {
        let Ok(place) = row.owner().map(|owner| self.places.of(owner).try_acquire_owned()).transpose() else {
            return self.lose(1, &BatchError::Full);
        };
        match self.queue.try_send(Entry::Row(row, None, place)) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => self.lose(1, &BatchError::Full),
            Err(mpsc::error::TrySendError::Closed(_)) => self.lose(1, &BatchError::Closed),
        }
    }

    /// Writes `row` and waits until it is safe.
    pub async fn write(&self, row: T) -> Result<T::Written, BatchError> {
        let (written, wait) = oneshot::channel();
        let place = match row.owner() {
            // Nobody closes them.
            Some(owner) => self.places.of(owner).acquire_owned().await.ok(),
            None => None,
        };
        self.queue.send(Entry::Row(row, Some(written), place)).await.map_err(|_| BatchError::Closed)?;
        wait.await.map_err(|_| BatchError::Closed)?
    }

    /// Waits until every row that was handed over before is written, or lost.
    pub async fn flush(&self) {
        self.mark(false).await;
    }

    /// Writes what waits and ends the writer; later rows are refused.
    pub async fn close(&self) {
        self.mark(true).await;
    }

    async fn mark(&self, last: bool) {
        let (written, wait) = oneshot::channel();
        if self.queue.send(Entry::Mark { last, written }).await.is_ok() {
            // No answer means that the writer has ended, and has written all before.
            drop(wait.await);
        }
    }

    /// Writes until it is closed. A batch that fails is lost, with an error to all who wait; the next one is tried.
    pub async fn run(self) {
        // Held for as long as it writes: there is one writer.
        let mut queued = self.queued.lock().await;
        let mut entries = Vec::with_capacity(BATCH);
        let (mut rows, mut waiting, mut places, mut marks) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        // What did not fit into a batch is in the next one.
        while !entries.is_empty() || queued.recv_many(&mut entries, BATCH).await > 0 {
            let hurry = |entry: &Entry<T>| !matches!(entry, Entry::Row(_, None, _));
            if !T::GATHER.is_zero() && entries.len() < BATCH && !entries.iter().any(hurry) {
                tokio::time::sleep(T::GATHER).await;
                while entries.len() < BATCH
                    && let Ok(entry) = queued.try_recv()
                {
                    entries.push(entry);
                }
            }
            let next = fitting(&entries);
            for entry in entries.drain(..next) {
                match entry {
                    Entry::Row(row, wait, place) => {
                        rows.push(row);
                        waiting.push(wait);
                        places.push(place);
                    }
                    Entry::Mark { last, written } => {
                        if last {
                            queued.close();
                        }
                        marks.push(written);
                    }
                }
            }
            let began = Instant::now();
            self.write_batch(&rows, &mut waiting).await;
            let is_alone = rows.len() <= 1 && entries.is_empty() && queued.is_empty();
            let rest = if is_alone { Duration::ZERO } else { (began.elapsed() * T::REST).min(LONGEST_REST) };
            rows.clear();
            places.clear();
            // Who does not wait any more does not need to know.
            for mark in marks.drain(..) {
                mark.send(()).ok();
            }
            if !rest.is_zero() {
                tokio::time::sleep(rest).await;
            }
        }
    }

    async fn write_batch(&self, rows: &[T], waiting: &mut Vec<Waiting<T>>) {
        if rows.is_empty() {
            return;
        }
        let outcomes = match self.write_in_time(rows).await {
            Ok(written) => written.into_iter().map(Ok).collect(),
            Err(BatchError::Store(error)) if rows.len() > 1 && is_about_a_row(&error) => self.write_apart(rows).await,
            Err(error) => {
                self.lose(rows.len(), &error);
                vec![error; rows.len()].into_iter().map(Err).collect()
            }
        };
        for (wait, outcome) in waiting.drain(..).zip(outcomes) {
            if let Some(wait) = wait {
                drop(wait.send(outcome));
            }
        }
    }

    async fn write_in_time(&self, rows: &[T]) -> Result<Vec<T::Written>, BatchError> {
        match tokio::time::timeout(T::PATIENCE, T::write(&self.store, rows)).await {
            Ok(written) => written.map_err(|error| BatchError::Store(Arc::new(error))),
            Err(_) => Err(BatchError::TimedOut(T::PATIENCE)),
        }
    }

    /// One row that the database cannot take does not take along those beside it.
    async fn write_apart(&self, rows: &[T]) -> Vec<Result<T::Written, BatchError>> {
        let mut outcomes = Vec::with_capacity(rows.len());
        for row in rows {
            let written = self.write_in_time(slice::from_ref(row)).await;
            let outcome = written.and_then(|mut written| written.pop().ok_or(BatchError::Closed));
            if let Err(error) = &outcome {
                self.lose(1, error);
            }
            outcomes.push(outcome);
        }
        outcomes
    }

    fn lose(&self, rows: usize, error: &dyn Error) {
        if let Some(rows) = self.losses.add(rows) {
            tracing::error!(rows, error = %with_causes(error), "{} could not be written", T::WHAT);
        }
    }
}

/// How many of the entries that wait make the next batch; one at least.
fn fitting<T: BatchRow>(entries: &[Entry<T>]) -> usize {
    let mut bytes = 0_usize;
    let fit = entries.iter().take(T::ROWS).take_while(|entry| {
        if let Entry::Row(row, ..) = entry {
            bytes = bytes.saturating_add(row.bytes());
        }
        bytes <= T::BYTES
    });
    fit.count().max(1)
}

impl<T: BatchRow> fmt::Debug for BatchWriter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BatchWriter({})", T::WHAT)
    }
}

impl<T: BatchRow> Clone for BatchWriter<T> {
    fn clone(&self) -> Self {
        Self {
            store: self.store.clone(),
            queue: self.queue.clone(),
            queued: Arc::clone(&self.queued),
            places: self.places.clone(),
            losses: Arc::clone(&self.losses),
        }
    }
}
