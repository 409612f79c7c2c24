//! Table `limited_actions`.

use std::time::Duration;

use futures::future::join_all;
use weft::storage::{ActionLimit, StoreError, Turn};

use super::add_app;
use crate::support::database::on_every_database;

const LIMIT: ActionLimit<'_> = ActionLimit { action: "end", period: "2026-11-26", most: 3, apart: 30 };

#[tokio::test]
async fn turns_are_apart_and_not_more_than_there_are_in_a_period() {
    on_every_database(async |database| {
        let store = database.open().await;
        add_app(&store, "shop").await;
        add_app(&store, "blog").await;
        let take = async |limit| store.limited_actions().take("shop", limit).await.unwrap();
        for left in [2, 1, 0] {
            assert_eq!(take(LIMIT).await, Turn::Taken { left });
            assert_eq!(take(LIMIT).await, Turn::TooSoon { wait: 30 });
            database.clock.advance(Duration::from_secs(29));
            assert_eq!(take(LIMIT).await, Turn::TooSoon { wait: 1 });
            database.clock.advance(Duration::from_secs(1));
        }
        assert_eq!(take(LIMIT).await, Turn::UsedUp);
        assert_eq!(take(ActionLimit { action: "other", ..LIMIT }).await, Turn::Taken { left: 2 });
        assert_eq!(store.limited_actions().take("blog", LIMIT).await.unwrap(), Turn::Taken { left: 2 });
        // Another process counts on.
        assert_eq!(database.open().await.limited_actions().take("shop", LIMIT).await.unwrap(), Turn::UsedUp);
        let tomorrow = ActionLimit { period: "2026-11-27", ..LIMIT };
        assert_eq!(take(tomorrow).await, Turn::Taken { left: 2 });
        assert_eq!(take(ActionLimit { apart: 0, ..tomorrow }).await, Turn::Taken { left: 1 });
        for nobody in ["nobody", "no\0body"] {
            let error = store.limited_actions().take(nobody, LIMIT).await.unwrap_err();
            assert!(matches!(error, StoreError::NotFound { .. }), "{error:?}");
        }
        store.apps().delete("shop").await.unwrap();
        add_app(&store, "shop").await;
        assert_eq!(take(LIMIT).await, Turn::Taken { left: 2 });
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_no_more_get_a_turn_than_there_are() {
    on_every_database(async |database| {
        let stores = [database.open().await, database.open().await];
        add_app(&stores[0], "shop").await;
        let limit = ActionLimit { apart: 0, ..LIMIT };
        let asked = (0..20).map(|number| {
            let store = &stores[number % 2];
            async move { store.limited_actions().take("shop", limit).await }
        });
        let taken = join_all(asked).await.into_iter().filter(|turn| matches!(turn, Ok(Turn::Taken { .. }))).count();
        assert_eq!(taken, 3);
        for store in stores {
            store.close().await;
        }
    })
    .await;
}
