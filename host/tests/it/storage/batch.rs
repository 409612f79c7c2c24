//! Rows of many tasks, written together.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tokio::sync::Semaphore;
use weft::storage::{BatchError, BatchRow, BatchWriter, Store, StoreError};

use crate::support::database::{TestDatabase, on_sqlite};

/// What was written, one list for each batch.
#[derive(Clone)]
struct Book {
    batches: Arc<Mutex<Vec<Vec<u32>>>>,
    /// A batch is written when there is a permit.
    turns: Arc<Semaphore>,
}

impl Book {
    fn new(turns: usize) -> Self {
        Self { batches: Arc::default(), turns: Arc::new(Semaphore::new(turns)) }
    }

    fn row<const GATHER_MS: u64>(&self, number: u32) -> Row<GATHER_MS> {
        Row { number, book: self.clone() }
    }

    fn batches(&self) -> Vec<Vec<u32>> {
        self.batches.lock().unwrap().clone()
    }
}

/// A row that the database cannot take.
const BAD: u32 = u32::MAX;
/// With this one the database fails.
const FAILING: u32 = u32::MAX - 1;

/// A number.
struct Row<const GATHER_MS: u64> {
    number: u32,
    book: Book,
}

impl<const GATHER_MS: u64> BatchRow for Row<GATHER_MS> {
    const WHAT: &'static str = "numbers";
    const GATHER: Duration = Duration::from_millis(GATHER_MS);
    type Written = u32;

    async fn write(_: &Store, rows: &[Self]) -> Result<Vec<u32>, StoreError> {
        let book = &rows[0].book;
        book.turns.acquire().await.unwrap().forget();
        let numbers: Vec<u32> = rows.iter().map(|row| row.number).collect();
        if numbers.contains(&FAILING) {
            return Err(StoreError::Database(sqlx::Error::PoolTimedOut));
        }
        if numbers.contains(&BAD) {
            return Err(StoreError::NotFound { kind: "app", name: "none".to_owned() });
        }
        book.batches.lock().unwrap().push(numbers.clone());
        Ok(numbers.into_iter().map(|number| number * 2).collect())
    }
}

/// A row of some bytes, of which a batch has ten at most. A batch takes a while, and is followed by a rest.
struct Heavy {
    bytes: usize,
    batches: Arc<Mutex<Vec<HeavyBatch>>>,
}

/// What rows it had, when it began, and when it ended.
type HeavyBatch = (Vec<usize>, Instant, Instant);

const TAKES: Duration = Duration::from_millis(5);

impl BatchRow for Heavy {
    const WHAT: &'static str = "bytes";
    const REST: u32 = 2;
    const BYTES: usize = 10;
    type Written = ();

    fn bytes(&self) -> usize {
        self.bytes
    }

    async fn write(_: &Store, rows: &[Self]) -> Result<Vec<()>, StoreError> {
        let began = Instant::now();
        tokio::time::sleep(TAKES).await;
        let bytes = rows.iter().map(Self::bytes).collect();
        rows[0].batches.lock().unwrap().push((bytes, began, Instant::now()));
        Ok(vec![(); rows.len()])
    }
}

/// A row of somebody's, of which a batch has a hundred at most.
struct Owned {
    owner: &'static str,
    batches: Arc<Mutex<Vec<Vec<&'static str>>>>,
}

impl BatchRow for Owned {
    const WHAT: &'static str = "names";
    const ROWS: usize = 100;
    type Written = ();

    fn owner(&self) -> Option<&str> {
        Some(self.owner)
    }

    async fn write(_: &Store, rows: &[Self]) -> Result<Vec<()>, StoreError> {
        rows[0].batches.lock().unwrap().push(rows.iter().map(|row| row.owner).collect());
        Ok(vec![(); rows.len()])
    }
}

async fn running<T: BatchRow>(database: &TestDatabase) -> BatchWriter<T> {
    let writer = BatchWriter::new(database.open().await);
    tokio::spawn(writer.clone().run());
    writer
}

#[tokio::test]
async fn rows_that_come_while_a_batch_is_written_are_the_next_batch() {
    on_sqlite(async |database| {
        let (writer, book) = (running::<Row<0>>(&database).await, Book::new(0));
        writer.send(book.row(1));
        let waiting = (2..=400).map(|number| writer.write(book.row(number)));
        let waiting = futures::future::join_all(waiting);
        book.turns.add_permits(100);
        for (number, written) in (2..=400).zip(waiting.await) {
            assert_eq!(written.unwrap(), number * 2, "each is told of its own row");
        }
        let batches = book.batches();
        assert!(batches.len() < 20, "{}", batches.len());
        assert!(batches.iter().all(|batch| batch.len() <= 1024));
        let mut written = batches.concat();
        written.sort_unstable();
        assert_eq!(written, (1..=400).collect::<Vec<_>>());
    })
    .await;
}

