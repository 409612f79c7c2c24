//! Tables `plugin_kv` and `plugin_kv_totals`: what `wit/kv.wit` promises to plugins.

use std::time::Duration;

use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use weft::{
    clock::Clock,
    storage::{KvError, KvQuota, KvWrite, Store, StoreError},
};

use super::add_app;
use crate::support::{
    TestApp,
    database::{START, TestDatabase, on_every_database},
    until,
};

const QUOTA: KvQuota = KvQuota { max_value_bytes: 1000, max_keys: 5000, max_total_bytes: 1_000_000 };

/// One plugin in one app.
struct Kv {
    store: Store,
    quota: KvQuota,
}

impl Kv {
    async fn open(database: &TestDatabase, quota: KvQuota) -> Self {
        let store = database.open().await;
        add_app(&store, "shop").await;
        Self { store, quota }
    }

    async fn set(&self, key: &str, value: &[u8], ttl_seconds: Option<u32>) -> Result<u64, KvError> {
        self.store.plugin_kv().set("shop", "p", KvWrite { key, value, ttl_seconds }, &self.quota).await
    }

    async fn compare_and_set(&self, key: &str, expected: Option<u64>, value: &[u8]) -> Result<u64, KvError> {
        let write = KvWrite { key, value, ttl_seconds: None };
        self.store.plugin_kv().compare_and_set("shop", "p", expected, write, &self.quota).await
    }

    async fn get(&self, key: &str) -> Option<(Vec<u8>, u64)> {
        self.store.plugin_kv().get("shop", "p", key).await.unwrap().map(|entry| (entry.value, entry.version))
    }

    async fn delete(&self, key: &str) -> bool {
        self.store.plugin_kv().delete("shop", "p", key).await.unwrap()
    }

    async fn keys(&self, prefix: &str, after: Option<&str>, limit: u32) -> Vec<String> {
        self.store.plugin_kv().keys("shop", "p", prefix, after, limit).await.unwrap().keys
    }
}

#[tokio::test]
async fn a_value_reads_back_with_the_version_of_its_write() {
    on_every_database(async |database| {
        let kv = Kv::open(&database, QUOTA).await;
        assert_eq!(kv.get("key").await, None);
        let first = kv.set("key", b"\0\xff", None).await.unwrap();
        assert_eq!(kv.get("key").await, Some((b"\0\xff".to_vec(), first)));
        let second = kv.set("key", b"", None).await.unwrap();
        assert!(second > first);
        assert_eq!(kv.get("key").await, Some((Vec::new(), second)));
        assert!(kv.delete("key").await);
        assert!(!kv.delete("key").await);
        assert_eq!(kv.get("key").await, None);
        kv.store.close().await;
    })
    .await;
}

#[tokio::test]
async fn plugins_and_apps_do_not_see_each_other() {
    on_every_database(async |database| {
        let kv = Kv::open(&database, QUOTA).await;
        add_app(&kv.store, "blog").await;
        kv.set("key", b"mine", None).await.unwrap();
        for (app, plugin) in [("shop", "q"), ("blog", "p"), ("shop", ""), ("none", "p")] {
            let others = kv.store.plugin_kv();
            assert_eq!(others.get(app, plugin, "key").await.unwrap(), None);
            assert_eq!(others.keys(app, plugin, "", None, 10).await.unwrap().keys, [""; 0]);
            assert!(!others.delete(app, plugin, "key").await.unwrap());
        }
        assert!(kv.get("key").await.is_some());
        kv.store.close().await;
    })
    .await;
}

#[tokio::test]
async fn compare_and_set_writes_only_at_the_expected_version() {
    on_every_database(async |database| {
        let kv = Kv::open(&database, QUOTA).await;
        assert!(matches!(kv.compare_and_set("key", Some(1), b"a").await, Err(KvError::Conflict)));
        let first = kv.compare_and_set("key", None, b"a").await.unwrap();
        assert!(matches!(kv.compare_and_set("key", None, b"b").await, Err(KvError::Conflict)));
        assert!(matches!(kv.compare_and_set("key", Some(first + 1), b"b").await, Err(KvError::Conflict)));
        assert_eq!(kv.get("key").await, Some((b"a".to_vec(), first)));
        let second = kv.compare_and_set("key", Some(first), b"b").await.unwrap();
        assert!(matches!(kv.compare_and_set("key", Some(first), b"c").await, Err(KvError::Conflict)));
        assert_eq!(kv.get("key").await, Some((b"b".to_vec(), second)));
        kv.store.close().await;
    })
    .await;
}

