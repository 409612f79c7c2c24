//! The message log as those see it who answer messages.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use weft::{
    clock::Clock,
    config::{Config, LogDurability, WebhookConfig},
    message_log::MessageLog,
    model::{App, AppType, MessageLogEntry, Outcome, Via},
    server::{Server, open_store},
    storage::{MessageLogQuery, Store},
};
use weft_wechat::reply::Reply;

use crate::support::{
    PATIENCE,
    database::{START, TestDatabase, on_every_database, on_sqlite},
};

/// A store with an app, and its log, which nobody writes yet.
async fn prepared(database: &TestDatabase, config: WebhookConfig) -> (Store, MessageLog) {
    let store = database.open().await;
    store.apps().insert(&App::new("shop", AppType::Service, "wx1")).await.unwrap();
    let log = MessageLog::new(store.clone(), database.clock.clone(), &config);
    (store, log)
}

fn entry(number: u64) -> MessageLogEntry {
    let reply = Reply::Text(number.to_string());
    MessageLogEntry::outgoing("shop", START * 1000 + number, "fan", &reply, Via::Passive, Outcome::Sent)
}

/// The numbers of the entries that are stored, oldest first.
async fn stored(store: &Store) -> Vec<u64> {
    let found = store.message_logs().search("shop", &MessageLogQuery::default(), None, 100_000).await.unwrap();
    found.iter().rev().map(|found| found.entry.content.parse().unwrap()).collect()
}

#[tokio::test]
async fn what_was_handed_over_is_written_before_the_log_is_closed() {
    on_every_database(async |database| {
        let (store, log) = prepared(&database, WebhookConfig::default()).await;
        (0..1000).for_each(|number| log.record(entry(number)));
        assert_eq!(stored(&store).await, [0; 0], "nobody writes yet");
        let running = tokio::spawn(log.clone().run());
        log.close().await;
        assert_eq!(stored(&store).await, (0..1000).collect::<Vec<_>>());
        running.await.unwrap();
        assert!(log.record_durably(entry(1000)).await.is_err(), "nobody writes any more");
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stops_writes_what_was_logged() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        data_dir: folder.path().join("data"),
        plugins_dir: folder.path().join("plugins"),
        ..Config::default()
    };
    let server = Server::prepare(config.clone(), Clock::system()).await.unwrap();
    let state = server.state().clone();
    state.store.apps().insert(&App::new("shop", AppType::Service, "wx1")).await.unwrap();
    let stop = CancellationToken::new();
    let running = tokio::spawn(server.run(stop.clone()));
    let now = state.clock.now_ms();
    for number in 0..500 {
        state.message_log.record(MessageLogEntry { at: now, ..entry(number) });
    }
    stop.cancel();
    running.await.unwrap();
    let (store, _) = open_store(&config, Clock::system()).await.unwrap();
    assert_eq!(stored(&store).await, (0..500).collect::<Vec<_>>());
    store.close().await;
}

#[tokio::test]
async fn a_log_that_is_not_written_loses_the_newest_and_stops_nobody() {
    on_sqlite(async |database| {
        let (store, log) = prepared(&database, WebhookConfig::default()).await;
        (0..20_000).for_each(|number| log.record(entry(number)));
        tokio::spawn(log.clone().run());
        log.close().await;
        let stored = stored(&store).await;
        assert!((1000..20_000).contains(&stored.len()), "{}", stored.len());
        assert_eq!(stored, (0..stored.len() as u64).collect::<Vec<_>>());
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn raw_texts_that_wait_take_a_bounded_memory() {
    on_sqlite(async |database| {
        let (store, log) = prepared(&database, WebhookConfig::default()).await;
        let raw = "x".repeat(64 << 10);
        (0..1000).for_each(|number| log.record(MessageLogEntry { raw: Some(raw.clone()), ..entry(number) }));
        let running = tokio::spawn(log.clone().run());
        log.record_durably(MessageLogEntry { raw: Some(raw.clone()), ..entry(1000) }).await.unwrap();
        log.record_durably(MessageLogEntry { raw: Some(raw.clone()), ..entry(1001) }).await.unwrap();
        let found = store.message_logs().search("shop", &MessageLogQuery::default(), None, 2000).await.unwrap();
        assert_eq!(found.len(), 1002, "the entries themselves are all there");
        let has_raw = async |at: usize| {
            let found = store.message_logs().find("shop", found[1001 - at].id).await.unwrap().unwrap();
            found.entry.raw.is_some_and(|kept| kept == raw)
        };
        assert!(has_raw(0).await && !has_raw(999).await);
        assert!(has_raw(1001).await, "there is room again");
        log.close().await;
        running.await.unwrap();
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn with_durability_commit_an_entry_is_there_when_the_answer_leaves() {
    on_every_database(async |database| {
        let config = WebhookConfig { log_durability: LogDurability::Commit, ..WebhookConfig::default() };
        let (store, log) = prepared(&database, config).await;
        let unwritten = Instant::now();
        log.record_as_configured(vec![entry(0)]).await;
        assert!(unwritten.elapsed() < Duration::from_secs(4), "a database that hangs silences nobody");

        let running = tokio::spawn(log.clone().run());
        for number in 0..10 {
            log.record_durably(entry(2 * number + 1)).await.unwrap();
            assert!(stored(&store).await.contains(&(2 * number + 1)));
            log.record_as_configured(vec![entry(2 * number + 2), entry(100 + number)]).await;
            let stored = stored(&store).await;
            assert!(stored.contains(&(2 * number + 2)) && stored.contains(&(100 + number)));
        }
        log.close().await;
        running.await.unwrap();
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn with_durability_behind_no_answer_waits() {
    on_every_database(async |database| {
        let (store, log) = prepared(&database, WebhookConfig::default()).await;
        // Nobody writes: waiting would not end.
        log.record_as_configured(vec![entry(0), entry(1)]).await;
        assert_eq!(stored(&store).await, [0; 0]);
        tokio::spawn(log.clone().run());
        let deadline = Instant::now() + PATIENCE;
        while stored(&store).await != [0, 1] {
            assert!(Instant::now() < deadline, "written within milliseconds, without anybody asking");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        log.close().await;
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn entries_end_after_the_days_that_the_operator_says() {
    on_every_database(async |database| {
        let config = WebhookConfig { log_retention_days: 1, ..WebhookConfig::default() };
        let (store, log) = prepared(&database, config.clone()).await;
        let now = database.clock.now_ms();
        let hours = |hours: u64| now - hours * 60 * 60 * 1000;
        log.record(MessageLogEntry { at: hours(25), ..entry(0) });
        log.record(MessageLogEntry { at: hours(23), ..entry(1) });
        let running = tokio::spawn(log.clone().run());
        log.close().await;
        running.await.unwrap();

        // It looks when it begins.
        let log = MessageLog::new(store.clone(), database.clock.clone(), &config);
        let running = tokio::spawn(log.clone().run());
        let deadline = Instant::now() + PATIENCE;
        while stored(&store).await != [1] {
            assert!(Instant::now() < deadline);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        log.close().await;
        running.await.unwrap();
        store.close().await;
    })
    .await;
}
