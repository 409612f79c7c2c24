//! Table `api_tokens`.

use std::time::Duration;

use sqlx::{Connection, SqliteConnection};

use crate::support::database::{START, on_every_database, on_sqlite};

#[tokio::test]
async fn a_token_is_known_by_its_text_alone() {
    on_every_database(async |database| {
        let store = database.open().await;
        let permissions = ["shop|menu".to_owned(), "blog".to_owned()];
        let (token, text) = store.tokens().create("ci", &permissions, None).await.unwrap();
        assert_eq!((token.name.as_str(), token.created_at, token.last_used_at), ("ci", START, None));
        assert!(text.expose().starts_with("weft_") && text.expose().len() == 69);

        let known = store.tokens().authenticate(text.expose()).await.unwrap().unwrap();
        assert_eq!((&known.id, &known.permissions[..]), (&token.id, &permissions[..]));
        let (_, other) = store.tokens().create("ci", &permissions, None).await.unwrap();
        assert!(other != text);
        let changed = text.expose().replace(&text.expose()[60..], "000000000");
        for wrong in ["", "weft_", &changed, &text.expose()[5..], &text.expose().to_uppercase(), "weft_\0", &token.id] {
            assert_eq!(store.tokens().authenticate(wrong).await.unwrap(), None, "{wrong:?}");
        }
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_revoked_token_ends_at_once() {
    on_every_database(async |database| {
        let store = database.open().await;
        let (first, first_text) = store.tokens().create("first", &[], None).await.unwrap();
        let (second, second_text) = store.tokens().create("second", &[], None).await.unwrap();
        assert!(store.tokens().revoke(&first.id).await.unwrap());
        assert!(!store.tokens().revoke(&first.id).await.unwrap());
        assert!(!store.tokens().revoke("no\0ne").await.unwrap());
        assert_eq!(store.tokens().authenticate(first_text.expose()).await.unwrap(), None);
        assert!(store.tokens().authenticate(second_text.expose()).await.unwrap().is_some());
        let ids: Vec<_> = store.tokens().list().await.unwrap().into_iter().map(|token| token.id).collect();
        assert_eq!(ids, [second.id]);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_token_ends_when_its_time_is_over() {
    on_every_database(async |database| {
        let store = database.open().await;
        let (_, text) = store.tokens().create("ci", &[], Some(START + 10)).await.unwrap();
        database.clock.advance(Duration::from_secs(9));
        assert!(store.tokens().authenticate(text.expose()).await.unwrap().is_some());
        database.clock.advance(Duration::from_secs(1));
        assert_eq!(store.tokens().authenticate(text.expose()).await.unwrap(), None);
        assert_eq!(store.tokens().list().await.unwrap().len(), 1);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn the_last_use_is_written_at_most_once_a_minute() {
    on_every_database(async |database| {
        let store = database.open().await;
        let (_, text) = store.tokens().create("ci", &[], None).await.unwrap();
        let use_after = async |seconds| {
            database.clock.advance(Duration::from_secs(seconds));
            store.tokens().authenticate(text.expose()).await.unwrap().unwrap();
            store.tokens().list().await.unwrap()[0].last_used_at
        };
        assert_eq!(use_after(1).await, Some(START + 1));
        assert_eq!(use_after(59).await, Some(START + 1));
        assert_eq!(use_after(1).await, Some(START + 61));
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_token_is_let_in_when_its_use_cannot_be_written() {
    on_sqlite(async |database| {
        let store = database.open().await;
        let (_, text) = store.tokens().create("ci", &[], None).await.unwrap();
        let mut other = SqliteConnection::connect(database.file().unwrap().to_str().unwrap()).await.unwrap();
        let trigger = "CREATE TRIGGER full BEFORE UPDATE ON api_tokens BEGIN SELECT RAISE(ROLLBACK, 'full'); END";
        sqlx::query(trigger).execute(&mut other).await.unwrap();
        let token = store.tokens().authenticate(text.expose()).await.unwrap().unwrap();
        assert_eq!(token.last_used_at, None);

        sqlx::query("DROP TRIGGER full").execute(&mut other).await.unwrap();
        let token = store.tokens().authenticate(text.expose()).await.unwrap().unwrap();
        assert_eq!(token.last_used_at, Some(START));
        other.close().await.unwrap();
        store.close().await;
    })
    .await;
}
