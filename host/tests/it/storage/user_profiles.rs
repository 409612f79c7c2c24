//! Table `users`: what WeChat tells of them, and who is due to be asked about.

use std::time::Duration;

use weft::model::{Profile, User};

use super::{
    add_app,
    users::{bare, user, with_shop},
};
use crate::support::database::{START, on_every_database};

fn profile(openid: &str) -> Profile {
    Profile {
        openid: openid.to_owned(),
        unionid: Some("u1".to_owned()),
        subscribed: true,
        subscribed_at: Some(90),
        subscribe_scene: Some("ADD_SCENE_SEARCH".to_owned()),
        qr_scene: Some(String::new()),
        nickname: Some("小\0明".to_owned()),
        avatar_url: Some("https://wx.qlogo.cn/1".to_owned()),
        language: Some("zh_CN".to_owned()),
        remark: Some("vip".to_owned()),
        tag_ids: Some(vec![2, 134]),
    }
}

#[tokio::test]
async fn a_profile_fills_in_what_is_not_known_and_keeps_what_it_leaves_out() {
    on_every_database(async |database| {
        let store = with_shop(&database).await;
        store.users().seen("shop", "o1", true).await.unwrap();
        database.clock.advance(Duration::from_secs(3));
        let profiles = [profile("o1"), profile("stranger")];
        store.users().apply_profiles("shop", START, &profiles).await.unwrap();
        let known = user(&store, "o1").await;
        assert_eq!(
            known,
            User {
                unionid: Some("u1".to_owned()),
                subscribed: true,
                subscribed_at: Some(90),
                first_subscribed_at: Some(90),
                subscribe_scene: Some("ADD_SCENE_SEARCH".to_owned()),
                nickname: Some("小明".to_owned()),
                avatar_url: Some("https://wx.qlogo.cn/1".to_owned()),
                language: Some("zh_CN".to_owned()),
                remark: "vip".to_owned(),
                tag_ids: vec![2, 134],
                profile_fetched_at: Some(START + 3),
                updated_at: START + 3,
                ..bare("o1")
            }
        );
        assert_eq!(store.users().find("shop", "stranger").await.unwrap(), None);

        let emptied = Profile { nickname: Some(String::new()), remark: Some(String::new()), ..profile("o1") };
        store.users().apply_profiles("shop", START + 3, &[emptied]).await.unwrap();
        assert_eq!(user(&store, "o1").await, User { remark: String::new(), ..known.clone() });

        let gone = Profile { openid: "o1".to_owned(), ..Profile::default() };
        store.users().apply_profiles("shop", START + 3, &[gone]).await.unwrap();
        assert_eq!(user(&store, "o1").await, User { subscribed: false, remark: String::new(), ..known });
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn an_event_that_is_newer_than_a_profile_stands() {
    on_every_database(async |database| {
        let store = with_shop(&database).await;
        let users = store.users();
        let not_following = |openid: &str| Profile { openid: openid.to_owned(), ..Profile::default() };

        users.subscribed("shop", "o1", START - 1000, None, true).await.unwrap();
        users.unsubscribed("shop", "o1", START).await.unwrap();
        let following = Profile { subscribed_at: Some(START - 1000), ..profile("o1") };
        users.apply_profiles("shop", START - 1, &[following]).await.unwrap();
        assert!(!user(&store, "o1").await.subscribed, "they left while it was asked");
        let back = Profile { subscribed_at: Some(START + 10), ..profile("o1") };
        users.apply_profiles("shop", START + 20, &[back]).await.unwrap();
        assert!(user(&store, "o1").await.subscribed, "they are back, and the event was lost");

        users.subscribed("shop", "o2", START, None, true).await.unwrap();
        users.apply_profiles("shop", START - 1, &[not_following("o2")]).await.unwrap();
        users.apply_profiles("shop", START + 60, &[not_following("o2")]).await.unwrap();
        assert!(user(&store, "o2").await.subscribed, "the event is as good as new");
        users.apply_profiles("shop", START + 1000, &[not_following("o2")]).await.unwrap();
        assert!(!user(&store, "o2").await.subscribed, "they left, and the event was lost");
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn who_is_due_for_a_profile_is_taken_once_and_again_after_growing_pauses() {
    on_every_database(async |database| {
        let store = with_shop(&database).await;
        let users = store.users();
        add_app(&store, "blog").await;
        users.seen("shop", "o1", true).await.unwrap();
        users.seen("shop", "o2", false).await.unwrap();
        database.clock.advance(Duration::from_secs(1));
        users.seen("shop", "o3", true).await.unwrap();
        assert_eq!(users.apps_with_profiles_due().await.unwrap(), ["shop"]);
        let take = async || users.take_profiles_due("shop", 100).await.unwrap();
        assert_eq!(users.take_profiles_due("shop", 1).await.unwrap(), ["o1"]);
        assert_eq!(take().await, ["o3"]);
        assert_eq!(users.apps_with_profiles_due().await.unwrap(), [""; 0]);

        users.apply_profiles("shop", START, &[profile("o1")]).await.unwrap();
        for pause in [60, 600, 3600, 21_600, 86_400, 86_400] {
            database.clock.advance(Duration::from_secs(pause - 1));
            assert_eq!(take().await, [""; 0], "{pause}");
            database.clock.advance(Duration::from_secs(1));
            assert_eq!(take().await, ["o3"], "{pause}");
        }
        users.has_no_profile("shop", "o3").await.unwrap();
        database.clock.advance(Duration::from_secs(1_000_000));
        assert_eq!(take().await, [""; 0], "WeChat knows no such user");
        users.subscribed("shop", "o3", 5, None, true).await.unwrap();
        assert_eq!(take().await, ["o3"], "now it must");
        users.unsubscribed("shop", "o3", 6).await.unwrap();
        database.clock.advance(Duration::from_secs(1_000_000));
        assert_eq!(take().await, [""; 0], "of those who left WeChat tells nothing");
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_never_take_the_same_user_at_once() {
    on_every_database(async |database| {
        let store = with_shop(&database).await;
        let replica = database.connect().await;
        for n in 0..60 {
            store.users().seen("shop", &format!("o{n}"), true).await.unwrap();
        }
        let rounds = (0..8).map(|n| {
            let store = if n % 2 == 0 { store.clone() } else { replica.clone() };
            async move { store.users().take_profiles_due("shop", 20).await.unwrap() }
        });
        let mut taken: Vec<_> = futures::future::join_all(rounds).await.into_iter().flatten().collect();
        let all = taken.len();
        taken.sort();
        taken.dedup();
        assert_eq!(taken.len(), all);
        store.close().await;
        replica.close().await;
    })
    .await;
}
