//! Table `plugin_limits`.

use sqlx::{Connection, SqliteConnection};
use weft::{plugin_limits::LimitChanges, storage::StoreError};

use crate::support::database::{on_every_database, on_sqlite};

#[tokio::test]
async fn limits_read_back_as_they_were_put_and_every_change_is_seen() {
    on_every_database(async |database| {
        let store = database.open().await;
        let limits = store.plugin_limits();
        assert!(limits.all().await.unwrap().is_empty());
        let before = store.apps().revision().await.unwrap();
        let few = LimitChanges { cpu_ms: Some(5), max_queue: Some(0), ..LimitChanges::default() };
        store.change_plugin("greeter", Some(&LimitChanges::default()), None).await.unwrap();
        assert!(limits.all().await.unwrap().is_empty(), "nothing set is nothing kept");
        store.change_plugin("greeter", Some(&LimitChanges { memory_mib: Some(8), ..few }), None).await.unwrap();
        store.change_plugin("echo", Some(&few), None).await.unwrap();
        store.change_plugin("greeter", Some(&few), None).await.unwrap();
        let all = limits.all().await.unwrap();
        assert_eq!((all.len(), all.get("greeter"), all.get("echo")), (2, Some(&few), Some(&few)));
        store.change_plugin("greeter", Some(&LimitChanges::default()), None).await.unwrap();
        assert_eq!(limits.all().await.unwrap().len(), 1);
        assert_eq!(store.apps().revision().await.unwrap(), before + 5);
        assert!(matches!(store.change_plugin("a\0b", Some(&few), None).await, Err(StoreError::NotFound { .. })));
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn limits_stay_as_they_were_when_the_plugin_cannot_be_switched_off_with_them() {
    on_sqlite(async |database| {
        let store = database.open().await;
        let url = database.url.to_string();
        let mut other = SqliteConnection::connect(&url).await.unwrap();
        let fails = "CREATE TRIGGER fails BEFORE INSERT ON disabled_plugins BEGIN SELECT RAISE(ABORT, 'no'); END";
        sqlx::query(fails).execute(&mut other).await.unwrap();
        other.close().await.unwrap();
        let few = LimitChanges { cpu_ms: Some(5), ..LimitChanges::default() };
        let before = store.apps().revision().await.unwrap();
        store.change_plugin("greeter", Some(&few), Some(true)).await.unwrap_err();
        assert!(store.plugin_limits().all().await.unwrap().is_empty());
        assert_eq!(store.apps().revision().await.unwrap(), before);
        store.change_plugin("greeter", Some(&few), Some(false)).await.unwrap();
        assert_eq!(store.plugin_limits().all().await.unwrap().get("greeter"), Some(&few));
        store.close().await;
    })
    .await;
}
