//! Tables `call_counts` and `call_pauses`.

use std::time::Duration;

use futures::future::join_all;
use weft::model::{CallKind, CallOutcome, CallPause};

use super::add_app;
use crate::support::database::{START, on_every_database};

const DAY: &str = "2023-11-15";

fn kind(app: &str, day: &str, path: &str, outcome: CallOutcome) -> CallKind {
    CallKind { app: app.to_owned(), day: day.to_owned(), path: path.to_owned(), outcome }
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_of_all_processes_add_up() {
    on_every_database(async |database| {
        let stores = [database.open().await, database.open().await];
        add_app(&stores[0], "shop").await;
        let (done, refused) = (CallOutcome::Done, CallOutcome::Refused(-1));
        let counts = [
            (kind("shop", DAY, "/b", done), 2),
            (kind("shop", DAY, "/a", refused), 1),
            (kind("shop", DAY, "/a", CallOutcome::Unanswered), 1),
            (kind("gone", DAY, "/a", done), 1),
            (kind("shop", "2023-11-14", "/a", done), 7),
        ];
        let adding = (0..20).map(|number| {
            let (store, mut counts) = (&stores[number % 2], counts.to_vec());
            counts.rotate_left(number % 5);
            async move { store.call_counts().add(&counts).await.unwrap() }
        });
        join_all(adding).await;
        let of_day = async |day| stores[1].call_counts().of_day("shop", day).await.unwrap();
        let expected = [
            (kind("shop", DAY, "/a", refused), 20),
            (kind("shop", DAY, "/a", CallOutcome::Unanswered), 20),
            (kind("shop", DAY, "/b", done), 40),
        ];
        assert_eq!(of_day(DAY).await, expected);
        assert_eq!(of_day("2023-11-14").await.len(), 1);
        stores[0].call_counts().forget_before(DAY).await.unwrap();
        assert_eq!((of_day("2023-11-14").await.len(), of_day(DAY).await.len()), (0, 3));
        assert_eq!(stores[0].call_counts().of_day("no\0body", DAY).await.unwrap(), []);
        stores[0].apps().delete("shop").await.unwrap();
        assert_eq!(of_day(DAY).await, []);
        for store in stores {
            store.close().await;
        }
    })
    .await;
}

#[tokio::test]
async fn pauses_are_there_until_they_end() {
    on_every_database(async |database| {
        let store = database.open().await;
        add_app(&store, "shop").await;
        add_app(&store, "blog").await;
        let pause = |app: &str, path: &str, until| CallPause {
            app: app.to_owned(),
            path: path.to_owned(),
            errcode: 45009,
            until,
        };
        let pauses = store.call_pauses();
        for one in [pause("shop", "/a", START + 10), pause("shop", "/a", START + 20), pause("blog", "/a", START + 30)] {
            pauses.put(&one).await.unwrap();
        }
        pauses.put(&pause("gone", "/a", START + 30)).await.unwrap();
        let expected = [pause("blog", "/a", START + 30), pause("shop", "/a", START + 20)];
        assert_eq!(pauses.in_force().await.unwrap(), expected);
        database.clock.advance(Duration::from_secs(20));
        assert_eq!(pauses.in_force().await.unwrap(), expected[..1]);
        pauses.forget().await.unwrap();
        pauses.end("blog").await.unwrap();
        assert_eq!(pauses.in_force().await.unwrap(), []);
        store.close().await;
    })
    .await;
}
