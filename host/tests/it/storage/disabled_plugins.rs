//! Table `disabled_plugins`.

use std::collections::HashSet;

use weft::storage::StoreError;

use crate::support::database::on_every_database;

#[tokio::test]
async fn what_is_switched_off_stays_so_until_it_is_switched_on_and_every_change_is_seen() {
    on_every_database(async |database| {
        let store = database.open().await;
        let disabled = store.disabled_plugins();
        assert!(disabled.all().await.unwrap().is_empty());
        let before = store.apps().revision().await.unwrap();
        for name in ["greeter", "echo", "greeter"] {
            store.change_plugin(name, None, Some(true)).await.unwrap();
        }
        assert_eq!(disabled.all().await.unwrap(), HashSet::from(["greeter".to_owned(), "echo".to_owned()]));
        for _ in 0..2 {
            store.change_plugin("greeter", None, Some(false)).await.unwrap();
        }
        assert_eq!(disabled.all().await.unwrap(), HashSet::from(["echo".to_owned()]));
        assert_eq!(store.apps().revision().await.unwrap(), before + 5);
        assert!(matches!(store.change_plugin("a\0b", None, Some(true)).await, Err(StoreError::NotFound { .. })));
        store.close().await;
    })
    .await;
}
