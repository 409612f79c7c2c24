//! Table `delivery_answers`: what the next start reads.

use std::time::Duration;

use bytes::Bytes;
use sqlx::{Connection, SqliteConnection};
use weft::storage::{BatchRow, DeliveryAnswer, DeliveryKey, Store, StoreError};

use crate::support::database::on_sqlite;

fn answer(text: &str, answer: Option<&'static [u8]>) -> DeliveryAnswer {
    DeliveryAnswer { key: DeliveryKey::of(text), answer: answer.map(Bytes::from_static) }
}

async fn write(store: &Store, answers: &[DeliveryAnswer]) {
    DeliveryAnswer::write(store, answers).await.unwrap();
}

async fn recent(store: &Store, limit: usize) -> Vec<(DeliveryKey, Option<Bytes>)> {
    store.delivery_answers().recent(60, limit).await.unwrap()
}

#[tokio::test]
async fn a_start_reads_the_answers_of_the_last_minute_to_the_byte() {
    on_sqlite(async |database| {
        let store = database.open().await;
        write(&store, &[answer("a", Some(b"\0\xff <xml>'")), answer("b", None), answer("c", Some(b""))]).await;
        write(&store, &[answer("d", Some(b"later"))]).await;
        store.close().await;
        let store = database.open().await;
        let expected = [("d", Some(&b"later"[..])), ("a", Some(b"\0\xff <xml>'")), ("b", None), ("c", Some(b""))];
        let expected = expected.map(|(text, answer)| (DeliveryKey::of(text), answer.map(Bytes::from_static)));
        assert_eq!(recent(&store, 100).await, expected);
        // Who wants fewer gets the latest, by whole batches.
        assert_eq!(recent(&store, 1).await, expected[..1]);
        database.clock.advance(Duration::from_secs(61));
        assert_eq!(recent(&store, 100).await, []);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn old_answers_are_deleted_in_small_steps() {
    on_sqlite(async |database| {
        let store = database.open().await;
        for number in 0..20 {
            write(&store, &[answer(&number.to_string(), None)]).await;
        }
        assert!(!store.delivery_answers().prune().await.unwrap());
        database.clock.advance(Duration::from_secs(121));
        write(&store, &[answer("young", None)]).await;
        assert!(store.delivery_answers().prune().await.unwrap());
        assert!(!store.delivery_answers().prune().await.unwrap());
        assert_eq!(store.delivery_answers().recent(1000, 100).await.unwrap().len(), 1);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_no_answer_is_reported() {
    on_sqlite(async |database| {
        let store = database.open().await;
        write(&store, &[answer("a", Some(b"whole"))]).await;
        let mut connection = SqliteConnection::connect(&database.url.to_string()).await.unwrap();
        sqlx::query("UPDATE delivery_answers SET answers = substr(answers, 1, 38)")
            .execute(&mut connection)
            .await
            .unwrap();
        let error = store.delivery_answers().recent(60, 10).await.unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
        store.close().await;
    })
    .await;
}