#[tokio::test]
async fn no_version_comes_twice_for_a_key_whatever_happens_to_it() {
    on_every_database(async |database| {
        let kv = Kv::open(&database, QUOTA).await;
        let mut versions = vec![kv.set("key", b"", None).await.unwrap()];
        kv.delete("key").await;
        versions.push(kv.set("key", b"", Some(1)).await.unwrap());
        database.clock.advance(Duration::from_secs(1));
        versions.push(kv.compare_and_set("key", None, b"").await.unwrap());
        kv.set("key", b"", Some(1)).await.unwrap();
        database.clock.advance(Duration::from_secs(1));
        assert_eq!(kv.store.plugin_kv().purge_expired(10).await.unwrap(), 1);
        versions.push(kv.set("key", b"", None).await.unwrap());
        // Not even when the app goes and comes again.
        kv.store.apps().delete("shop").await.unwrap();
        add_app(&kv.store, "shop").await;
        assert_eq!(kv.get("key").await, None);
        versions.push(kv.set("key", b"", None).await.unwrap());
        assert!(versions.windows(2).all(|pair| pair[0] < pair[1]), "{versions:?}");
        kv.store.close().await;
    })
    .await;
}

#[tokio::test]
async fn an_entry_is_gone_when_its_time_is_over() {
    on_every_database(async |database| {
        let kv = Kv::open(&database, QUOTA).await;
        kv.set("brief", b"", Some(10)).await.unwrap();
        kv.set("longer", b"", Some(u32::MAX)).await.unwrap();
        kv.set("changed", b"", Some(10)).await.unwrap();
        kv.set("changed", b"", None).await.unwrap();
        database.clock.advance(Duration::from_secs(9));
        assert_eq!(kv.keys("", None, 10).await, ["brief", "changed", "longer"]);
        database.clock.advance(Duration::from_secs(1));
        assert_eq!(kv.get("brief").await, None);
        assert_eq!(kv.keys("", None, 10).await, ["changed", "longer"]);
        assert!(!kv.delete("brief").await);
        kv.set("never", b"", Some(0)).await.unwrap();
        assert_eq!(kv.get("never").await, None);
        kv.store.close().await;
    })
    .await;
}

