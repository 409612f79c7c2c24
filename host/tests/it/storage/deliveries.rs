//! Table `deliveries`, and who is alive in `processes`.

use std::time::Duration;

use bytes::Bytes;
use sqlx::Connection;
use weft::storage::{
    BatchError, BatchRow, BatchWriter, DeliveryAnswer, DeliveryClaim, DeliveryKey, DeliveryState, LateAnswer, Store,
};

use crate::support::database::on_postgres;

fn key(text: &str) -> DeliveryKey {
    DeliveryKey::of(text)
}

async fn answer(store: &Store, text: &str, answer: Option<&'static [u8]>) {
    let row = DeliveryAnswer { key: key(text), answer: answer.map(Bytes::from_static) };
    DeliveryAnswer::write(store, &[row]).await.unwrap();
}

async fn state(store: &Store, text: &str) -> Option<DeliveryState> {
    store.deliveries().state(key(text)).await.unwrap()
}

async fn claim(store: &Store, texts: &[&str]) -> Vec<bool> {
    let claims: Vec<_> = texts.iter().map(|text| DeliveryClaim(key(text))).collect();
    DeliveryClaim::write(store, &claims).await.unwrap()
}

fn answered(bytes: &'static [u8]) -> DeliveryState {
    DeliveryState::Answered(Some(Bytes::from_static(bytes)))
}

async fn late(store: &Store, text: &str, answer: &[u8]) -> LateAnswer {
    store.deliveries().answer_unless_late(key(text), Some(answer)).await.unwrap()
}

