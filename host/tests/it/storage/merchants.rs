//! Table `merchants`.

use std::time::Duration;

use futures::future::join;
use sqlx::Connection;
use weft::model::{Merchant, PayVersion};
use weft::secret::Secret;
use weft::storage::{MerchantDeletion, StoreError};
use weft_wechat::pay::TradeType;

use super::add_app;
use crate::orders::{CERTIFICATE, PRIVATE_KEY, order};
use crate::support::database::{START, on_every_database, on_postgres};

/// A merchant with every key.
fn full() -> Merchant {
    let mut merchant = Merchant {
        weight: -3,
        api_key: Some(Secret::new("192006250b4c09247ec02edce69f6a2d")),
        apiv3_key: Some(Secret::new("0123456789abcdefghijABCDEFGHIJ!@")),
        private_key: Some(Secret::new(PRIVATE_KEY)),
        client_cert: Some(Secret::new(CERTIFICATE)),
        client_key: Some(Secret::new(PRIVATE_KEY)),
        sub_mch_id: Some("1900000110".into()),
        mch_app_id: Some("wxpartner".into()),
        ..Merchant::new("shop", "default", "1900000109", PayVersion::V2)
    };
    merchant.complete();
    assert_eq!(merchant.check(), []);
    merchant
}

#[tokio::test]
async fn a_merchant_reads_back_as_it_was_stored_and_goes_with_its_app() {
    on_every_database(async |database| {
        let store = database.open().await;
        let merchants = store.merchants();
        let error = merchants.insert(&full()).await.unwrap_err();
        assert!(matches!(error, StoreError::NotFound { kind: "app", .. }), "{error:?}");
        add_app(&store, "shop").await;
        let stored = merchants.insert(&full()).await.unwrap();
        assert_eq!(stored, Merchant { created_at: START, updated_at: START, ..full() });
        assert_eq!(merchants.find("shop", "default").await.unwrap(), Some(stored.clone()));
        assert_eq!(merchants.find("shop", "other").await.unwrap(), None);
        assert_eq!(merchants.find("shop", "a\0").await.unwrap(), None);
        let error = merchants.insert(&full()).await.unwrap_err();
        assert!(matches!(error, StoreError::AlreadyExists { kind: "a merchant", .. }), "{error:?}");

        database.clock.advance(Duration::from_secs(5));
        let change = |merchant: &mut Merchant| {
            merchant.title = "二号".into();
            merchant.api_key = None;
            merchant.name = "cannot".into();
            Ok::<_, StoreError>(())
        };
        let changed = merchants.change("shop", "default", change).await.unwrap().unwrap();
        assert_eq!(changed, Merchant { title: "二号".into(), api_key: None, updated_at: START + 5, ..stored });
        assert_eq!(merchants.list("shop").await.unwrap(), std::slice::from_ref(&changed));
        let refuse = |merchant: &mut Merchant| {
            merchant.title = "three".into();
            Err(StoreError::LimitReached("no".into()))
        };
        assert!(merchants.change("shop", "default", refuse).await.is_err());
        assert_eq!(merchants.find("shop", "default").await.unwrap(), Some(changed));
        assert!(store.apps().delete("shop").await.unwrap());
        add_app(&store, "shop").await;
        assert_eq!(merchants.list("shop").await.unwrap(), []);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_merchant_with_orders_stays() {
    on_every_database(async |database| {
        let store = database.open().await;
        add_app(&store, "shop").await;
        let merchants = store.merchants();
        merchants.insert(&full()).await.unwrap();
        store.orders().insert(&order(TradeType::Jsapi)).await.unwrap();
        assert_eq!(merchants.delete("shop", "default").await.unwrap(), MerchantDeletion::HasOrders);
        assert!(merchants.find("shop", "default").await.unwrap().is_some());
        merchants.insert(&Merchant { name: "other".into(), ..full() }).await.unwrap();
        assert_eq!(merchants.delete("shop", "other").await.unwrap(), MerchantDeletion::Deleted);
        assert_eq!(merchants.delete("shop", "other").await.unwrap(), MerchantDeletion::NotFound);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn an_order_that_is_being_created_keeps_its_merchant() {
    on_postgres(async |database| {
        const CREATE: &str = "INSERT INTO orders (app, merchant, out_trade_no, appid, mch_id, terms, state, \
             close_confirmed, seen_at_ms, result, version, created_at, updated_at) \
             SELECT app, 'other', out_trade_no, appid, mch_id, terms, state, close_confirmed, seen_at_ms, result, version, \
             created_at, updated_at FROM orders";
        const COUNT: &str = "SELECT COUNT(*) FROM orders WHERE merchant = 'other'";
        let store = database.open().await;
        add_app(&store, "shop").await;
        let merchants = store.merchants();
        for name in ["default", "other"] {
            merchants.insert(&Merchant { name: name.into(), ..full() }).await.unwrap();
        }
        store.orders().insert(&order(TradeType::Jsapi)).await.unwrap();

        let mut connection = database.postgres().await;
        let mut creating = connection.begin().await.unwrap();
        sqlx::query(CREATE).execute(&mut *creating).await.unwrap();
        // By then who deletes has looked whether there are orders, unless it waits for this one.
        let ending = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            creating.commit().await.unwrap();
        };
        let (deletion, ()) = join(merchants.delete("shop", "other"), ending).await;
        assert_eq!(deletion.unwrap(), MerchantDeletion::HasOrders);
        let orders: i64 = sqlx::query_scalar(COUNT).fetch_one(&mut connection).await.unwrap();
        assert_eq!(orders, 1);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn no_key_is_stored_in_clear() {
    on_every_database(async |database| {
        let store = database.open().await;
        add_app(&store, "shop").await;
        store.merchants().insert(&full()).await.unwrap();
        store.close().await;
        if let Some(file) = database.file() {
            for beside in [file.clone(), file.with_extension("db-wal")] {
                let bytes = std::fs::read(beside).unwrap_or_default();
                for secret in ["192006250b4c", "0123456789abcdefghij", "BEGIN PRIVATE KEY", "BEGIN CERTIFICATE"] {
                    assert!(!bytes.windows(secret.len()).any(|part| part == secret.as_bytes()), "{secret}");
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn the_merchant_with_the_greatest_weight_comes_first_and_then_the_name() {
    on_every_database(async |database| {
        let store = database.open().await;
        for app in ["shop", "other"] {
            add_app(&store, app).await;
        }
        let merchants = store.merchants();
        assert_eq!(merchants.first("shop").await.unwrap(), None);
        let add = async |app: &str, name: &str, weight: i64| {
            let merchant = Merchant { weight, ..Merchant::new(app, name, "1900000109", PayVersion::V2) };
            merchants.insert(&merchant).await.unwrap();
        };
        add("other", "theirs", 9).await;
        for (name, weight, first) in [("b", -1, "b"), ("c", 0, "c"), ("a", 0, "a"), ("d", 1, "d")] {
            add("shop", name, weight).await;
            let found = merchants.first("shop").await.unwrap();
            assert_eq!(found.map(|merchant| merchant.name).as_deref(), Some(first));
        }
    })
    .await;
}
