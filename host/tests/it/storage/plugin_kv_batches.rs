//! Key-value stores into which many write at once. What is handed over before the writer runs is written in one batch, as
//! far as it has room there; each write is told of itself, as if it were alone.

use std::time::Duration;

use futures::future::{join, join_all};
use weft::storage::{KvEntry, KvError, KvQuota, KvWrite, Store, StoreError};

use super::add_app;
use crate::support::database::{TestDatabase, on_every_database};

const QUOTA: KvQuota = KvQuota { max_value_bytes: 8 << 20, max_keys: 5000, max_total_bytes: 64 << 20 };

async fn with_apps(database: &TestDatabase, apps: &[&str]) -> Store {
    let store = database.open().await;
    for app in apps {
        add_app(&store, app).await;
    }
    store
}

async fn set(store: &Store, app: &str, key: &str, value: &[u8], quota: &KvQuota) -> Result<u64, KvError> {
    store.plugin_kv().set(app, "p", KvWrite { key, value, ttl_seconds: None }, quota).await
}

/// Writes `number` if the lock is at the version `expected`.
async fn take(store: &Store, expected: Option<u64>, number: u8) -> Result<u64, KvError> {
    let write = KvWrite { key: "lock", value: &[number], ttl_seconds: None };
    store.plugin_kv().compare_and_set("shop", "p", expected, write, &QUOTA).await
}

async fn get(store: &Store, app: &str, key: &str) -> Option<KvEntry> {
    store.plugin_kv().get(app, "p", key).await.unwrap()
}

fn keys(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("key{number:04}")).collect()
}

