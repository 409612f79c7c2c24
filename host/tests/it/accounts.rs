//! The apps in memory, as they follow the database.

use std::{sync::Arc, time::Duration};

use weft::{
    accounts::Accounts,
    model::{App, AppType, Condition, Handler, Rule},
    storage::{Store, StoreError},
};
use weft_wechat::message::Message;

use crate::support::{
    NoPlugins, PATIENCE,
    database::{START, on_every_database, on_sqlite},
};

async fn add(store: &Store, app: &str, name: &str) -> Handler {
    let rules = vec![Rule::from(Condition::All)];
    store.handlers().insert(&Handler { rules, ..Handler::new(app, name) }).await.unwrap()
}

/// The handler that answers a text to `app`.
async fn answering(accounts: &Accounts, app: &str) -> Option<String> {
    let text = "<xml><ToUserName>a</ToUserName><FromUserName>b</FromUserName><CreateTime>1</CreateTime>\
                <MsgType>text</MsgType><Content>hi</Content></xml>";
    let rules = Arc::clone(&accounts.find(app).unwrap().rules);
    rules.find(&Message::parse(text).unwrap(), START, &NoPlugins).await.map(|found| found.handler.name.clone())
}

#[tokio::test]
async fn only_the_handlers_that_changed_are_compiled_again() {
    on_every_database(async |database| {
        let store = database.open().await;
        for app in ["blog", "shop"] {
            store.apps().insert(&App::new(app, AppType::Service, "wx1")).await.unwrap();
            add(&store, app, "first").await;
        }
        let accounts = Accounts::load(store.clone()).await.unwrap();
        let rules = |app: &str| Arc::clone(&accounts.find(app).unwrap().rules);
        let before = (rules("blog"), rules("shop"));
        assert_eq!(answering(&accounts, "shop").await.as_deref(), Some("first"));

        // In the same second as the first, and on another connection.
        let other = database.open().await;
        let second = add(&other, "shop", "second").await;
        accounts.refresh().await.unwrap();
        assert_eq!(answering(&accounts, "shop").await.as_deref(), Some("second"));
        assert!(Arc::ptr_eq(&before.0, &rules("blog")) && !Arc::ptr_eq(&before.1, &rules("shop")));
        assert_eq!(answering(&accounts, "blog").await.as_deref(), Some("first"));

        let off = |handler: &mut Handler| {
            handler.enabled = false;
            Ok::<_, StoreError>(())
        };
        other.handlers().change("shop", &second.id, off).await.unwrap();
        accounts.refresh().await.unwrap();
        assert_eq!(answering(&accounts, "shop").await.as_deref(), Some("first"));

        other.apps().delete("shop").await.unwrap();
        other.apps().insert(&App::new("shop", AppType::Service, "wx1")).await.unwrap();
        accounts.refresh().await.unwrap();
        assert_eq!(answering(&accounts, "shop").await, None);
        store.close().await;
        other.close().await;
    })
    .await;
}

#[tokio::test]
async fn each_app_keeps_a_number_of_its_own() {
    on_sqlite(async |database| {
        let store = database.open().await;
        let accounts = Accounts::load(store.clone()).await.unwrap();
        let number = |app: &str| accounts.find(app).unwrap().number;
        let mut numbers = Vec::new();
        for app in ["blog", "shop"] {
            store.apps().insert(&App::new(app, AppType::Service, "wx1")).await.unwrap();
            accounts.refresh().await.unwrap();
            numbers.push(number(app));
        }
        assert!(numbers[0] != numbers[1] && !numbers.contains(&0), "{numbers:?}");
        accounts.refresh().await.unwrap();
        assert_eq!(numbers, [number("blog"), number("shop")]);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn handlers_that_another_process_changed_are_followed() {
    on_every_database(async |database| {
        let store = database.open().await;
        store.apps().insert(&App::new("shop", AppType::Service, "wx1")).await.unwrap();
        let accounts = Accounts::load(store.clone()).await.unwrap();
        let following = tokio::spawn(accounts.clone().follow());
        let other = database.open().await;
        add(&other, "shop", "new").await;
        let followed = async {
            while answering(&accounts, "shop").await.is_none() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, followed).await.unwrap();
        following.abort();
        store.close().await;
        other.close().await;
    })
    .await;
}
