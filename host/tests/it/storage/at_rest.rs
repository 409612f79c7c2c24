//! What somebody finds who has the database but not the key.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use weft::model::{App, AppType, EncodingMode};
use weft::secret::{Secret, SecretKey};
use weft::storage::{Store, StoreError};

use crate::support::database::{on_every_database, on_sqlite};

const AES_KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";

fn app() -> App {
    App {
        appsecret: Some(Secret::new("0c79e1fa963cd80cc0be99b20a18faeb")),
        token: Some(Secret::new("verySecretToken")),
        encoding_mode: EncodingMode::Safe,
        encoding_aes_key: Some(Secret::new(AES_KEY)),
        previous_encoding_aes_key: Some(Secret::new(AES_KEY.to_uppercase())),
        ..App::new("findme", AppType::Service, "wx0123456789abcdef")
    }
}

#[tokio::test]
async fn no_secret_is_in_the_files() {
    on_sqlite(async |database| {
        let store = database.open().await;
        store.apps().insert(&app()).await.unwrap();
        let (_, text) = store.tokens().create("ci", &[], None).await.unwrap();
        let folder = database.file().unwrap().parent().unwrap();
        let read_all = || -> Vec<u8> {
            fs::read_dir(folder).unwrap().flat_map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect()
        };
        // While the changes are in the write-ahead log, and after they went to the file.
        let before = read_all();
        store.close().await;
        for bytes in [before, read_all()] {
            let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
            assert!(holds("findme"), "the search finds what is there");
            let upper = AES_KEY.to_uppercase();
            for secret in ["0c79e1fa963cd80cc0be99b20a18faeb", "verySecretToken", AES_KEY, &upper, &text.expose()[5..]]
            {
                assert!(!holds(secret), "{secret}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn the_files_are_for_this_user_alone() {
    on_sqlite(async |database| {
        let store = database.open().await;
        let folder = database.file().unwrap().parent().unwrap();
        let mut files = 0;
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
            files += 1;
        }
        assert_eq!(files, 3, "the database, its log and its index");
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn another_secret_key_is_refused_with_words() {
    on_every_database(async |database| {
        let store = database.open().await;
        store.apps().insert(&app()).await.unwrap();
        store.close().await;

        let other = Arc::new(SecretKey::generate());
        let store = Store::open(&database.url, other, database.clock.clone()).await.unwrap();
        let error = store.migrate().await.unwrap_err();
        assert!(matches!(error, StoreError::WrongSecretKey { .. }), "{error:?}");
        assert!(error.to_string().contains("put that key back"), "{error}");
        let error = store.apps().find("findme").await.unwrap_err();
        assert!(matches!(&error, StoreError::WrongSecretKey { what } if what == "apps.appsecret/findme"), "{error:?}");
        assert!(matches!(store.apps().list().await, Err(StoreError::WrongSecretKey { .. })));
        store.close().await;

        let store = database.open().await;
        assert!(store.apps().find("findme").await.unwrap().is_some());
        store.close().await;
    })
    .await;
}
