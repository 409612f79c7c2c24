//! Table `users`.

use std::time::Duration;

use weft::model::{Profile, User, UserChange, UserFilter, UserNote};
use weft::storage::{Store, StoreError};

use super::add_app;
use crate::support::database::{START, TestDatabase, on_every_database};

pub(super) const NEW: UserNote = UserNote { new: true, first_subscribe: false };
pub(super) const NOTHING: UserNote = UserNote { new: false, first_subscribe: false };

pub(super) async fn with_shop(database: &TestDatabase) -> Store {
    let store = database.open().await;
    add_app(&store, "shop").await;
    store
}

pub(super) async fn user(store: &Store, openid: &str) -> User {
    store.users().find("shop", openid).await.unwrap().unwrap()
}

/// Following now, since when, left when, first when.
pub(super) async fn subscription(store: &Store, openid: &str) -> (bool, Option<u64>, Option<u64>, Option<u64>) {
    let user = user(store, openid).await;
    (user.subscribed, user.subscribed_at, user.unsubscribed_at, user.first_subscribed_at)
}

pub(super) fn bare(openid: &str) -> User {
    User {
        app: "shop".to_owned(),
        openid: openid.to_owned(),
        unionid: None,
        subscribed: false,
        subscribed_at: None,
        unsubscribed_at: None,
        first_subscribed_at: None,
        subscribe_scene: None,
        qr_scene: None,
        nickname: None,
        avatar_url: None,
        language: None,
        remark: String::new(),
        tag_ids: Vec::new(),
        blacklisted: false,
        alias: String::new(),
        comment: String::new(),
        profile_fetched_at: None,
        created_at: START,
        updated_at: START,
    }
}

