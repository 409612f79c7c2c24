//! Table `publications`.

use std::time::Duration;

use weft::model::{PublicationOutcome, PublicationState};
use weft::storage::StoreError;

use super::add_app;
use crate::support::database::on_every_database;

fn outcome(publish_id: &str, state: PublicationState, article_id: Option<&str>) -> PublicationOutcome {
    let failed_indexes = if article_id.is_none() { vec![1, 3] } else { Vec::new() };
    PublicationOutcome {
        publish_id: publish_id.to_owned(),
        state,
        article_id: article_id.map(ToOwned::to_owned),
        failed_indexes,
    }
}

#[tokio::test]
async fn an_outcome_is_kept_whether_it_comes_before_or_after_its_beginning() {
    on_every_database(async |database| {
        let store = database.open().await;
        add_app(&store, "shop").await;
        let publications = store.publications();
        publications.begin("shop", "P1", "D1", "标题").await.unwrap();
        publications.note("shop", &outcome("P1", PublicationState::Publishing, None)).await.unwrap();
        let found = async |id: &str| publications.find("shop", id).await.unwrap().unwrap();
        assert_eq!((found("P1").await.state, &*found("P1").await.title), (PublicationState::Publishing, "标题"));
        publications.note("shop", &outcome("P1", PublicationState::Rejected, None)).await.unwrap();
        let rejected = found("P1").await;
        assert_eq!((rejected.state, rejected.failed_indexes), (PublicationState::Rejected, vec![1, 3]));
        publications.note("shop", &outcome("P1", PublicationState::Publishing, None)).await.unwrap();
        assert_eq!(found("P1").await.state, PublicationState::Rejected, "an end is not taken back");

        publications.note("shop", &outcome("P2", PublicationState::Published, Some("A"))).await.unwrap();
        assert_eq!((found("P2").await.media_id, found("P2").await.title), (None, String::new()));
        publications.begin("shop", "P2", "D2", "二").await.unwrap();
        let published = found("P2").await;
        assert_eq!((published.state, published.article_id.as_deref()), (PublicationState::Published, Some("A")));
        assert_eq!((published.media_id.as_deref(), &*published.title), (Some("D2"), "二"));
        // One that was published may go.
        publications.note("shop", &outcome("P2", PublicationState::Banned, None)).await.unwrap();
        assert_eq!(found("P2").await.article_id.as_deref(), Some("A"));

        let ids = async |media_id: Option<&str>, after, limit| {
            let found = publications.list("shop", media_id, after, limit).await.unwrap();
            found.into_iter().map(|publication| publication.publish_id).collect::<Vec<_>>()
        };
        assert_eq!(ids(None, None, 9).await, ["P2", "P1"]);
        assert_eq!(ids(None, Some((found("P2").await.created_at, "P2")), 9).await, ["P1"]);
        assert_eq!(ids(Some("D1"), None, 9).await, ["P1"]);
        publications.note("nobody", &outcome("P", PublicationState::Failed, None)).await.unwrap();
        let error = publications.begin("nobody", "P", "D", "").await.unwrap_err();
        assert!(matches!(error, StoreError::NotFound { kind: "app", .. }), "{error:?}");
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn wechat_is_asked_less_and_less_often_by_one_process_at_a_time() {
    on_every_database(async |database| {
        let store = database.open().await;
        add_app(&store, "shop").await;
        let publications = store.publications();
        let due = async || {
            let due = publications.take_due(9).await.unwrap();
            due.into_iter().map(|(app, publication)| format!("{app}/{}", publication.publish_id)).collect::<Vec<_>>()
        };
        publications.begin("shop", "P", "D", "").await.unwrap();
        assert_eq!(due().await, [""; 0], "an event may come");
        database.clock.advance(Duration::from_secs(30));
        assert_eq!(due().await, ["shop/P"]);
        assert_eq!(due().await, [""; 0]);
        database.clock.advance(Duration::from_mins(1));
        assert_eq!(due().await, ["shop/P"]);
        database.clock.advance(Duration::from_mins(1));
        assert_eq!(due().await, [""; 0]);
        let mut times = 2;
        for _ in 0..20 {
            database.clock.advance(Duration::from_hours(40));
            times += due().await.len();
        }
        assert_eq!(times, 12, "not for ever");
        // An event tells: the articles are asked for at once.
        publications.note("shop", &outcome("P", PublicationState::Published, Some("A"))).await.unwrap();
        assert_eq!(due().await, ["shop/P"]);
        database.clock.advance(Duration::from_mins(1));
        assert_eq!(due().await, ["shop/P"], "they may not have come");
        publications.settle("shop", "P").await.unwrap();
        database.clock.advance(Duration::from_hours(40));
        assert_eq!(due().await, [""; 0]);
        store.close().await;
    })
    .await;
}