#[tokio::test]
async fn whether_an_answer_was_late_is_told_as_often_as_it_is_asked() {
    on_postgres(async |database| {
        let (one, two) = (database.open().await, database.open().await);
        claim(&one, &["waited for", "given up"]).await;
        assert_eq!(two.deliveries().give_up(key("given up")).await.unwrap(), None);
        for _ in 0..2 {
            assert_eq!(late(&one, "waited for", b"one's").await, LateAnswer::InTime);
            assert_eq!(late(&one, "given up", b"one's").await, LateAnswer::GivenUp);
            assert_eq!(late(&one, "never claimed", b"one's").await, LateAnswer::InTime);
        }
        assert_eq!(late(&one, "waited for", b"another").await, LateAnswer::InTime);
        for text in ["waited for", "never claimed"] {
            assert_eq!(state(&two, text).await, Some(answered(b"one's")));
            assert_eq!(two.deliveries().give_up(key(text)).await.unwrap(), Some(Some(Bytes::from_static(b"one's"))));
            assert_eq!(late(&one, text, b"one's").await, LateAnswer::InTime, "that came before");
        }
        assert_eq!(state(&two, "given up").await, Some(DeliveryState::Answered(None)));
        assert_eq!(late(&two, "given up", b"two's").await, LateAnswer::TakenOver, "it is another's");
        one.close().await;
        two.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_the_database_does_not_end_holds_up_others_for_a_while_only() {
    on_postgres(async |database| {
        let mut admin = database.postgres().await;
        let store = database.open().await;
        let claims = BatchWriter::new(store.clone());
        let writing = tokio::spawn(claims.clone().run());
        let mut locked = admin.begin().await.unwrap();
        sqlx::query("LOCK TABLE deliveries").execute(&mut *locked).await.unwrap();
        let hangs = tokio::time::timeout(Duration::from_secs(13), claims.write(DeliveryClaim(key("hangs")))).await;
        assert!(matches!(hangs, Ok(Err(BatchError::TimedOut(_)))), "{hangs:?}");
        locked.rollback().await.unwrap();
        assert!(claims.write(DeliveryClaim(key("next"))).await.unwrap());
        claims.close().await;
        writing.await.unwrap();
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn an_answer_is_kept_to_the_byte_and_nothing_is_an_answer_too() {
    on_postgres(async |database| {
        let store = database.open().await;
        assert_eq!(state(&store, "a").await, None);
        answer(&store, "a", Some(b"\0\xff <xml>'")).await;
        answer(&store, "b", None).await;
        answer(&store, "c", Some(b"")).await;
        assert_eq!(state(&store, "a").await, Some(answered(b"\0\xff <xml>'")));
        assert_eq!(state(&store, "b").await, Some(DeliveryState::Answered(None)));
        assert_eq!(state(&store, "c").await, Some(answered(b"")));
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn many_answers_are_one_write_and_the_first_answer_stays() {
    on_postgres(async |database| {
        let store = database.open().await;
        let text = |number: usize| format!("{number}");
        let rows: Vec<_> = (0..256)
            .chain([7, 7])
            .map(|number| DeliveryAnswer { key: key(&text(number)), answer: Some(Bytes::from(text(number))) })
            .collect();
        assert_eq!(DeliveryAnswer::write(&store, &rows).await.unwrap().len(), 258);
        answer(&store, "7", Some(b"another")).await;
        assert_eq!(state(&store, "7").await, Some(answered(b"7")));
        assert_eq!(state(&store, "255").await, Some(answered(b"255")));
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn old_deliveries_are_deleted_and_no_more_at_once_than_asked() {
    on_postgres(async |database| {
        let store = database.open().await;
        for text in ["a", "b", "c"] {
            answer(&store, text, None).await;
        }
        database.clock.advance(Duration::from_mins(10));
        answer(&store, "young", None).await;
        assert_eq!(store.deliveries().prune(10).await.unwrap(), 0);
        database.clock.advance(Duration::from_secs(1));
        assert_eq!(store.deliveries().prune(2).await.unwrap(), 2);
        assert_eq!(store.deliveries().prune(2).await.unwrap(), 1);
        assert_eq!(store.deliveries().prune(2).await.unwrap(), 0);
        assert!(state(&store, "young").await.is_some());
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn one_of_two_processes_gets_a_claim_and_the_other_sees_whose_it_is() {
    on_postgres(async |database| {
        let (one, two) = (database.open().await, database.open().await);
        for store in [&one, &two] {
            store.processes().show().await.unwrap();
        }
        assert_eq!(claim(&one, &["a", "b", "a"]).await, [true, true, false]);
        assert_eq!(claim(&two, &["c", "b"]).await, [true, false]);
        let Some(DeliveryState::Runs { owner }) = state(&two, "a").await else { panic!() };
        assert!(!two.deliveries().take_over(key("a"), "another").await.unwrap());

        answer(&two, "a", Some(b"not its own")).await;
        assert_eq!(state(&two, "a").await, Some(DeliveryState::Runs { owner: owner.clone() }));
        answer(&one, "a", Some(b"one's")).await;
        assert_eq!(state(&two, "a").await, Some(answered(b"one's")));
        assert!(!two.deliveries().take_over(key("a"), &owner).await.unwrap());

        one.processes().withdraw().await.unwrap();
        assert_eq!(state(&two, "b").await, Some(DeliveryState::Orphaned { owner: owner.clone() }));
        assert!(two.deliveries().take_over(key("b"), &owner).await.unwrap());
        assert!(!two.deliveries().take_over(key("b"), &owner).await.unwrap());
        assert_eq!(state(&two, "b").await, Some(DeliveryState::Own));
        assert_eq!(late(&one, "b", b"too late").await, LateAnswer::TakenOver);
        answer(&one, "b", Some(b"too late")).await;
        answer(&two, "b", Some(b"two's")).await;
        assert_eq!(state(&one, "b").await, Some(answered(b"two's")));
        for store in [one, two] {
            store.processes().prune().await.unwrap();
            store.close().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_claim_the_same_at_once_do_not_lock_each_other_out() {
    on_postgres(async |database| {
        let (one, two) = (database.open().await, database.open().await);
        let texts: Vec<String> = (0..200).map(|number| number.to_string()).collect();
        let forth: Vec<&str> = texts.iter().map(String::as_str).collect();
        let back: Vec<&str> = forth.iter().rev().copied().collect();
        for round in 0..10 {
            let (mut ones, twos) = tokio::join!(claim(&one, &forth), claim(&two, &back));
            ones.reverse();
            let fresh = ones.iter().zip(&twos).filter(|(one, two)| **one != **two).count();
            assert_eq!(fresh, if round == 0 { 200 } else { 0 });
        }
        one.close().await;
        two.close().await;
    })
    .await;
}
