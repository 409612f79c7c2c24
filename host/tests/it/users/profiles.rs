//! Profiles of users, looked up in the background.

use std::{
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use tokio_util::sync::CancellationToken;
use weft::{
    model::{App, AppType, Profile},
    users::FetchError,
};

use super::{NEW, WeChat, has_profile, shop, text};
use crate::support::{
    PATIENCE,
    database::{on_every_database, on_sqlite},
};

#[tokio::test]
async fn new_users_are_looked_up_a_hundred_at_a_time_and_once() {
    on_every_database(async |database| {
        let (store, users, app) = shop(&database).await;
        let wechat = WeChat::default();
        for n in 0..130 {
            users.note(&app, &text(&format!("o{n}"))).await;
        }
        let mini = store.apps().insert(&App::new("mini", AppType::Miniprogram, "wx2")).await.unwrap();
        assert_eq!(users.note(&mini, &text("o1")).await, NEW, "there is nothing to ask about its users");
        assert_eq!(wechat.round(&users).await, 2);
        assert!(has_profile(&store, "o0").await && has_profile(&store, "o129").await);
        database.clock.advance(Duration::from_secs(1_000_000));
        assert_eq!(wechat.round(&users).await, 0);
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn one_openid_that_wechat_refuses_spoils_no_other() {
    on_every_database(async |database| {
        let (store, users, app) = shop(&database).await;
        let wechat = WeChat::default();
        for openid in ["o1", "o2", "bad3", "o4", "left5", "bad6", "o7"] {
            users.note(&app, &text(openid)).await;
        }
        wechat.round(&users).await;
        for openid in ["o1", "o2", "o4", "o7"] {
            assert!(has_profile(&store, openid).await, "{openid}");
        }
        assert_eq!(wechat.round(&users).await, 0);
        database.clock.advance(Duration::from_mins(1));
        let fetch = |app, openids| std::future::ready(wechat.answer(app, openids));
        users.fetch_profiles_due(&fetch).await.unwrap();
        let asked = wechat.asked.lock().unwrap().clone();
        assert_eq!(asked, [("shop".to_owned(), vec!["left5".to_owned()])], "who was left out, and nobody else");
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn an_app_whose_users_wechat_does_not_know_delays_no_other_and_asks_so_often_in_a_round() {
    on_sqlite(async |database| {
        let (store, users, app) = shop(&database).await;
        let zoo = store.apps().insert(&App::new("zoo", AppType::Subscription, "wx2")).await.unwrap();
        for n in 0..100 {
            users.note(&app, &text(&format!("bad{n}"))).await;
        }
        users.note(&zoo, &text("o1")).await;
        let (zoo_is_asked, questions) = (CancellationToken::new(), AtomicUsize::new(0));
        let fetch = |app: String, _: Vec<String>| {
            let (zoo_is_asked, questions) = (&zoo_is_asked, &questions);
            async move {
                if app == "zoo" {
                    zoo_is_asked.cancel();
                    return Ok(Vec::<Profile>::new());
                }
                questions.fetch_add(1, Relaxed);
                zoo_is_asked.cancelled().await;
                Err(FetchError::InvalidOpenid)
            }
        };
        let round = tokio::time::timeout(PATIENCE, users.fetch_profiles_due(&fetch)).await;
        assert!(!round.expect("the other app is asked for meanwhile").unwrap(), "what is left can wait");
        assert_eq!(questions.load(Relaxed), 32);
        // Whom WeChat has refused alone is not asked about again; the others are, as soon each time.
        for asked in [64, 96] {
            database.clock.advance(Duration::from_mins(1));
            users.fetch_profiles_due(&fetch).await.unwrap();
            assert_eq!(questions.load(Relaxed), asked);
        }
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn an_app_whose_questions_fail_is_left_alone_for_growing_pauses() {
    on_sqlite(async |database| {
        let (store, users, app) = shop(&database).await;
        let wechat = WeChat::default();
        let fail = |error| *wechat.fails.lock().unwrap() = error;
        fail(Some(FetchError::Failed("system busy".to_owned())));
        users.note(&app, &text("o1")).await;
        let blog = store.apps().insert(&App::new("blog", AppType::Subscription, "wx2")).await.unwrap();
        assert_eq!(wechat.round(&users).await, 1);
        users.note(&app, &text("o2")).await;
        database.clock.advance(Duration::from_secs(59));
        assert_eq!(wechat.round(&users).await, 0);
        database.clock.advance(Duration::from_secs(1));
        assert_eq!(wechat.round(&users).await, 1);
        database.clock.advance(Duration::from_secs(119));
        assert_eq!(wechat.round(&users).await, 0);

        users.note(&blog, &text("o1")).await;
        fail(None);
        assert_eq!(wechat.round(&users).await, 1, "another app does not wait");
        assert!(!has_profile(&store, "o1").await);
        database.clock.advance(Duration::from_mins(10));
        assert_eq!(wechat.round(&users).await, 1);
        assert!(has_profile(&store, "o1").await && has_profile(&store, "o2").await);

        fail(Some(FetchError::Unable("the app has no appsecret".to_owned())));
        users.note(&app, &text("o3")).await;
        assert_eq!(wechat.round(&users).await, 1);
        database.clock.advance(Duration::from_mins(15));
        assert_eq!(wechat.round(&users).await, 0);
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_user_is_looked_up_at_once_in_the_background() {
    on_sqlite(async |database| {
        let (store, users, app) = shop(&database).await;
        let wechat = WeChat::default();
        let fetching = tokio::spawn(users.clone().fetch_profiles({
            let wechat = wechat.clone();
            move |app, openids| std::future::ready(wechat.answer(app, openids))
        }));
        for openid in ["o1", "o2"] {
            users.note(&app, &text(openid)).await;
            let known = async {
                while !has_profile(&store, openid).await {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            };
            tokio::time::timeout(PATIENCE, known).await.unwrap();
        }
        fetching.abort();
        drop(fetching.await);
        store.close().await;
    })
    .await;
}
