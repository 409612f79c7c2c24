//! Key-value stores of an app whose plugin writes much, beside those of others.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use futures::future::join_all;
use sqlx::{Connection, PgConnection, SqliteConnection};
use weft::{
    config::DatabaseUrl,
    storage::{KvQuota, KvWrite, Store},
};

use super::add_app;
use crate::support::database::{TestDatabase, on_postgres, on_sqlite};

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

/// More than there are connections.
async fn set_many(store: &Store, app: &str, written: &AtomicUsize) {
    let keys: Vec<String> = (0..60).map(|number| format!("key{number}")).collect();
    let setting = keys.iter().map(|key| async move {
        set(store, app, key).await;
        written.fetch_add(1, SeqCst);
    });
    join_all(setting).await;
}

#[tokio::test]
async fn others_do_not_stand_behind_all_that_one_app_writes() {
    on_sqlite(async |database| {
        let store = with_two_apps(&database).await;
        let mut other = SqliteConnection::connect(&database.url.to_string()).await.unwrap();
        sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
        let written = AtomicUsize::new(0);
        let of_another = async {
            set(&store, "blog", "key").await;
            written.load(SeqCst)
        };
        let going_on = async {
            sqlx::query("COMMIT").execute(&mut other).await.unwrap();
        };
        let ((), before, ()) = tokio::join!(set_many(&store, "shop", &written), of_another, going_on);
        assert!(before < 10, "{before}");
        assert_eq!(written.load(SeqCst), 60);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn an_app_that_waits_for_its_own_rows_leaves_connections_for_others() {
    on_postgres(async |database| {
        let store = with_two_apps(&database).await;
        set(&store, "shop", "key").await;
        let DatabaseUrl::Postgres(url) = &database.url else { panic!("not PostgreSQL") };
        let mut other = PgConnection::connect(url.expose()).await.unwrap();
        let mut holding = other.begin().await.unwrap();
        let lock = "UPDATE plugin_kv_totals SET last_version = last_version WHERE app = 'shop'";
        sqlx::query(lock).execute(&mut *holding).await.unwrap();
        let written = AtomicUsize::new(0);
        let of_another = async {
            set(&store, "blog", "key").await;
            assert_eq!(store.apps().list().await.unwrap().len(), 2);
            holding.rollback().await.unwrap();
        };
        tokio::join!(set_many(&store, "shop", &written), of_another);
        assert_eq!(written.load(SeqCst), 60);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_over_is_found_without_a_look_at_all_that_is_kept() {
    on_sqlite(async |database| {
        let store = with_two_apps(&database).await;
        let mut other = SqliteConnection::connect(&database.url.to_string()).await.unwrap();
        let of_a_full_store = "EXPLAIN QUERY PLAN DELETE FROM plugin_kv \
             WHERE app = 'shop' AND plugin = 'p' AND key <> 'key' AND expires_at <= 1";
        let (_, _, _, plan): (i64, i64, i64, String) =
            sqlx::query_as(of_a_full_store).fetch_one(&mut other).await.unwrap();
        assert!(plan.contains("plugin_kv_own_expiry (app=? AND plugin=? AND expires_at<?)"), "{plan}");
        store.close().await;
    })
    .await;
}
