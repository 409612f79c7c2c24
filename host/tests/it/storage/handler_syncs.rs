//! Tables `handler_syncs` and `synced_handlers`.

use std::time::Duration;

use weft::model::Handler;
use weft::storage::{HandlerChanges, Store, StoreError, SyncedHandler};

use super::add_app;
use crate::support::database::{on_every_database, on_postgres, on_sqlite};

fn synced(origin: &str, handler_id: &str, digest: &str) -> SyncedHandler {
    SyncedHandler { origin: origin.into(), handler_id: handler_id.into(), digest: digest.into() }
}

async fn change(store: &Store, changes: HandlerChanges) -> Result<Vec<Handler>, StoreError> {
    store.handlers().change_all("shop", |_| Ok::<_, StoreError>(changes)).await
}

fn handler(id: &str) -> Handler {
    Handler { id: id.to_owned(), created_at: 7, ..Handler::new("shop", id) }
}

#[tokio::test]
async fn what_a_sync_leaves_is_stored_with_the_handlers_and_goes_with_them() {
    on_every_database(async |database| {
        let store = database.open().await;
        add_app(&store, "shop").await;
        let put = vec![handler("a"), handler("b")];
        let marks = vec![synced("关键词/1", "a", "1"), synced("default", "b", "2")];
        let changes = HandlerChanges { put, synced: marks.clone(), ..HandlerChanges::default() };
        let stored = change(&store, changes).await.unwrap();
        assert_eq!(
            stored.iter().map(|handler| (&*handler.id, handler.created_at)).collect::<Vec<_>>(),
            [("a", 7), ("b", 7)]
        );
        assert_eq!(store.handler_syncs().synced("shop").await.unwrap(), [marks[1].clone(), marks[0].clone()]);
        assert_eq!(store.handler_syncs().synced("other").await.unwrap(), []);

        // A mark alone is a change, and takes the place of the one before.
        let again = vec![synced("default", "b", "3")];
        change(&store, HandlerChanges { synced: again.clone(), ..HandlerChanges::default() }).await.unwrap();
        assert!(store.handlers().delete("shop", "a").await.unwrap());
        assert_eq!(store.handler_syncs().synced("shop").await.unwrap(), again);

        // One of a handler that is not there undoes all of it.
        let wrong = HandlerChanges {
            put: vec![handler("c")],
            synced: vec![synced("x", "nobody", "1")],
            ..HandlerChanges::default()
        };
        change(&store, wrong).await.unwrap_err();
        assert_eq!(store.handlers().list("shop").await.unwrap().len(), 1);
        store.apps().delete("shop").await.unwrap();
        assert_eq!(store.handler_syncs().synced("shop").await.unwrap(), []);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn one_sync_of_an_app_runs_at_a_time() {
    on_every_database(async |database| {
        let store = database.open().await;
        add_app(&store, "shop").await;
        add_app(&store, "blog").await;
        let begin = async |app: &str| store.handler_syncs().begin(app, 60).await.unwrap();
        assert!(begin("shop").await);
        assert!(!begin("shop").await);
        assert!(begin("blog").await);
        store.handler_syncs().end("shop").await.unwrap();
        assert!(begin("shop").await);
        database.clock.advance(Duration::from_secs(59));
        assert!(!begin("shop").await);
        database.clock.advance(Duration::from_secs(1));
        assert!(begin("shop").await, "one that never ended");
        let error = store.handler_syncs().begin("nobody", 60).await.unwrap_err();
        assert!(matches!(error, StoreError::NotFound { .. }), "{error:?}");
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn another_process_waits_for_a_sync() {
    on_postgres(async |database| {
        let (store, other) = (database.open().await, database.open().await);
        add_app(&store, "shop").await;
        assert!(store.handler_syncs().begin("shop", 60).await.unwrap());
        assert!(!other.handler_syncs().begin("shop", 60).await.unwrap());
        other.handler_syncs().end("shop").await.unwrap();
        assert!(!other.handler_syncs().begin("shop", 60).await.unwrap(), "it was not its own");
        store.close().await;
        other.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_sync_that_ended_with_its_process_keeps_nobody_waiting_who_owns_the_file() {
    on_sqlite(async |database| {
        let store = database.open().await;
        add_app(&store, "shop").await;
        assert!(store.handler_syncs().begin("shop", 60).await.unwrap());
        store.close().await;
        let store = database.open().await;
        assert!(store.handler_syncs().begin("shop", 60).await.unwrap());
    })
    .await;
}
