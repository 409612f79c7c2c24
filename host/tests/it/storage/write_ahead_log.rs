//! The write-ahead log of an SQLite file, beside readers who leave SQLite no moment to begin it anew.

use std::fs;
use std::time::Duration;

use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use weft::storage::{KvQuota, KvWrite};

use super::add_app;
use crate::support::database::on_sqlite;

const MIB: u64 = 1 << 20;
const QUOTA: KvQuota = KvQuota { max_value_bytes: MIB, max_keys: 4, max_total_bytes: 5 * MIB };

/// Reads what is so, and holds on to it until it does so again.
async fn read(connection: &mut SqliteConnection) {
    sqlx::query("ROLLBACK").execute(&mut *connection).await.ok();
    sqlx::query("BEGIN").execute(&mut *connection).await.unwrap();
    sqlx::query("SELECT key FROM plugin_kv LIMIT 1").fetch_optional(&mut *connection).await.unwrap();
}

#[tokio::test]
async fn the_log_has_an_end_although_there_is_always_somebody_who_reads() {
    on_sqlite(async |database| {
        let store = database.open().await;
        add_app(&store, "shop").await;
        let file = database.file().unwrap();
        let connect = async || {
            let options = SqliteConnectOptions::new().filename(file).pragma("query_only", "ON");
            SqliteConnection::connect_with(&options).await.unwrap()
        };
        let (mut one, mut other) = (connect().await, connect().await);
        let reading = tokio::spawn(async move {
            read(&mut other).await;
            loop {
                // Each begins anew while the other holds on.
                for reader in [&mut one, &mut other] {
                    read(reader).await;
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
        });
        let mut log = file.clone().into_os_string();
        log.push("-wal");
        let (value, mut longest) = (vec![1_u8; (1 << 20) - 512], 0);
        for number in 0..128 {
            let write = KvWrite { key: &format!("key{}", number % 4), value: &value, ttl_seconds: None };
            store.plugin_kv().set("shop", "p", write, &QUOTA).await.unwrap();
            longest = longest.max(fs::metadata(&log).unwrap().len());
        }
        assert!(!reading.is_finished(), "nobody reads any more");
        reading.abort();
        assert!(longest < 96 * MIB, "128 MiB were written, and {} MiB of them were in the log", longest / MIB);
        store.close().await;
    })
    .await;
}
