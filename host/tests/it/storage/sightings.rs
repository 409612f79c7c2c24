//! Table `users`: what many messages tell at once.

use weft::{
    model::UserNote,
    storage::{Sighted, Sighting, StoreError},
};

use super::users::{NEW, NOTHING, bare, subscription, user, with_shop};
use crate::support::database::on_every_database;

fn sighting(openid: &str, sighted: Sighted) -> Sighting {
    Sighting { openid: openid.to_owned(), sighted, wants_profile: true }
}

#[tokio::test]
async fn what_many_messages_tell_is_written_together_and_in_order() {
    on_every_database(async |database| {
        let store = with_shop(&database).await;
        let subscribed = |at| Sighted::Subscribed { at, qr_scene: None };
        let sightings = [
            sighting("o3", Sighted::Seen),
            sighting("o1", subscribed(100)),
            sighting("o2", Sighted::Unsubscribed { at: 100 }),
            sighting("o1", Sighted::Unsubscribed { at: 100 }),
            sighting("o4", Sighted::Modified),
            sighting("o3", Sighted::Seen),
            sighting("o2", subscribed(200)),
            sighting("o5", Sighted::Revoked),
        ];
        let notes: Vec<UserNote> =
            store.users().note("shop", &sightings).await.into_iter().map(Result::unwrap).collect();
        let first = UserNote { new: true, first_subscribe: true };
        let not_new = UserNote { new: false, first_subscribe: true };
        assert_eq!(notes, [NEW, first, NEW, NOTHING, NOTHING, NOTHING, not_new, NOTHING]);
        // Within one second, what came last happened last.
        assert_eq!(subscription(&store, "o1").await, (false, Some(100), Some(100), Some(100)));
        assert_eq!(subscription(&store, "o2").await, (true, Some(200), Some(100), Some(200)));
        for openid in ["o4", "o5"] {
            assert_eq!(store.users().find("shop", openid).await.unwrap(), None, "{openid}");
        }
        let of_nobody = store.users().note("nobody", &sightings[..2]).await;
        assert!(of_nobody.iter().all(|note| {
            let error = note.as_ref().unwrap_err();
            matches!(&**error, StoreError::NotFound { .. })
        }));
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn one_that_the_database_cannot_take_does_not_take_along_those_beside_it() {
    on_every_database(async |database| {
        let store = with_shop(&database).await;
        // PostgreSQL takes no U+0000.
        let sightings = ["o1", "o\0", "o2"].map(|openid| sighting(openid, Sighted::Seen));
        let notes = store.users().note("shop", &sightings).await;
        assert_eq!(notes[1].is_err(), store.is_shared());
        for (at, openid) in [(0, "o1"), (2, "o2")] {
            assert_eq!(*notes[at].as_ref().unwrap(), NEW, "{openid}");
            assert_eq!(user(&store, openid).await, bare(openid));
        }
        store.close().await;
    })
    .await;
}