#[tokio::test]
async fn writes_of_one_key_have_versions_of_their_own_and_the_last_one_stays() {
    on_every_database(async |database| {
        let store = with_apps(&database, &["shop"]).await;
        let values: Vec<[u8; 1]> = (0..20).map(|value| [value]).collect();
        let setting = values.iter().map(|value| set(&store, "shop", "key", value, &QUOTA));
        let mut versions: Vec<u64> = join_all(setting).await.into_iter().map(Result::unwrap).collect();
        let (version, value) = versions.iter().zip(&values).max().unwrap();
        let last = KvEntry { value: value.to_vec(), version: *version };
        assert_eq!(get(&store, "shop", "key").await, Some(last));
        versions.sort_unstable();
        versions.dedup();
        assert_eq!(versions.len(), 20);
        // They are one key.
        let one = KvQuota { max_keys: 1, max_total_bytes: 4, ..QUOTA };
        set(&store, "shop", "key", b"1", &one).await.unwrap();
        assert!(matches!(set(&store, "shop", "other", b"", &one).await, Err(KvError::TooManyKeys(1))));
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn of_those_who_expect_the_same_version_one_wins() {
    on_every_database(async |database| {
        let store = with_apps(&database, &["shop"]).await;
        let mut expected = None;
        for _ in 0..3 {
            let outcomes = join_all((0..20).map(|number| take(&store, expected, number))).await;
            let lost = outcomes.iter().filter(|outcome| matches!(outcome, Err(KvError::Conflict))).count();
            assert_eq!(lost, 19, "{outcomes:?}");
            let winner = outcomes.iter().position(Result::is_ok).unwrap();
            let entry = get(&store, "shop", "lock").await.unwrap();
            assert_eq!(entry.value, [u8::try_from(winner).unwrap()]);
            assert_eq!(outcomes[winner].as_ref().ok(), Some(&entry.version));
            expected = Some(entry.version);
        }
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_key_may_be_deleted_and_written_at_once() {
    on_every_database(async |database| {
        let store = with_apps(&database, &["shop"]).await;
        for _ in 0..5 {
            let (deleted, written) =
                join(store.plugin_kv().delete("shop", "p", "key"), set(&store, "shop", "key", b"new", &QUOTA)).await;
            let (was_there, version) = (deleted.unwrap(), written.unwrap());
            let left = get(&store, "shop", "key").await;
            assert!(left.as_ref().is_none_or(|entry| entry.version == version), "{left:?}");
            assert!(left.is_some() || was_there);
        }
        store.plugin_kv().delete("shop", "p", "key").await.unwrap();
        let one = KvQuota { max_keys: 1, max_total_bytes: 5, ..QUOTA };
        set(&store, "shop", "other", b"", &one).await.unwrap();
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_quota_that_is_reached_refuses_those_who_come_later_alone() {
    on_every_database(async |database| {
        let store = with_apps(&database, &["shop", "blog"]).await;
        let keys = keys(20);
        let few = KvQuota { max_keys: 5, ..QUOTA };
        let setting = keys.iter().flat_map(|key| ["shop", "blog"].map(|app| (app, key)));
        let setting = setting.map(|(app, key)| set(&store, app, key, b"", if app == "shop" { &few } else { &QUOTA }));
        let outcomes = join_all(setting).await;
        let (of_shop, of_blog): (Vec<_>, Vec<_>) = (0..).zip(outcomes).partition(|(number, _)| number % 2 == 0);
        let written = of_shop.iter().filter(|(_, outcome)| outcome.is_ok()).count();
        let refused = of_shop.iter().filter(|(_, outcome)| matches!(outcome, Err(KvError::TooManyKeys(5)))).count();
        assert_eq!((written, refused), (5, 15));
        assert!(of_blog.iter().all(|(_, outcome)| outcome.is_ok()), "{of_blog:?}");

        // Each is 107 bytes: there is room for one more, and no second.
        let short = KvQuota { max_total_bytes: 5 * 7 + 107, ..QUOTA };
        let setting = keys.iter().rev().take(5).map(|key| set(&store, "shop", key, &[0; 100], &short));
        let outcomes = join_all(setting).await;
        let written = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        let refused = outcomes.iter().filter(|outcome| matches!(outcome, Err(KvError::TotalTooLong(_)))).count();
        assert_eq!((written, refused), (1, 4), "{outcomes:?}");
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_over_makes_room_for_all_who_come_at_once() {
    on_every_database(async |database| {
        let store = with_apps(&database, &["shop"]).await;
        let (keys, quota) = (keys(12), KvQuota { max_keys: 6, ..QUOTA });
        for key in &keys[..6] {
            let write = KvWrite { key, value: b"old", ttl_seconds: Some(1) };
            store.plugin_kv().set("shop", "p", write, &quota).await.unwrap();
        }
        database.clock.advance(Duration::from_secs(1));
        // Three of the keys are among those that are over.
        let setting = keys[3..].iter().map(|key| set(&store, "shop", key, b"new", &quota));
        let outcomes = join_all(setting).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 6, "{outcomes:?}");
        let kept = store.plugin_kv().keys("shop", "p", "", None, 100).await.unwrap().keys;
        assert_eq!(kept.len(), 6);
        let full = set(&store, "shop", "one more", b"", &quota).await;
        assert!(matches!(full, Err(KvError::TooManyKeys(6))), "{full:?}");
        store.close().await;
    })
    .await;
}

/// So many entries whose time is over.
async fn with_what_is_over(database: &TestDatabase, entries: usize) -> Store {
    let store = with_apps(database, &["shop"]).await;
    let keys = keys(entries);
    let kv = store.plugin_kv();
    let setting = keys.iter().map(|key| {
        let write = KvWrite { key, value: b"123", ttl_seconds: Some(1) };
        kv.set("shop", "p", write, &QUOTA)
    });
    for outcome in join_all(setting).await {
        outcome.unwrap();
    }
    database.clock.advance(Duration::from_secs(1));
    store
}

#[tokio::test]
async fn who_needs_room_has_some_of_what_is_over_removed_and_not_all_at_once() {
    on_every_database(async |database| {
        let store = with_what_is_over(&database, 1500).await;
        set(&store, "shop", "new", b"", &KvQuota { max_keys: 1500, ..QUOTA }).await.unwrap();
        assert_eq!(store.plugin_kv().purge_expired(10_000).await.unwrap(), 1500 - 512);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn who_needs_more_room_than_is_made_at_once_has_the_write_tried_again() {
    on_every_database(async |database| {
        let store = with_what_is_over(&database, 1500).await;
        // Ten bytes each.
        let quota = KvQuota { max_total_bytes: 15_000, ..QUOTA };
        set(&store, "shop", "new", &[0; 14_000], &quota).await.unwrap();
        let full = set(&store, "shop", "more", &[0; 2000], &quota).await;
        assert!(matches!(full, Err(KvError::TotalTooLong(15_000))), "{full:?}");
        assert_eq!(store.plugin_kv().keys("shop", "p", "", None, 10).await.unwrap().keys, ["new"]);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn an_app_that_is_gone_fails_its_own_writes_alone() {
    on_every_database(async |database| {
        let store = with_apps(&database, &["blog", "gone", "shop"]).await;
        set(&store, "gone", "key", b"", &QUOTA).await.unwrap();
        store.apps().delete("gone").await.unwrap();
        let apps = ["shop", "gone", "blog", "gone", "never", "shop"];
        let keys = keys(apps.len());
        let setting = apps.iter().zip(&keys).map(|(app, key)| set(&store, app, key, key.as_bytes(), &QUOTA));
        let kv = store.plugin_kv();
        let (outcomes, deleted) = join(join_all(setting), kv.delete("gone", "p", "key")).await;
        assert!(!deleted.unwrap());
        for ((app, key), outcome) in apps.iter().zip(&keys).zip(outcomes) {
            match outcome {
                Ok(version) => {
                    assert!(["blog", "shop"].contains(app), "{app}");
                    let entry = KvEntry { value: key.clone().into_bytes(), version };
                    assert_eq!(get(&store, app, key).await, Some(entry));
                }
                Err(KvError::Store(StoreError::NotFound { kind: "app", name })) => {
                    assert!(name == *app && ["gone", "never"].contains(app), "{app}");
                }
                Err(error) => panic!("{app}: {error:?}"),
            }
        }
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn values_are_kept_to_the_byte_however_long_they_are_together() {
    const MIB: usize = 1 << 20;
    on_every_database(async |database| {
        let store = with_apps(&database, &["blog", "shop"]).await;
        let sizes = [0, 1, 3 * MIB, 5 * MIB, 0, 2 * MIB, 70_000];
        let values: Vec<Vec<u8>> = (1_u8..).zip(sizes).map(|(byte, size)| vec![byte; size]).collect();
        let keys = keys(sizes.len());
        let entries = || keys.iter().zip(&values).flat_map(|entry| ["blog", "shop"].map(|app| (app, entry)));
        for written in join_all(entries().map(|(app, (key, value))| set(&store, app, key, value, &QUOTA))).await {
            written.unwrap();
        }
        for (app, (key, value)) in entries() {
            let entry = get(&store, app, key).await.unwrap();
            assert!(entry.value == *value, "{app} {key}: {} bytes", entry.value.len());
        }
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_writers_in_two_processes_keep_the_totals_exact() {
    const APPS: [&str; 4] = ["blog", "club", "mall", "shop"];
    on_every_database(async |database| {
        let stores = [with_apps(&database, &APPS).await, database.open().await];
        let keys = keys(1000);
        let writing = keys.iter().enumerate().map(|(number, key)| {
            let (store, app, key) = (stores[number % 2].clone(), APPS[number % 4], key.clone());
            tokio::spawn(async move {
                set(&store, app, &key, &vec![0; number % 7], &QUOTA).await.unwrap();
                if number.is_multiple_of(3) {
                    assert!(store.plugin_kv().delete(app, "p", &key).await.unwrap());
                }
            })
        });
        for outcome in join_all(writing.collect::<Vec<_>>()).await {
            outcome.unwrap();
        }
        for (place, app) in APPS.into_iter().enumerate() {
            let kept = (0..1000_usize).filter(|number| number % 4 == place && !number.is_multiple_of(3));
            let (count, bytes) = kept.fold((0, 0), |(count, bytes), number| (count + 1, bytes + 7 + number as u64 % 7));
            let too_few = KvQuota { max_keys: count, ..QUOTA };
            let too_short = KvQuota { max_total_bytes: bytes, ..QUOTA };
            let enough = KvQuota { max_keys: count + 1, max_total_bytes: bytes + 1, ..QUOTA };
            let add = async |quota: KvQuota| set(&stores[0], app, "x", b"", &quota).await;
            assert!(matches!(add(too_few).await, Err(KvError::TooManyKeys(_))), "{app}");
            assert!(matches!(add(too_short).await, Err(KvError::TotalTooLong(_))), "{app}");
            add(enough).await.unwrap();
        }
        for store in stores {
            store.close().await;
        }
    })
    .await;
}
