//! Access tokens: fetched once for all, replaced in time, and kept from eyes.

use std::time::{Duration, Instant};

use futures::future::join_all;
use weft::{
    model::{AccessTokenSource, App},
    secret::Secret,
    simulator::wechat::Fault,
    storage::StoreError,
    upstream::TokenError,
};

use super::{APPID, House, SECRET, STABLE_TOKEN, USER_INFO, in_a_house, shown};
use crate::support::{PATIENCE, database::on_every_database};

const TOKEN: &str = "/cgi-bin/token";

/// Many calls at once.
async fn calls(house: &House<'_>, number: usize) {
    for outcome in join_all((0..number).map(|_| house.info())).await {
        outcome.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_calls_at_once_fetch_one_token() {
    on_every_database(async |database| {
        let house = House::at(&database).await;
        calls(&house, 200).await;
        assert_eq!(house.simulated.count(STABLE_TOKEN), 1, "there was none");
        database.clock.advance(Duration::from_hours(2));
        calls(&house, 200).await;
        assert_eq!(house.simulated.count(STABLE_TOKEN), 2, "it had ended");
        house.simulated.invalidate_token(APPID);
        calls(&house, 200).await;
        assert_eq!(house.simulated.count(STABLE_TOKEN), 3, "somebody else had ended it");
        house.store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_call_that_is_given_up_does_not_take_the_token_with_it() {
    in_a_house(async |house| {
        house.simulated.fault(STABLE_TOKEN, Fault::Delay(Duration::from_millis(400)), 1);
        let hasty = tokio::time::timeout(Duration::from_millis(50), house.info());
        assert!(hasty.await.is_err());
        house.info().await.unwrap();
        assert_eq!(house.simulated.count(STABLE_TOKEN), 1);
    })
    .await;
}

#[tokio::test]
async fn a_token_outlives_the_process_and_is_sealed() {
    on_every_database(async |database| {
        let house = House::at(&database).await;
        let token = house.wechat.access_token(&house.app).await.unwrap();
        assert!(token.secret.expose().len() > 100);
        assert_eq!(*house.replica().await.access_token(&house.app).await.unwrap(), *token);
        assert_eq!(house.simulated.count(STABLE_TOKEN), 1);
        house.store.close().await;
        if let Some(file) = database.file() {
            let bytes = std::fs::read(file).unwrap();
            let text = token.secret.expose().as_bytes();
            assert!(!bytes.windows(text.len()).any(|window| window == text));
        }
    })
    .await;
}

#[tokio::test]
async fn a_token_in_use_is_replaced_in_the_background_before_it_ends() {
    on_every_database(async |database| {
        let house = House::at(&database).await;
        let first = house.wechat.access_token(&house.app).await.unwrap();
        let keeping = tokio::spawn(house.wechat.clone().keep_fresh());
        database.clock.advance(Duration::from_secs(6961));
        let deadline = Instant::now() + PATIENCE;
        while house.simulated.count(STABLE_TOKEN) < 2 && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(house.simulated.count(STABLE_TOKEN), 2);
        keeping.abort();
        // Far beyond the first one's end nobody has to wait for another.
        database.clock.advance(Duration::from_mins(5));
        let second = house.wechat.access_token(&house.app).await.unwrap();
        assert!(second.version > first.version && second.secret != first.secret);
        assert_eq!(house.simulated.count(STABLE_TOKEN), 2);
        house.store.close().await;
    })
    .await;
}

#[tokio::test]
async fn nobody_waits_for_a_token_that_is_replaced_and_it_stays_until_it_ends() {
    in_a_house(async |house| {
        let first = house.wechat.access_token(&house.app).await.unwrap();
        house.simulated.fault(STABLE_TOKEN, Fault::Errcode(40164), 99);
        house.database.clock.advance(Duration::from_secs(7000));
        assert_eq!(house.wechat.access_token(&house.app).await.unwrap(), first, "at once");
        let deadline = Instant::now() + PATIENCE;
        while house.simulated.count(STABLE_TOKEN) < 2 && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        for _ in 0..20 {
            house.info().await.unwrap();
        }
        assert_eq!(house.simulated.count(STABLE_TOKEN), 2, "not at every call");
        house.database.clock.advance(Duration::from_secs(200));
        let error = house.info().await.unwrap_err();
        assert_eq!(error.errcode(), Some(40164));
        assert!(error.to_string().contains("whitelist"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_failure_answers_for_all_who_wait_and_for_those_who_come_at_once_again() {
    in_a_house(async |house| {
        house.simulated.fault(STABLE_TOKEN, Fault::Errcode(40125), 99);
        let outcomes = join_all((0..50).map(|_| house.info())).await;
        assert!(outcomes.into_iter().all(|outcome| outcome.unwrap_err().errcode() == Some(40125)));
        house.info().await.unwrap_err();
        assert_eq!(house.simulated.count(STABLE_TOKEN), 1);
    })
    .await;
}

#[tokio::test]
async fn another_secret_appid_or_source_needs_another_token() {
    on_every_database(async |database| {
        let house = House::at(&database).await;
        let first = house.wechat.access_token(&house.app).await.unwrap();
        let wrong = App { appsecret: Some(Secret::new("wrong")), ..house.app.clone() };
        let error = house.wechat.access_token(&wrong).await.unwrap_err();
        assert!(matches!(&*error, TokenError::Refused(refusal) if refusal.errcode == 40125), "{error:?}");
        house.simulated.add_account("wxother", SECRET);
        let other = App { appid: "wxother".to_owned(), ..house.app.clone() };
        let second = house.wechat.access_token(&other).await.unwrap();
        assert_ne!(second.secret, first.secret);
        // A process that starts now does not take the one for the other.
        let third = house.replica().await.access_token(&house.app).await.unwrap();
        assert_eq!((&third.secret, house.simulated.count(STABLE_TOKEN)), (&first.secret, 4));
        house.store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_classic_token_is_had_where_the_app_says_so() {
    in_a_house(async |house| {
        let mut app = house.app.clone();
        app.settings.access_token_source = AccessTokenSource::Classic;
        let token = house.wechat.access_token(&app).await.unwrap();
        assert_eq!((house.simulated.count(TOKEN), house.simulated.count(STABLE_TOKEN)), (1, 0));
        assert!(house.simulated.calls().iter().all(|call| call.appid.as_deref() == Some(APPID)));
        assert_eq!(token.expires_at, house.database.clock.now() + 7200);
    })
    .await;
}

#[tokio::test]
async fn an_operators_address_hands_out_tokens() {
    in_a_house(async |house| {
        let mut app = App { appsecret: None, ..house.app.clone() };
        app.settings.access_token_source = AccessTokenSource::Url;
        app.settings.access_token_url = Some(format!("{}/tokens/shop?key=hunter2", house.simulated.base));
        house.simulated.fault("/tokens/shop", Fault::Status(404), 1);
        let error = house.wechat.access_token(&app).await.unwrap_err();
        assert!(matches!(*error, TokenError::Transport(_)) && !shown(&error).contains("hunter2"), "{error:?}");

        app.settings.access_token_url = Some(format!("{}/tokens/blog?key=hunter2", house.simulated.base));
        let body = r#"{"access_token":"handed out","expires_in":100}"#;
        house.simulated.fault("/tokens/blog", Fault::Text(body.to_owned()), 1);
        let token = house.wechat.access_token(&app).await.unwrap();
        assert_eq!(token.secret, Secret::new("handed out"));
        assert_eq!(token.expires_at, house.database.clock.now() + 100);
        assert_eq!(house.simulated.count(STABLE_TOKEN), 0);
    })
    .await;
}

#[tokio::test]
async fn tokens_that_are_fetched_too_often_pause_too() {
    in_a_house(async |house| {
        house.simulated.fault(STABLE_TOKEN, Fault::Errcode(45009), 1);
        assert_eq!(house.info().await.unwrap_err().errcode(), Some(45009));
        // For a moment the failure itself answers.
        let deadline = Instant::now() + PATIENCE;
        let mut error = house.wechat.access_token(&house.app).await.unwrap_err();
        while !matches!(*error, TokenError::Paused { errcode: 45009, .. }) {
            assert!(Instant::now() < deadline, "{error:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
            error = house.wechat.access_token(&house.app).await.unwrap_err();
        }
        assert_eq!(house.simulated.count(STABLE_TOKEN), 1);
    })
    .await;
}

#[tokio::test]
async fn an_app_that_is_gone_has_no_token() {
    on_every_database(async |database| {
        let house = House::at(&database).await;
        house.info().await.unwrap();
        assert!(house.store.apps().delete("shop").await.unwrap());
        database.clock.advance(Duration::from_hours(2));
        let error = house.wechat.access_token(&house.app).await.unwrap_err();
        assert!(matches!(*error, TokenError::Store(StoreError::NotFound { .. })), "{error:?}");
        assert_eq!(house.simulated.count(USER_INFO), 1);
        house.store.close().await;
    })
    .await;
}
