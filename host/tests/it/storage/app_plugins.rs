//! Table `app_plugins`.

use std::time::Duration;

use futures::future::join_all;
use weft::model::{APP_PLUGINS, AppPlugin, Grants};
use weft::plugin_limits::LimitChanges;
use weft::storage::StoreError;

use super::add_app;
use crate::support::database::{START, on_every_database};

fn granted() -> AppPlugin {
    AppPlugin {
        config: r#"{"limits":[1,2.50,null],"greeting":"你好\u0000"}"#.parse().unwrap(),
        grants: Grants {
            kv: true,
            http_hosts: vec!["https://api.example.com".to_owned()],
            wechat_apis: vec!["/cgi-bin/message/custom/send".to_owned(), "/cgi-bin/user/info".to_owned()],
            users: true,
            orders: vec!["read".to_owned()],
            pay_apis: vec!["/v3/profitsharing/".to_owned()],
            pages: true,
        },
        limits: LimitChanges { cpu_ms: Some(50), ..LimitChanges::default() },
        ..AppPlugin::new("shop", "greeter")
    }
}

#[tokio::test]
async fn a_record_reads_back_as_it_was_put_and_takes_the_place_of_the_one_before() {
    on_every_database(async |database| {
        let store = database.open().await;
        add_app(&store, "shop").await;
        let plugins = store.app_plugins();
        let put = plugins.put(&granted()).await.unwrap();
        assert_eq!(put, AppPlugin { updated_at: START, ..granted() });
        assert_eq!(plugins.find("shop", "greeter").await.unwrap(), Some(put));

        database.clock.advance(Duration::from_secs(1));
        let less = plugins.put(&AppPlugin::new("shop", "greeter")).await.unwrap();
        assert_eq!(less.updated_at, START + 1);
        assert_eq!(plugins.list("shop").await.unwrap(), [less]);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn records_belong_to_their_app_and_go_with_it() {
    on_every_database(async |database| {
        let store = database.open().await;
        let plugins = store.app_plugins();
        for app in ["shop", "blog"] {
            add_app(&store, app).await;
            for plugin in ["greeter", "Echo"] {
                plugins.put(&AppPlugin::new(app, plugin)).await.unwrap();
            }
        }
        let names = |records: Vec<AppPlugin>| {
            records.into_iter().map(|r| format!("{}/{}", r.app, r.plugin)).collect::<Vec<_>>()
        };
        assert_eq!(names(plugins.list("shop").await.unwrap()), ["shop/Echo", "shop/greeter"]);
        assert_eq!(names(plugins.all().await.unwrap()), ["blog/Echo", "blog/greeter", "shop/Echo", "shop/greeter"]);
        assert!(store.apps().delete("blog").await.unwrap());
        assert_eq!(names(plugins.all().await.unwrap()), ["shop/Echo", "shop/greeter"]);
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_those_who_want_the_last_place_at_once_one_gets_it() {
    on_every_database(async |database| {
        let stores = [database.open().await, database.open().await];
        add_app(&stores[0], "shop").await;
        for number in 1..APP_PLUGINS {
            stores[0].app_plugins().put(&AppPlugin::new("shop", format!("p{number}"))).await.unwrap();
        }
        let putting = (0..8).map(|number| {
            let store = stores[number % 2].clone();
            tokio::spawn(async move { store.app_plugins().put(&AppPlugin::new("shop", format!("last{number}"))).await })
        });
        let outcomes = join_all(putting.collect::<Vec<_>>()).await;
        let mut stored = 0;
        for outcome in outcomes {
            match outcome.unwrap() {
                Ok(_) => stored += 1,
                Err(StoreError::LimitReached(_)) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
        assert_eq!(stored, 1);
        // What is there may be set anew.
        stores[0].app_plugins().put(&AppPlugin::new("shop", "p1")).await.unwrap();
        for store in stores {
            store.close().await;
        }
    })
    .await;
}

#[tokio::test]
async fn an_app_that_is_not_there_cannot_have_plugins() {
    on_every_database(async |database| {
        let store = database.open().await;
        let error = store.app_plugins().put(&granted()).await.unwrap_err();
        assert!(matches!(&error, StoreError::NotFound { kind: "app", name } if name == "shop"), "{error:?}");
        assert_eq!(store.app_plugins().list("shop").await.unwrap(), []);
        assert_eq!(store.app_plugins().list("sh\0p").await.unwrap(), []);
        assert_eq!(store.app_plugins().find("shop", "gr\0eeter").await.unwrap(), None);
        assert_eq!(store.apps().revision().await.unwrap(), 0);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn putting_and_deleting_moves_the_revision() {
    on_every_database(async |database| {
        let store = database.open().await;
        add_app(&store, "shop").await;
        store.app_plugins().put(&granted()).await.unwrap();
        assert_eq!(store.apps().revision().await.unwrap(), 2);
        assert!(store.app_plugins().delete("shop", "greeter").await.unwrap());
        assert!(!store.app_plugins().delete("shop", "greeter").await.unwrap());
        assert_eq!(store.apps().revision().await.unwrap(), 3);
        assert_eq!(store.app_plugins().find("shop", "greeter").await.unwrap(), None);
        store.close().await;
    })
    .await;
}
