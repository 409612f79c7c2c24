//! Many writers at once, in several processes.

use std::time::Duration;

use futures::future::join_all;
use weft::model::{App, AppType};
use weft::storage::{KvError, KvQuota, KvWrite, StoreError};

use super::add_app;
use crate::support::database::on_every_database;

const QUOTA: KvQuota = KvQuota { max_value_bytes: 1 << 16, max_keys: 1000, max_total_bytes: 1 << 20 };

fn write<'a>(key: &'a str, value: &'a [u8]) -> KvWrite<'a> {
    KvWrite { key, value, ttl_seconds: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_writers_in_two_processes_do_not_lock_each_other_out() {
    on_every_database(async |database| {
        // Two stores share nothing but the database, as two processes do.
        let stores = [database.open().await, database.open().await];
        let writing = (0..64).map(|number| {
            let store = stores[number % 2].clone();
            tokio::spawn(async move {
                let app = App::new(format!("app{number}"), AppType::Other, "wx1");
                store.apps().insert(&app).await.unwrap();
                for round in 0..4 {
                    store.plugin_kv().set(&app.name, "p", write("key", &[round]), &QUOTA).await.unwrap();
                    store.apps().find(&app.name).await.unwrap().unwrap();
                }
                let keep = |_: &mut App| Ok::<_, StoreError>(());
                store.apps().change(&app.name, keep).await.unwrap().unwrap();
            })
        });
        for outcome in join_all(writing.collect::<Vec<_>>()).await {
            outcome.unwrap();
        }
        assert_eq!(stores[0].apps().list().await.unwrap().len(), 64);
        assert_eq!(stores[1].apps().revision().await.unwrap(), 128);
        for store in stores {
            store.close().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_takes_a_name() {
    on_every_database(async |database| {
        let stores = [database.open().await, database.open().await];
        let inserting = (0..16).map(|number| {
            let store = stores[number % 2].clone();
            tokio::spawn(async move {
                match store.apps().insert(&App::new("shop", AppType::Other, "wx1")).await {
                    Ok(_) => 1,
                    Err(StoreError::AlreadyExists { .. }) => 0,
                    Err(error) => panic!("{error:?}"),
                }
            })
        });
        let winners: i32 = join_all(inserting.collect::<Vec<_>>()).await.into_iter().map(Result::unwrap).sum();
        assert_eq!(winners, 1);
        for store in stores {
            store.close().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_one_app_at_once_lose_nothing_of_each_other() {
    on_every_database(async |database| {
        let stores = [database.open().await, database.open().await];
        add_app(&stores[0], "shop").await;
        let changing = (0..40).map(|number| {
            let store = stores[number % 2].clone();
            tokio::spawn(async move {
                let add = |app: &mut App| {
                    app.description = format!("{} {number}", app.description);
                    Ok::<_, StoreError>(())
                };
                store.apps().change("shop", add).await.unwrap().unwrap();
            })
        });
        for outcome in join_all(changing.collect::<Vec<_>>()).await {
            outcome.unwrap();
        }
        let app = stores[0].apps().find("shop").await.unwrap().unwrap();
        let mut numbers: Vec<usize> = app.description.split_whitespace().map(|text| text.parse().unwrap()).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..40).collect::<Vec<_>>());
        for store in stores {
            store.close().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compare_and_set_race_has_one_winner_each_round() {
    on_every_database(async |database| {
        let stores = [database.open().await, database.open().await];
        add_app(&stores[0], "shop").await;
        let mut expected = None;
        for round in 0..5 {
            let racing = (0..16_u8).map(|number| {
                let store = stores[usize::from(number) % 2].clone();
                tokio::spawn(async move {
                    let value = [round, number];
                    let write = write("lock", &value);
                    match store.plugin_kv().compare_and_set("shop", "p", expected, write, &QUOTA).await {
                        Ok(version) => Some((version, number)),
                        Err(KvError::Conflict) => None,
                        Err(error) => panic!("{error:?}"),
                    }
                })
            });
            let outcomes = join_all(racing.collect::<Vec<_>>()).await;
            let winners: Vec<_> = outcomes.into_iter().filter_map(Result::unwrap).collect();
            let [(version, number)] = winners[..] else { panic!("winners: {winners:?}") };
            let entry = stores[1].plugin_kv().get("shop", "p", "lock").await.unwrap().unwrap();
            assert_eq!((entry.version, entry.value), (version, vec![round, number]));
            assert!(expected.is_none_or(|before| version > before));
            expected = Some(version);
        }
        for store in stores {
            store.close().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_race_gets_past_the_quota() {
    on_every_database(async |database| {
        let stores = [database.open().await, database.open().await];
        add_app(&stores[0], "shop").await;
        let quota = KvQuota { max_keys: 5, ..QUOTA };
        let writing = (0..20).map(|number| {
            let store = stores[number % 2].clone();
            tokio::spawn(async move {
                let key = format!("key{number}");
                match store.plugin_kv().set("shop", "p", write(&key, b""), &quota).await {
                    Ok(_) => 1,
                    Err(KvError::TooManyKeys(5)) => 0,
                    Err(error) => panic!("{error:?}"),
                }
            })
        });
        let written: usize = join_all(writing.collect::<Vec<_>>()).await.into_iter().map(Result::unwrap).sum();
        assert_eq!(written, 5);
        let keys = stores[0].plugin_kv().keys("shop", "p", "", None, 100).await.unwrap().keys;
        assert_eq!(keys.len(), 5);
        for store in stores {
            store.close().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_deleted_while_its_plugin_writes_leaves_nothing_behind() {
    on_every_database(async |database| {
        let stores = [database.open().await, database.open().await];
        for _ in 0..5 {
            add_app(&stores[0], "shop").await;
            let writing = (0..8).map(|number| {
                let store = stores[number % 2].clone();
                tokio::spawn(async move {
                    for _ in 0..5 {
                        match store.plugin_kv().set("shop", "p", write(&format!("key{number}"), b"v"), &QUOTA).await {
                            Ok(_) | Err(KvError::Store(StoreError::NotFound { kind: "app", .. })) => {}
                            Err(error) => panic!("{error:?}"),
                        }
                    }
                })
            });
            let writing: Vec<_> = writing.collect();
            tokio::time::sleep(Duration::from_millis(5)).await;
            assert!(stores[1].apps().delete("shop").await.unwrap());
            for outcome in join_all(writing).await {
                outcome.unwrap();
            }
            assert_eq!(stores[0].plugin_kv().keys("shop", "p", "", None, 100).await.unwrap().keys, [""; 0]);
        }
        for store in stores {
            store.close().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_that_are_called_off_leave_the_store_in_order() {
    on_every_database(async |database| {
        let store = database.open().await;
        add_app(&store, "shop").await;
        for round in 0..50_u64 {
            let writer = store.clone();
            let task = tokio::spawn(async move {
                writer.plugin_kv().set("shop", "p", write("key", b"value"), &QUOTA).await.map(drop)
            });
            tokio::time::sleep(Duration::from_micros(round * 40)).await;
            task.abort();
            let _ = task.await;
        }
        let version = store.plugin_kv().set("shop", "p", write("key", b"last"), &QUOTA).await.unwrap();
        let entry = store.plugin_kv().get("shop", "p", "key").await.unwrap().unwrap();
        assert_eq!((entry.version, entry.value), (version, b"last".to_vec()));
        // One key is counted as one, whatever was called off.
        let quota = KvQuota { max_keys: 1, ..QUOTA };
        store.plugin_kv().delete("shop", "p", "key").await.unwrap();
        store.plugin_kv().set("shop", "p", write("other", b""), &quota).await.unwrap();
        store.close().await;
    })
    .await;
}
