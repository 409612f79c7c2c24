//! Table `synced_media`.

use weft::storage::{StoreError, SyncedFile};

use super::add_app;
use crate::support::database::on_every_database;

fn file(source: &str, digest: &str, media_id: &str) -> SyncedFile {
    let text = |text: &str| text.to_owned();
    SyncedFile { media_type: text("image"), source: text(source), digest: text(digest), media_id: text(media_id) }
}

#[tokio::test]
async fn a_file_is_found_by_where_it_came_from_and_by_what_is_in_it() {
    on_every_database(async |database| {
        let store = database.open().await;
        add_app(&store, "shop").await;
        add_app(&store, "blog").await;
        let media = store.synced_media();
        media.remember("shop", &file("temporary-1", "d1", "M1")).await.unwrap();
        media.remember("shop", &file("temporary-2", "d1", "M1")).await.unwrap();
        media.remember("shop", &file("temporary-3", "d3", "M3")).await.unwrap();
        let of_source = async |app: &str, kind: &str, source: &str| media.of_source(app, kind, source).await.unwrap();
        let of_digest = async |app: &str, kind: &str, digest: &str| media.of_digest(app, kind, digest).await.unwrap();
        assert_eq!(of_source("shop", "image", "temporary-2").await.as_deref(), Some("M1"));
        assert_eq!(of_digest("shop", "image", "d1").await.as_deref(), Some("M1"));
        for (app, kind, key) in
            [("blog", "image", "1"), ("shop", "voice", "1"), ("shop", "image", "9"), ("shop", "image", "\0")]
        {
            assert_eq!(of_source(app, kind, &format!("temporary-{key}")).await, None, "{app} {kind}");
            assert_eq!(of_digest(app, kind, &format!("d{key}")).await, None, "{app} {kind}");
        }
        media.remember("shop", &file("temporary-3", "d4", "M4")).await.unwrap();
        assert_eq!(of_source("shop", "image", "temporary-3").await.as_deref(), Some("M4"));
        let error = media.remember("nobody", &file("a", "b", "c")).await.unwrap_err();
        assert!(matches!(error, StoreError::NotFound { .. }), "{error:?}");
        store.apps().delete("shop").await.unwrap();
        assert_eq!(of_digest("shop", "image", "d1").await, None);
        store.close().await;
    })
    .await;
}
