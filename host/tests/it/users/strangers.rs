//! Users whom nobody has seen, in greater numbers than the database takes.

use sqlx::{Connection, SqliteConnection};
use weft::model::{App, AppType};
use weft_wechat::message::Message;

use super::{FIRST, NOTHING, event, scanned, shop};
use crate::support::database::{START, on_sqlite};

#[tokio::test]
async fn strangers_without_end_fill_the_line_of_their_app_and_no_others() {
    on_sqlite(async |database| {
        let (store, users, app) = shop(&database).await;
        let blog = store.apps().insert(&App::new("blog", AppType::Service, "wx2")).await.unwrap();
        let mut other = SqliteConnection::connect(&database.url.to_string()).await.unwrap();
        sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
        let strangers: Vec<Message> = (0..1500).map(|n| event(&format!("o{n}"), START, "subscribe")).collect();
        let flood = futures::future::join_all(strangers.iter().map(|stranger| users.note(&app, stranger)));
        assert!(flood.await.iter().all(|note| *note == NOTHING), "nothing is written yet");
        sqlx::query("COMMIT").execute(&mut other).await.unwrap();

        assert_eq!(users.note(&blog, &scanned("o1", START)).await, FIRST, "another app is not behind them");
        users.finish().await;
        let of_app = "SELECT COUNT(*) FROM users WHERE app = 'shop'";
        let written: i64 = sqlx::query_scalar(of_app).fetch_one(&mut other).await.unwrap();
        // Those of the line, and those whose writing had begun.
        assert!((1024..=1024 + 64).contains(&written), "{written}");
        let last = strangers.last().unwrap();
        assert_eq!(users.note(&app, last).await, FIRST, "there is room again");
        store.close().await;
    })
    .await;
}
