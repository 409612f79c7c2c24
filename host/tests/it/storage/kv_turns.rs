//! Key-value stores of an app whose plugin writes much, beside those of others.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use futures::future::join_all;
use sqlx::{Connection, SqliteConnection};
use tokio::time::timeout;
use weft::storage::{KvError, KvQuota, KvWrite, Store, StoreError};

use super::add_app;
use crate::support::{
    PATIENCE,
    database::{TestDatabase, on_every_database, on_postgres, on_sqlite},
};

const QUOTA: KvQuota = KvQuota { max_value_bytes: 100, max_keys: 1000, max_total_bytes: 100_000 };

async fn with_two_apps(database: &TestDatabase) -> Store {
    let store = database.open().await;
    for app in ["shop", "blog"] {
        add_app(&store, app).await;
    }
    store
}

async fn set(store: &Store, app: &str, key: &str) {
    let write = KvWrite { key, value: b"", ttl_seconds: None };
    store.plugin_kv().set(app, "p", write, &QUOTA).await.unwrap();
}

/// Many more than may wait together.
const MANY: usize = 1000;

async fn set_many(store: &Store, app: &str, written: &AtomicUsize) {
    let keys: Vec<String> = (0..MANY).map(|number| format!("key{number}")).collect();
    let setting = keys.iter().map(|key| async move {
        set(store, app, key).await;
        written.fetch_add(1, SeqCst);
    });
    join_all(setting).await;
}

#[tokio::test]
async fn others_do_not_stand_behind_all_that_one_app_writes() {
    on_every_database(async |database| {
        let store = with_two_apps(&database).await;
        let written = AtomicUsize::new(0);
        let of_another = async {
            set(&store, "blog", "key").await;
            written.load(SeqCst)
        };
        let ((), before) = tokio::join!(set_many(&store, "shop", &written), of_another);
        assert!(before < MANY / 2, "{before}");
        assert_eq!(written.load(SeqCst), MANY);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn an_app_that_is_being_deleted_holds_up_no_other() {
    on_postgres(async |database| {
        let store = with_two_apps(&database).await;
        let mut other = database.postgres().await;
        let mut deleting = other.begin().await.unwrap();
        sqlx::query("DELETE FROM apps WHERE name = 'shop'").execute(&mut *deleting).await.unwrap();
        let setting = async {
            let write = KvWrite { key: "key", value: b"", ttl_seconds: None };
            let (kv, quota) = (store.plugin_kv(), QUOTA);
            tokio::join!(kv.set("shop", "p", write, &quota), kv.set("blog", "p", write, &quota))
        };
        let (of_it, of_another) = timeout(PATIENCE, setting).await.expect("nobody waits for its end");
        assert!(matches!(of_it, Err(KvError::Store(StoreError::NotFound { kind: "app", .. }))), "{of_it:?}");
        of_another.unwrap();
        deleting.rollback().await.unwrap();
        set(&store, "shop", "key").await;
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_process_that_hangs_while_it_writes_holds_up_no_other_plugin_for_long() {
    on_postgres(async |database| {
        let store = with_two_apps(&database).await;
        set(&store, "shop", "key").await;
        let mut other = database.postgres().await;
        let mut hanging = other.begin().await.unwrap();
        let hold = "UPDATE plugin_kv_totals SET last_version = last_version WHERE app = 'shop'";
        sqlx::query(hold).execute(&mut *hanging).await.unwrap();
        // The other has totals the second time.
        for _ in 0..2 {
            let setting = async {
                let write = KvWrite { key: "key", value: b"", ttl_seconds: None };
                let (kv, quota) = (store.plugin_kv(), QUOTA);
                tokio::join!(kv.set("shop", "p", write, &quota), kv.set("blog", "p", write, &quota))
            };
            let (held, of_another) = timeout(PATIENCE, setting).await.expect("nobody waits for its end");
            assert!(matches!(held, Err(KvError::Held)), "{held:?}");
            of_another.unwrap();
        }
        hanging.rollback().await.unwrap();
        set(&store, "shop", "key").await;
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_process_that_hangs_while_it_writes_the_first_of_a_plugin_holds_up_no_other_for_long() {
    on_postgres(async |database| {
        let store = with_two_apps(&database).await;
        set(&store, "blog", "key").await;
        let mut other = database.postgres().await;
        let mut hanging = other.begin().await.unwrap();
        let first = "INSERT INTO plugin_kv_totals (app, plugin, last_version, key_count, byte_count) \
             VALUES ('shop', 'p', 1, 0, 0)";
        sqlx::query(first).execute(&mut *hanging).await.unwrap();
        let setting = async {
            let write = KvWrite { key: "key", value: b"", ttl_seconds: None };
            let (kv, quota) = (store.plugin_kv(), QUOTA);
            tokio::join!(kv.set("shop", "p", write, &quota), kv.set("blog", "p", write, &quota))
        };
        let (held, of_another) = timeout(PATIENCE, setting).await.expect("nobody waits for its end");
        assert!(matches!(held, Err(KvError::Held)), "{held:?}");
        of_another.unwrap();
        hanging.rollback().await.unwrap();
        set(&store, "shop", "key").await;
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_over_is_found_without_a_look_at_all_that_is_kept() {
    on_sqlite(async |database| {
        let store = with_two_apps(&database).await;
        let mut other = SqliteConnection::connect(&database.url.to_string()).await.unwrap();
        let of_a_full_store = "EXPLAIN QUERY PLAN DELETE FROM plugin_kv WHERE app = 'shop' AND plugin = 'p' AND key IN \
             (SELECT key FROM plugin_kv WHERE app = 'shop' AND plugin = 'p' AND expires_at <= 1 LIMIT 9)";
        let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(of_a_full_store).fetch_all(&mut other).await.unwrap();
        let finds = "plugin_kv_own_expiry (app=? AND plugin=? AND expires_at<?)";
        let removes = "(app=? AND plugin=? AND key=?)";
        for part in [finds, removes] {
            assert!(plan.iter().any(|(.., step)| step.contains(part)), "{part}: {plan:?}");
        }
        store.close().await;
    })
    .await;
}
