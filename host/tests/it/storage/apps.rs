//! Table `apps`.

use std::time::Duration;

use serde_json::json;
use weft::model::{AccessTokenSource, App, AppSettings, AppType, EncodingMode, LateReply};
use weft::secret::Secret;
use weft::storage::StoreError;

use super::add_app;
use crate::support::database::{START, on_every_database};

const AES_KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";

fn full() -> App {
    App {
        title: "商店".to_owned(),
        description: "卖东西的\n第二行".to_owned(),
        verified: false,
        appsecret: Some(Secret::new("0c79e1fa963cd80cc0be99b20a18faeb")),
        token: Some(Secret::new("weixintoken")),
        encoding_mode: EncodingMode::Safe,
        encoding_aes_key: Some(Secret::new(AES_KEY)),
        previous_encoding_aes_key: Some(Secret::new(AES_KEY.to_uppercase())),
        message_handler: Some("greeter/vip".parse().unwrap()),
        order_hook: Some("shop".parse().unwrap()),
        order_webhook_secret: Some(Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")),
        previous_order_webhook_secret: Some(Secret::new("whsec_Zm9yIHRoZSB0ZXN0cyBvZiBXZWZ0IGFsb25lIQ==")),
        settings: AppSettings {
            late_reply: LateReply::CustomerService,
            log_messages: true,
            log_replies: true,
            log_raw: true,
            message_observers: vec!["counter/all".parse().unwrap()],
            fallback_reply: Some(serde_json::from_value(json!({"type": "text", "content": "稍后"})).unwrap()),
            forward_hosts: vec!["10.0.0.7:8080".to_owned()],
            order_webhook_url: Some("https://example.com/orders".to_owned()),
            access_token_source: AccessTokenSource::Url,
            access_token_url: Some("https://tokens.example.com/shop".to_owned()),
            max_plugin_concurrency: Some(7),
        },
        ..App::new("shop", AppType::PayPartner, "wx0123456789abcdef")
    }
}

#[tokio::test]
async fn an_app_reads_back_as_it_was_stored() {
    on_every_database(async |database| {
        let store = database.open().await;
        let stored = store.apps().insert(&full()).await.unwrap();
        assert_eq!(stored, App { created_at: START, updated_at: START, ..full() });
        assert_eq!(store.apps().find("shop").await.unwrap(), Some(stored.clone()));
        let plain = add_app(&store, "Blog").await;
        assert_eq!(store.apps().find("Blog").await.unwrap().as_ref(), Some(&plain));
        assert_eq!(store.apps().list().await.unwrap(), [plain, stored]);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn an_app_that_is_not_there_is_none() {
    on_every_database(async |database| {
        let store = database.open().await;
        add_app(&store, "shop").await;
        for name in ["Shop", "", "shop ", "sh%p", "sh\0p"] {
            assert_eq!(store.apps().find(name).await.unwrap(), None, "{name:?}");
            assert!(!store.apps().delete(name).await.unwrap(), "{name:?}");
        }
        for name in ["other", "sh\0p"] {
            let outcome: Result<_, StoreError> =
                store.apps().change(name, |_| panic!("there is nothing to change")).await;
            assert_eq!(outcome.unwrap(), None, "{name:?}");
        }
        assert_eq!(store.apps().list().await.unwrap().len(), 1);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_taken_name_is_a_conflict_and_changes_nothing() {
    on_every_database(async |database| {
        let store = database.open().await;
        let first = store.apps().insert(&full()).await.unwrap();
        let revision = store.apps().revision().await.unwrap();
        let error = store.apps().insert(&App::new("shop", AppType::Other, "wx1")).await.unwrap_err();
        assert!(matches!(&error, StoreError::AlreadyExists { name, .. } if name == "shop"), "{error:?}");
        assert_eq!(error.to_string(), "there is already an app named \"shop\" · \"shop\" 已存在，请换一个");
        assert_eq!(store.apps().list().await.unwrap(), [first]);
        assert_eq!(store.apps().revision().await.unwrap(), revision);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_change_sets_the_fields_and_keeps_the_name_and_the_time_of_creation() {
    on_every_database(async |database| {
        let store = database.open().await;
        store.apps().insert(&full()).await.unwrap();
        database.clock.advance(Duration::from_mins(1));
        let wanted = App {
            title: "new".to_owned(),
            token: Some(Secret::new("another")),
            appsecret: None,
            message_handler: None,
            ..full()
        };
        let set = |app: &mut App| {
            *app = App { name: "other".to_owned(), created_at: 5, ..wanted.clone() };
            Ok::<_, StoreError>(())
        };
        let changed = store.apps().change("shop", set).await.unwrap().unwrap();
        assert_eq!(changed, App { created_at: START, updated_at: START + 60, ..wanted });
        assert_eq!(store.apps().list().await.unwrap(), [changed]);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_change_that_is_refused_changes_nothing() {
    on_every_database(async |database| {
        let store = database.open().await;
        let before = store.apps().insert(&full()).await.unwrap();
        let refuse = |app: &mut App| {
            app.title = "new".to_owned();
            Err(StoreError::Corrupt { what: "the title".to_owned() })
        };
        let error = store.apps().change("shop", refuse).await.unwrap_err();
        assert!(matches!(&error, StoreError::Corrupt { what } if what == "the title"), "{error:?}");
        assert_eq!(store.apps().list().await.unwrap(), [before]);
        assert_eq!(store.apps().revision().await.unwrap(), 1);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn every_change_and_nothing_else_moves_the_revision() {
    on_every_database(async |database| {
        let store = database.open().await;
        let replica = database.connect().await;
        let revision = async || replica.apps().revision().await.unwrap();
        assert_eq!(revision().await, 0);
        add_app(&store, "shop").await;
        assert_eq!(revision().await, 1);
        assert_eq!(replica.apps().names().await.unwrap().into_iter().collect::<Vec<_>>(), ["shop"]);
        let keep = |_: &mut App| Ok::<_, StoreError>(());
        store.apps().change("shop", keep).await.unwrap();
        assert_eq!(revision().await, 2);
        store.apps().list().await.unwrap();
        store.apps().change("other", keep).await.unwrap();
        store.apps().delete("other").await.unwrap();
        assert_eq!(revision().await, 2);
        store.apps().delete("shop").await.unwrap();
        assert_eq!(revision().await, 3);
        assert!(replica.apps().names().await.unwrap().is_empty());
        store.close().await;
        replica.close().await;
    })
    .await;
}
