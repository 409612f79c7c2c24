//! Tables `tags` and `user_tags`, and what lists of WeChat's tell of users.

use weft::model::{Profile, Tag, UserFilter};
use weft::storage::{Store, StoreError};

use super::add_app;
use crate::support::database::{START, TestDatabase, on_every_database};

async fn with_shop(database: &TestDatabase) -> Store {
    let store = database.open().await;
    add_app(&store, "shop").await;
    store
}

fn tag(id: u32, name: &str) -> Tag {
    Tag { id, name: name.to_owned(), user_count: 1, synced_at: START }
}

fn openids(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

async fn tags_of(store: &Store, openid: &str) -> Vec<u32> {
    store.users().find("shop", openid).await.unwrap().unwrap().tag_ids
}

#[tokio::test]
async fn a_tag_that_goes_or_becomes_another_one_leaves_nobody_with_its_id() {
    on_every_database(async |database| {
        let store = with_shop(&database).await;
        let tags = store.tags();
        let all = [tag(2, "star"), tag(100, "vip"), tag(101, "new")];
        assert_eq!(tags.replace("shop", &all).await.unwrap(), []);
        assert_eq!(tags.list("shop").await.unwrap(), all);
        for id in [100, 101, 999] {
            store.users().tag("shop", id, &openids(&["o1", "o2"])).await.unwrap();
        }
        assert_eq!(tags_of(&store, "o1").await, [100, 101, 999]);

        let now = [tag(2, "star"), tag(100, "debtor"), tag(102, "more")];
        assert_eq!(tags.replace("shop", &now).await.unwrap(), [tag(100, "vip"), tag(101, "new")]);
        assert_eq!((tags.list("shop").await.unwrap(), tags_of(&store, "o1").await), (now.to_vec(), vec![]));

        store.users().tag("shop", 102, &openids(&["o1"])).await.unwrap();
        let renamed = tags.rename("shop", 102, "less").await.unwrap().unwrap();
        assert_eq!((renamed.name.as_str(), tags_of(&store, "o1").await), ("less", vec![102]));
        assert_eq!(tags.rename("shop", 999, "x").await.unwrap(), None);
        tags.add("shop", 102, "again").await.unwrap();
        assert_eq!(tags_of(&store, "o1").await, [0; 0]);
        store.users().tag("shop", 102, &openids(&["o1"])).await.unwrap();
        tags.delete("shop", 102).await.unwrap();
        assert_eq!((tags.find("shop", 102).await.unwrap(), tags_of(&store, "o1").await), (None, vec![]));
        assert_eq!(tags.list("sh\0p").await.unwrap(), []);
        let error = tags.add("nobody", 100, "x").await.unwrap_err();
        assert!(matches!(error, StoreError::NotFound { kind: "app", .. }), "{error:?}");
        let error = store.users().tag("nobody", 100, &openids(&["o1"])).await.unwrap_err();
        assert!(matches!(error, StoreError::NotFound { kind: "app", .. }), "{error:?}");
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn what_wechat_tells_of_a_users_tags_is_all_there_is() {
    on_every_database(async |database| {
        let store = with_shop(&database).await;
        let told = |openid: &str, tag_ids: Option<Vec<u32>>| Profile {
            openid: openid.to_owned(),
            subscribed: tag_ids.is_some(),
            tag_ids,
            ..Profile::default()
        };
        let apply = async |profiles: &[Profile]| store.users().apply_profiles("shop", START, profiles).await.unwrap();
        for openid in ["o1", "o2", "o3"] {
            store.users().seen("shop", openid, true).await.unwrap();
        }
        apply(&[told("o1", Some(vec![7, 5, 7])), told("o2", Some(vec![5])), told("oNobody", Some(vec![5]))]).await;
        assert_eq!((tags_of(&store, "o1").await, tags_of(&store, "o2").await), (vec![5, 7], vec![5]));
        apply(&[told("o1", Some(vec![9])), told("o2", None), told("o3", Some(vec![]))]).await;
        assert_eq!((tags_of(&store, "o1").await, tags_of(&store, "o2").await), (vec![9], vec![5]));
        store.users().untag("shop", 9, &openids(&["o1", "o2", "oNobody", "o\0"])).await.unwrap();
        assert_eq!((tags_of(&store, "o1").await, tags_of(&store, "o2").await), (vec![], vec![5]));
        let filter = UserFilter { tag_id: Some(5), ..UserFilter::default() };
        let found = store.users().list("shop", &filter, None, 10).await.unwrap();
        assert_eq!(found.into_iter().map(|user| user.openid).collect::<Vec<_>>(), ["o2"]);
        assert!(store.apps().delete("shop").await.unwrap());
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn at_the_end_of_a_sync_those_count_whom_it_has_seen_or_who_came_since() {
    on_every_database(async |database| {
        let store = with_shop(&database).await;
        let users = store.users();
        let before = openids(&["o1", "o2", "o3"]);
        users.tag("shop", 5, &before).await.unwrap();
        users.blacklist("shop", &before).await.unwrap();
        let run = users.begin_sync("shop").await.unwrap();
        assert_eq!(users.begin_sync("shop").await.unwrap(), run + 1);
        // o1 is listed, o2 is changed by somebody meanwhile, o4 is new; another sync begins.
        let seen = openids(&["o1", "o2", "o4"]);
        users.tag("shop", 5, &seen).await.unwrap();
        users.blacklist("shop", &seen).await.unwrap();
        users.untag_all("shop", 5, Some(run)).await.unwrap();
        users.unblacklist_before("shop", run).await.unwrap();
        for (openid, stays) in [("o1", true), ("o2", true), ("o3", false), ("o4", true)] {
            let user = users.find("shop", openid).await.unwrap().unwrap();
            assert_eq!((user.tag_ids == [5], user.blacklisted), (stays, stays), "{openid}");
        }
        users.unblacklist("shop", &seen).await.unwrap();
        let filter = UserFilter { blacklisted: Some(true), ..UserFilter::default() };
        assert_eq!(users.list("shop", &filter, None, 10).await.unwrap(), []);
        let error = users.begin_sync("nobody").await.unwrap_err();
        assert!(matches!(error, StoreError::NotFound { kind: "app", .. }), "{error:?}");
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_list_of_followers_is_right_but_for_newer_events() {
    on_every_database(async |database| {
        let store = with_shop(&database).await;
        let users = store.users();
        users.unsubscribed("shop", "oLeftBefore", START - 1000).await.unwrap();
        users.unsubscribed("shop", "oLeftSince", START + 1).await.unwrap();
        users.subscribed("shop", "oGone", START - 1000, None, false).await.unwrap();
        users.subscribed("shop", "oJustCame", START + 1, None, false).await.unwrap();
        let run = users.begin_sync("shop").await.unwrap();
        let many: Vec<_> = (0..2500).map(|n| format!("o{n}")).collect();
        let listed = [&many[..], &openids(&["oLeftBefore", "oLeftSince", "o0"])].concat();
        users.follow("shop", run, START, &listed).await.unwrap();
        users.follow("shop", run, START, &listed[..10]).await.unwrap();
        assert_eq!(users.unfollow_unseen("shop", run, START).await.unwrap(), 1);
        for (openid, subscribed) in [
            ("oLeftBefore", true),
            ("oLeftSince", false),
            ("oGone", false),
            ("oJustCame", true),
            ("o0", true),
            ("o2499", true),
        ] {
            assert_eq!(users.find("shop", openid).await.unwrap().unwrap().subscribed, subscribed, "{openid}");
        }
        assert_eq!(users.last_synced("shop").await.unwrap(), "");
        users.set_last_synced("shop", "o2499").await.unwrap();
        assert_eq!(users.last_synced("shop").await.unwrap(), "o2499");

        let next = users.begin_sync("shop").await.unwrap();
        users.follow("shop", next, START, &openids(&["o0"])).await.unwrap();
        assert_eq!(users.unfollow_unseen("shop", next, START).await.unwrap(), 2500);
        store.close().await;
    })
    .await;
}