#[tokio::test]
async fn purging_removes_what_is_over_and_no_more_than_asked() {
    on_every_database(async |database| {
        let kv = Kv::open(&database, KvQuota { max_keys: 6, ..QUOTA }).await;
        kv.set("stays", b"", None).await.unwrap();
        for number in 0..5 {
            kv.set(&format!("key{number}"), b"", Some(1)).await.unwrap();
        }
        let other = KvWrite { key: "key", value: b"", ttl_seconds: Some(1) };
        kv.store.plugin_kv().set("shop", "q", other, &QUOTA).await.unwrap();
        let purge = async |limit| kv.store.plugin_kv().purge_expired(limit).await.unwrap();
        assert_eq!(purge(100).await, 0);
        database.clock.advance(Duration::from_secs(1));
        assert_eq!(purge(0).await, 0);
        assert_eq!(purge(2).await, 2);
        assert_eq!(purge(100).await, 4);
        assert_eq!(purge(100).await, 0);
        assert_eq!(kv.keys("", None, 10).await, ["stays"]);
        for number in 0..5 {
            kv.set(&format!("new{number}"), b"", None).await.unwrap();
        }
        assert!(matches!(kv.set("new5", b"", None).await, Err(KvError::TooManyKeys(6))));
        kv.store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_deletes_what_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let (data, clock) = (folder.path().join("data"), Clock::manual(START));
    let open = async || TestApp::start_at(clock.clone(), |config| config.data_dir.clone_from(&data)).await;
    let app = open().await;
    add_app(&app.state.store, "shop").await;
    for (key, ttl_seconds) in [("stays", None), ("goes", Some(1))] {
        let write = KvWrite { key, value: b"", ttl_seconds };
        app.state.store.plugin_kv().set("shop", "p", write, &QUOTA).await.unwrap();
    }
    app.stop().await;
    clock.advance(Duration::from_secs(1));
    let app = open().await;
    let database = SqliteConnectOptions::new().filename(data.join("weft.db"));
    until("it is deleted", async || {
        let mut connection = SqliteConnection::connect_with(&database).await.unwrap();
        let keys = sqlx::query_scalar("SELECT key FROM plugin_kv").fetch_all(&mut connection).await;
        let keys: Vec<String> = keys.unwrap();
        (keys == ["stays"]).then_some(())
    })
    .await;
    app.stop().await;
}

#[tokio::test]
async fn the_quota_holds_for_values_keys_and_everything_together() {
    on_every_database(async |database| {
        let quota = KvQuota { max_value_bytes: 10, max_keys: 3, max_total_bytes: 25 };
        let kv = Kv::open(&database, quota).await;
        kv.set("a", &[0; 10], None).await.unwrap();
        assert!(matches!(kv.set("a", &[0; 11], None).await, Err(KvError::ValueTooLong(10))));
        kv.set("b", &[0; 10], None).await.unwrap();
        assert!(matches!(kv.set("c", &[0; 3], None).await, Err(KvError::TotalTooLong(25))));
        assert_eq!(kv.get("c").await, None);
        kv.set("c", &[0; 2], None).await.unwrap();
        assert!(matches!(kv.set("d", &[], None).await, Err(KvError::TooManyKeys(3))));
        // Overwriting counts the difference, deleting gives room.
        kv.set("a", &[1; 10], None).await.unwrap();
        kv.delete("b").await;
        kv.set("d", &[0; 10], None).await.unwrap();
        kv.store.close().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_over_makes_room_for_what_comes() {
    on_every_database(async |database| {
        let quota = KvQuota { max_value_bytes: 10, max_keys: 2, max_total_bytes: 22 };
        let kv = Kv::open(&database, quota).await;
        kv.set("a", &[0; 10], Some(1)).await.unwrap();
        kv.set("b", &[0; 10], Some(2)).await.unwrap();
        database.clock.advance(Duration::from_secs(1));
        kv.set("c", &[0; 10], None).await.unwrap();
        assert!(matches!(kv.set("d", &[], None).await, Err(KvError::TooManyKeys(2))));
        database.clock.advance(Duration::from_secs(1));
        // The key itself is over and counts once.
        kv.set("b", &[0; 10], None).await.unwrap();
        assert!(matches!(kv.set("d", &[], None).await, Err(KvError::TooManyKeys(2))));
        assert_eq!(kv.keys("", None, 10).await, ["b", "c"]);
        kv.store.close().await;
    })
    .await;
}

#[tokio::test]
async fn an_app_that_is_deleted_and_made_again_begins_with_an_empty_store() {
    on_every_database(async |database| {
        let quota = KvQuota { max_value_bytes: 10, max_keys: 1, max_total_bytes: 11 };
        let kv = Kv::open(&database, quota).await;
        kv.set("a", &[0; 10], None).await.unwrap();
        kv.store.apps().delete("shop").await.unwrap();
        add_app(&kv.store, "shop").await;
        assert_eq!(kv.keys("", None, 10).await, [""; 0]);
        kv.set("b", &[0; 10], None).await.unwrap();
        kv.store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_lowered_quota_lets_values_shrink() {
    on_every_database(async |database| {
        let mut kv = Kv::open(&database, QUOTA).await;
        for key in ["a", "b"] {
            kv.set(key, &[0; 10], None).await.unwrap();
        }
        kv.quota = KvQuota { max_value_bytes: 10, max_keys: 1, max_total_bytes: 5 };
        kv.set("a", &[0; 9], None).await.unwrap();
        assert!(matches!(kv.set("a", &[0; 10], None).await, Err(KvError::TotalTooLong(5))));
        assert!(matches!(kv.set("c", &[], None).await, Err(KvError::TooManyKeys(1))));
        kv.store.close().await;
    })
    .await;
}

#[tokio::test]
async fn keys_are_listed_by_prefix_in_the_order_of_their_bytes() {
    on_every_database(async |database| {
        let kv = Kv::open(&database, QUOTA).await;
        let sorted =
            ["A", "_", "a", "a%", "a/1", "a/10", "a/2", "a/é", "a/店", "a/\u{10ffff}", "a/\u{10ffff}b", "a0", "b"];
        for key in sorted.iter().rev() {
            kv.set(key, b"", None).await.unwrap();
        }
        assert_eq!(kv.keys("", None, 100).await, sorted);
        assert_eq!(kv.keys("a/", None, 100).await, sorted[4..11]);
        assert_eq!(kv.keys("a/1", None, 100).await, ["a/1", "a/10"]);
        assert_eq!(kv.keys("a%", None, 100).await, ["a%"]);
        assert_eq!(kv.keys("a/", Some("a/10"), 2).await, ["a/2", "a/é"]);
        assert_eq!(kv.keys("a/", Some("a/zzz"), 2).await, ["a/é", "a/店"]);
        assert_eq!(kv.keys("a/", Some("b"), 100).await, [""; 0]);
        assert_eq!(kv.keys("a/", Some(""), 1).await, ["a/1"]);
        assert_eq!(kv.keys("", None, 0).await, [""; 0]);
        kv.store.close().await;
    })
    .await;
}

#[tokio::test]
async fn the_last_and_the_nearest_of_all_keys_are_listed_too() {
    on_every_database(async |database| {
        let kv = Kv::open(&database, QUOTA).await;
        let last = "\u{10ffff}".repeat(128);
        let sorted =
            ["\u{1}", "a", "a\u{1}", "a\u{1}\u{1}", "b", "\u{ff}", "\u{d7ff}", "\u{e000}", "\u{10ffff}", &last];
        for key in sorted.iter().rev() {
            kv.set(key, b"", None).await.unwrap();
        }
        assert_eq!(kv.keys("", None, 100).await, sorted);
        assert_eq!(kv.keys("", Some(""), 100).await, sorted);
        for (place, key) in sorted.iter().enumerate() {
            assert_eq!(kv.keys("", Some(key), 100).await, sorted[place + 1..], "after {key:?}");
        }
        assert_eq!(kv.keys("a", None, 100).await, sorted[1..4]);
        assert_eq!(kv.keys("a", Some("a"), 100).await, sorted[2..4]);
        assert_eq!(kv.keys("a\u{1}", Some("a"), 100).await, sorted[2..4]);
        assert_eq!(kv.keys("a\u{1}", Some("a\u{1}"), 100).await, sorted[3..4]);
        assert_eq!(kv.keys("\u{ff}", None, 100).await, sorted[5..6]);
        assert_eq!(kv.keys("\u{d7ff}", None, 100).await, sorted[6..7]);
        for prefix in ["\u{10ffff}", &last] {
            let of_prefix = if prefix == last { &sorted[9..] } else { &sorted[8..] };
            assert_eq!(kv.keys(prefix, None, 100).await, of_prefix);
            assert_eq!(kv.keys(prefix, Some(&last), 100).await, [""; 0]);
        }
        kv.store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_listing_never_gives_more_than_a_thousand_keys() {
    on_every_database(async |database| {
        let kv = Kv::open(&database, QUOTA).await;
        for number in 0..1001 {
            kv.set(&format!("{number:04}"), b"", None).await.unwrap();
        }
        let keys = kv.keys("", None, u32::MAX).await;
        assert_eq!((keys.len(), keys.last().map(String::as_str)), (1000, Some("0999")));
        kv.store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_key_that_cannot_be_one_is_refused() {
    on_every_database(async |database| {
        let kv = Kv::open(&database, QUOTA).await;
        kv.set(&"k".repeat(512), b"", None).await.unwrap();
        for key in ["", &"k".repeat(513), "a\0b", &"店".repeat(171)] {
            assert!(matches!(kv.set(key, b"", None).await, Err(KvError::InvalidKey)), "{key:?}");
            assert!(matches!(kv.compare_and_set(key, None, b"").await, Err(KvError::InvalidKey)));
            assert!(matches!(kv.store.plugin_kv().get("shop", "p", key).await, Err(KvError::InvalidKey)));
            assert!(matches!(kv.store.plugin_kv().delete("shop", "p", key).await, Err(KvError::InvalidKey)));
        }
        let nul = kv.store.plugin_kv().keys("shop", "p", "a\0", None, 1).await;
        assert!(matches!(nul, Err(KvError::InvalidKey)));
        kv.store.close().await;
    })
    .await;
}

#[tokio::test]
async fn nothing_is_kept_for_an_app_that_is_not_there() {
    on_every_database(async |database| {
        let kv = Kv::open(&database, QUOTA).await;
        let write = KvWrite { key: "key", value: b"", ttl_seconds: None };
        let error = kv.store.plugin_kv().set("none", "p", write, &QUOTA).await.unwrap_err();
        assert!(
            matches!(&error, KvError::Store(StoreError::NotFound { kind: "app", name }) if name == "none"),
            "{error:?}"
        );
        kv.store.close().await;
    })
    .await;
}
