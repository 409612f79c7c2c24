//! Rows of many tasks, written together.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
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

async fn running<const GATHER_MS: u64>(database: &TestDatabase) -> BatchWriter<Row<GATHER_MS>> {
    let writer = BatchWriter::new(database.open().await);
    tokio::spawn(writer.clone().run());
    writer
}

#[tokio::test]
async fn rows_that_come_while_a_batch_is_written_are_the_next_batch() {
    on_sqlite(async |database| {
        let (writer, book) = (running::<0>(&database).await, Book::new(0));
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
        let (writer, book) = (running::<0>(&database).await, Book::new(100));
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
        let (writer, book) = (running::<0>(&database).await, Book::new(100));
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
        let (writer, book) = (running::<60_000>(&database).await, Book::new(100));
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
        let (writer, book) = (running::<0>(&database).await, Book::new(100));
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
        let (writer, book) = (running::<20>(&database).await, Book::new(100));
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
        let (writer, book) = (running::<0>(&database).await, Book::new(0));
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