#[tokio::test]
async fn who_writes_is_stored_once() {
    on_every_database(async |database| {
        let store = with_shop(&database).await;
        assert_eq!(store.users().seen("shop", "o1", true).await.unwrap(), NEW);
        database.clock.advance(Duration::from_secs(9));
        assert_eq!(store.users().seen("shop", "o1", true).await.unwrap(), NOTHING);
        assert_eq!(user(&store, "o1").await, bare("o1"));
        add_app(&store, "blog").await;
        assert_eq!(store.users().seen("blog", "o1", true).await.unwrap(), NEW, "each app has its own");
        let error = store.users().seen("nobody", "o1", true).await.unwrap_err();
        assert!(matches!(&error, StoreError::NotFound { kind: "app", name } if name == "nobody"), "{error:?}");
        for (app, openid) in [("shop", "o2"), ("shop", "O1"), ("nobody", "o1"), ("shop", "o\0")] {
            assert_eq!(store.users().find(app, openid).await.unwrap(), None, "{app} {openid:?}");
        }
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_see_a_user_at_once_one_finds_them_new() {
    on_every_database(async |database| {
        let store = with_shop(&database).await;
        let replica = database.connect().await;
        let seen = (0..20).map(|n| {
            let store = if n % 2 == 0 { store.clone() } else { replica.clone() };
            async move { store.users().seen("shop", "o1", true).await.unwrap() }
        });
        let notes = futures::future::join_all(seen).await;
        assert_eq!(notes.iter().filter(|note| note.new).count(), 1);
        store.close().await;
        replica.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_subscription_is_the_first_one_until_there_was_another() {
    on_every_database(async |database| {
        let store = with_shop(&database).await;
        let subscribed = async |at, scene| store.users().subscribed("shop", "o1", at, scene, true).await.unwrap();
        let first = UserNote { new: true, first_subscribe: true };
        assert_eq!(subscribed(100, Some("42")).await, first);
        let stored = user(&store, "o1").await;
        assert_eq!(
            stored,
            User {
                subscribed: true,
                subscribed_at: Some(100),
                first_subscribed_at: Some(100),
                subscribe_scene: Some("ADD_SCENE_QR_CODE".to_owned()),
                qr_scene: Some("42".to_owned()),
                ..bare("o1")
            }
        );

        database.clock.advance(Duration::from_secs(5));
        let again = subscribed(100, Some("42")).await;
        assert!(again.first_subscribe, "a retry of the event gets the same answer");
        assert_eq!(user(&store, "o1").await, stored, "and changes nothing");

        assert_eq!(store.users().unsubscribed("shop", "o1", 200).await.unwrap(), NOTHING);
        assert_eq!(subscription(&store, "o1").await, (false, Some(100), Some(200), Some(100)));
        assert_eq!(subscribed(300, None).await, NOTHING, "it is not the first time");
        assert_eq!(subscription(&store, "o1").await, (true, Some(300), Some(200), Some(100)));
        assert_eq!(user(&store, "o1").await.qr_scene, None, "they came by another way");
        let error = store.users().subscribed("nobody", "o1", 1, None, true).await.unwrap_err();
        assert!(matches!(error, StoreError::NotFound { .. }), "{error:?}");
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn an_older_event_does_not_undo_a_newer_one() {
    on_every_database(async |database| {
        let store = with_shop(&database).await;
        let users = store.users();
        let subscribed = async |openid, at| users.subscribed("shop", openid, at, None, true).await.unwrap();

        // A user who left before anything was known of them; then comes what was before.
        assert_eq!(users.unsubscribed("shop", "o1", 200).await.unwrap(), NEW);
        assert!(subscribed("o1", 100).await.first_subscribe);
        assert_eq!(subscription(&store, "o1").await, (false, None, Some(200), Some(100)));

        subscribed("o2", 300).await;
        users.unsubscribed("shop", "o2", 250).await.unwrap();
        assert!(!subscribed("o2", 100).await.first_subscribe);
        assert_eq!(subscription(&store, "o2").await, (true, Some(300), None, Some(300)));

        // Within one second, what came last happened last; what comes twice did not happen twice.
        subscribed("o3", 100).await;
        users.unsubscribed("shop", "o3", 100).await.unwrap();
        assert_eq!(subscription(&store, "o3").await, (false, Some(100), Some(100), Some(100)));
        subscribed("o3", 100).await;
        assert_eq!(subscription(&store, "o3").await, (false, Some(100), Some(100), Some(100)));
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn users_are_found_by_what_is_known_of_them() {
    on_every_database(async |database| {
        let store = with_shop(&database).await;
        let users = store.users();
        add_app(&store, "blog").await;
        users.seen("blog", "oA1", true).await.unwrap();
        for openid in ["oA1", "oA_2", "oB3"] {
            users.seen("shop", openid, true).await.unwrap();
            database.clock.advance(Duration::from_secs(1));
        }
        users.subscribed("shop", "oB3", START, None, true).await.unwrap();
        let named = |openid: &str, unionid: &str, nickname: &str, remark: &str| Profile {
            openid: openid.to_owned(),
            unionid: Some(unionid.to_owned()),
            nickname: Some(nickname.to_owned()),
            remark: Some(remark.to_owned()),
            ..Profile::default()
        };
        let profiles = [named("oA1", "u1", "Anna 安娜", "100%_sure\\"), named("oA_2", "u12", "Bob", "oA1 的朋友")];
        users.apply_profiles("shop", START, &profiles).await.unwrap();
        let some = |text: &str| Some(text.to_owned());
        let change = UserChange { alias: some("Boss"), comment: some("likes tea"), remark: None };
        users.change("shop", "oB3", &change).await.unwrap();

        let found = async |filter: UserFilter| {
            let found = users.list("shop", &filter, None, 10).await.unwrap();
            found.into_iter().map(|user| user.openid).collect::<Vec<_>>()
        };
        let none = UserFilter::default;
        assert_eq!(found(none()).await, ["oB3", "oA_2", "oA1"], "newest first");
        for (filter, openids) in [
            (UserFilter { openid: some("oA"), ..none() }, &["oA_2", "oA1"][..]),
            (UserFilter { openid: some("oA_"), ..none() }, &["oA_2"]),
            (UserFilter { openid: some("oA1"), ..none() }, &["oA1"]),
            (UserFilter { openid: some("A1"), ..none() }, &[]),
            (UserFilter { unionid: some("u1"), ..none() }, &["oA1"]),
            (UserFilter { nickname: some("aNNa"), ..none() }, &["oA1"]),
            (UserFilter { nickname: some("安"), ..none() }, &["oA1"]),
            (UserFilter { remark: some("100%_"), ..none() }, &["oA1"]),
            (UserFilter { remark: some("sure\\"), ..none() }, &["oA1"]),
            (UserFilter { remark: some("1%s"), ..none() }, &[]),
            (UserFilter { remark: some("_"), ..none() }, &["oA1"]),
            (UserFilter { subscribed: Some(true), ..none() }, &["oB3"]),
            (UserFilter { subscribed: Some(false), openid: some("oB"), ..none() }, &[]),
            (UserFilter { search: some("oA1"), ..none() }, &["oA_2", "oA1"]),
            (UserFilter { search: some("BO"), ..none() }, &["oB3", "oA_2"]),
            (UserFilter { search: some("tea"), ..none() }, &["oB3"]),
            (UserFilter { search: some("u12"), ..none() }, &["oA_2"]),
            (UserFilter { search: some("'; DROP TABLE users; --"), ..none() }, &[]),
            (UserFilter { search: some("\0"), ..none() }, &[]),
        ] {
            assert_eq!(found(filter.clone()).await, openids, "{filter:?}");
        }
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn pages_lose_and_repeat_nobody_while_users_come() {
    on_every_database(async |database| {
        let store = with_shop(&database).await;
        for n in 0..7 {
            // Several of one second.
            database.clock.advance(Duration::from_millis(400));
            store.users().seen("shop", &format!("o{n}"), true).await.unwrap();
        }
        let mut openids = Vec::new();
        let mut after: Option<(u64, String)> = None;
        loop {
            let from = after.as_ref().map(|(at, openid)| (*at, openid.as_str()));
            let page = store.users().list("shop", &UserFilter::default(), from, 2).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some((last.created_at, last.openid.clone()));
            openids.extend(page.into_iter().map(|user| user.openid));
            database.clock.advance(Duration::from_secs(1));
            store.users().seen("shop", &format!("new{}", openids.len()), true).await.unwrap();
        }
        assert_eq!(openids, ["o6", "o5", "o4", "o3", "o2", "o1", "o0"]);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn what_people_note_is_changed_alone_and_goes_with_the_app() {
    on_every_database(async |database| {
        let store = with_shop(&database).await;
        store.users().seen("shop", "o1", true).await.unwrap();
        database.clock.advance(Duration::from_secs(4));
        let alias = UserChange { alias: Some("Boss".to_owned()), ..UserChange::default() };
        let changed = store.users().change("shop", "o1", &alias).await.unwrap().unwrap();
        assert_eq!(changed, User { alias: "Boss".to_owned(), updated_at: START + 4, ..bare("o1") });
        let comment = UserChange { comment: Some("tea".to_owned()), ..UserChange::default() };
        let changed = store.users().change("shop", "o1", &comment).await.unwrap().unwrap();
        assert_eq!((changed.alias.as_str(), changed.comment.as_str()), ("Boss", "tea"));
        assert_eq!(store.users().change("shop", "o2", &alias).await.unwrap(), None);
        assert_eq!(store.users().change("sh\0p", "o1", &alias).await.unwrap(), None);

        assert!(store.apps().delete("shop").await.unwrap());
        assert_eq!(store.users().find("shop", "o1").await.unwrap(), None);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn an_app_with_many_users_goes_with_all_of_them_and_nobody_elses() {
    on_every_database(async |database| {
        let store = with_shop(&database).await;
        add_app(&store, "blog").await;
        for n in 0..1100 {
            store.users().seen("shop", &format!("o{n}"), true).await.unwrap();
        }
        store.users().seen("blog", "o1", true).await.unwrap();
        assert!(store.apps().delete("shop").await.unwrap());
        for openid in ["o1", "o1099"] {
            assert_eq!(store.users().find("shop", openid).await.unwrap(), None);
        }
        assert!(store.users().find("blog", "o1").await.unwrap().is_some());
        assert!(!store.apps().delete("shop").await.unwrap());
        store.close().await;
    })
    .await;
}