#[tokio::test]
async fn a_row_that_cannot_be_taken_does_not_take_others_along() {
    const NUMBERS: [u32; 5] = [1, 2, BAD, 3, 4];
    on_sqlite(async |database| {
        let (writer, book) = (running::<Row<0>>(&database).await, Book::new(100));
        let written = futures::future::join_all(NUMBERS.map(|number| writer.write(book.row(number)))).await;
        for (number, written) in NUMBERS.into_iter().zip(written) {
            match written {
                Ok(_) => assert_ne!(number, BAD),
                Err(error) => {
                    assert_eq!(number, BAD);
                    assert_eq!(error.to_string(), r#"there is no app named "none" · 没有 "none""#);
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_batch_that_fails_tells_all_who_wait_and_the_next_is_written() {
    on_sqlite(async |database| {
        let (writer, book) = (running::<Row<0>>(&database).await, Book::new(100));
        let written = futures::future::join_all([1, FAILING, 2].map(|number| writer.write(book.row(number)))).await;
        assert!(written.iter().all(|written| matches!(written, Err(BatchError::Store(_)))), "{written:?}");
        assert_eq!(writer.write(book.row(1)).await.unwrap(), 2);
        assert_eq!(book.batches(), [[1]]);
    })
    .await;
}

#[tokio::test]
async fn closing_writes_what_waits_and_refuses_what_comes() {
    on_sqlite(async |database| {
        let (writer, book) = (running::<Row<60_000>>(&database).await, Book::new(100));
        for number in 1..=300 {
            writer.send(book.row(number));
        }
        // Nobody waits a minute: the close is in the second batch, and the first is full.
        writer.close().await;
        assert_eq!(book.batches().concat(), (1..=300).collect::<Vec<_>>());
        assert!(matches!(writer.write(book.row(1)).await, Err(BatchError::Closed)));
        writer.send(book.row(2));
        writer.close().await;
        writer.flush().await;
        assert_eq!(book.batches().concat().len(), 300);
    })
    .await;
}

#[tokio::test]
async fn a_flush_waits_for_the_rows_before_it() {
    on_sqlite(async |database| {
        let (writer, book) = (running::<Row<0>>(&database).await, Book::new(100));
        for round in 1..=10 {
            writer.send(book.row(round));
            writer.flush().await;
            assert_eq!(book.batches().concat().len(), usize::try_from(round).unwrap());
        }
    })
    .await;
}

#[tokio::test]
async fn rows_that_nobody_waits_for_gather() {
    on_sqlite(async |database| {
        let (writer, book) = (running::<Row<500>>(&database).await, Book::new(100));
        for number in 1..=10 {
            writer.send(book.row(number));
            tokio::task::yield_now().await;
        }
        while book.batches().is_empty() {
            tokio::task::yield_now().await;
        }
        assert_eq!(book.batches(), [(1..=10).collect::<Vec<_>>()]);
    })
    .await;
}

#[tokio::test]
async fn more_rows_than_may_wait_are_refused_at_once() {
    on_sqlite(async |database| {
        let (writer, book) = (running::<Row<0>>(&database).await, Book::new(0));
        for number in 1..=20_000 {
            writer.send(book.row(number));
        }
        book.turns.add_permits(1000);
        writer.flush().await;
        let written = book.batches().concat().len();
        assert!((4000..20_000).contains(&written), "{written}");
    })
    .await;
}

#[tokio::test]
async fn who_has_very_many_rows_leaves_the_others_their_places() {
    on_sqlite(async |database| {
        let (writer, batches) = (BatchWriter::new(database.open().await), Arc::default());
        let row = |owner| Owned { owner, batches: Arc::clone(&batches) };
        for _ in 0..20_000 {
            writer.send(row("flood"));
        }
        writer.send(row("quiet"));
        tokio::spawn(writer.clone().run());
        writer.flush().await;
        let written = std::mem::take(&mut *batches.lock().unwrap());
        assert!(written.iter().all(|batch| batch.len() <= 100));
        let of = |owner: &str| written.iter().flatten().filter(|one| **one == owner).count();
        assert_eq!((of("flood"), of("quiet")), (4096, 1));
        writer.send(row("flood"));
        writer.flush().await;
        assert_eq!(*batches.lock().unwrap(), [["flood"]], "there is room again");
    })
    .await;
}

#[tokio::test]
async fn a_batch_ends_where_it_would_be_too_long() {
    on_sqlite(async |database| {
        let (writer, batches) = (running::<Heavy>(&database).await, Arc::default());
        let rows = [4, 4, 4, 12, 1, 1].map(|bytes| Heavy { bytes, batches: Arc::clone(&batches) });
        for written in futures::future::join_all(rows.map(|row| writer.write(row))).await {
            written.unwrap();
        }
        let written: Vec<_> = batches.lock().unwrap().iter().map(|(bytes, ..)| bytes.clone()).collect();
        assert_eq!(written, [vec![4, 4], vec![4], vec![12], vec![1, 1]]);
    })
    .await;
}

#[tokio::test]
async fn a_rest_follows_a_batch_of_many_and_not_a_row_that_is_alone() {
    on_sqlite(async |database| {
        let (writer, batches) = (running::<Heavy>(&database).await, Arc::default());
        let row = || Heavy { bytes: 6, batches: Arc::clone(&batches) };
        let rests = || {
            let batches: Vec<HeavyBatch> = std::mem::take(&mut *batches.lock().unwrap());
            batches.windows(2).map(|two| two[1].1.duration_since(two[0].2)).collect::<Vec<_>>()
        };
        // Each is a batch, behind which the next one waits.
        for written in futures::future::join_all((0..4).map(|_| writer.write(row()))).await {
            written.unwrap();
        }
        let between = rests();
        assert!(between.len() == 3 && between.iter().all(|rest| *rest >= TAKES * 2), "{between:?}");

        for _ in 0..10 {
            writer.write(row()).await.unwrap();
        }
        let between = rests();
        assert!(between.iter().any(|pause| *pause < TAKES * 2), "{between:?}");
    })
    .await;
}
