//! Several processes on one database.

use std::time::{Duration, Instant};

use futures::future::join_all;
use weft::{model::CredentialKind, secret::Secret, storage::FetchedCredential, upstream::TokenError};
use weft_wechat::api::user::info::UserInfo;

use super::{APPID, House, STABLE_TOKEN};
use crate::support::database::on_every_database;

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_with_two_hundred_calls_fetch_one_token() {
    on_every_database(async |database| {
        let house = House::at(&database).await;
        let processes = [house.wechat.clone(), house.replica().await];
        let calls = async || {
            let calls = (0..200).map(|number| processes[number % 2].call(&house.app, &UserInfo { openid: "oU" }));
            for outcome in join_all(calls).await {
                outcome.unwrap();
            }
        };
        calls().await;
        assert_eq!(house.simulated.count(STABLE_TOKEN), 1, "there was none");
        database.clock.advance(Duration::from_hours(2));
        calls().await;
        assert_eq!(house.simulated.count(STABLE_TOKEN), 2, "it had ended");
        house.simulated.invalidate_token(APPID);
        calls().await;
        assert_eq!(house.simulated.count(STABLE_TOKEN), 3, "somebody else had ended it");
        house.store.close().await;
    })
    .await;
}

#[tokio::test]
async fn one_waits_while_another_fetches_and_goes_on_when_the_other_died() {
    on_every_database(async |database| {
        let house = House::at(&database).await;
        let tokens = house.store.credentials(CredentialKind::AccessToken);
        let now = database.clock.now();
        assert!(tokens.lease("shop", 0, "another process", now + 20).await.unwrap());
        assert!(!tokens.lease("shop", 0, "a third", now + 20).await.unwrap());
        let waiting = tokio::time::timeout(Duration::from_millis(300), house.info());
        assert!(waiting.await.is_err(), "it waits");
        assert_eq!(house.simulated.count(STABLE_TOKEN), 0);

        // The other one is done: its token is taken.
        let token = Secret::new("from another process");
        let fetched = FetchedCredential { secret: &token, refresh_at: now + 100, expires_at: now + 200 };
        assert!(tokens.put(&house.app, "a third", fetched).await.unwrap().is_none(), "it has no lease");
        let put = tokens.put(&house.app, "another process", fetched).await.unwrap().unwrap();
        assert_eq!(*house.wechat.access_token(&house.app).await.unwrap(), put);

        // Another one dies while it fetches: its lease ends.
        database.clock.advance(Duration::from_secs(200));
        let now = database.clock.now();
        assert!(!tokens.lease("shop", put.version - 1, "another process", now + 20).await.unwrap(), "an old version");
        assert!(tokens.lease("shop", put.version, "another process", now + 20).await.unwrap());
        let began = Instant::now();
        let (outcome, ()) = tokio::join!(house.info(), async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            database.clock.advance(Duration::from_secs(20));
        });
        outcome.unwrap();
        assert!(began.elapsed() >= Duration::from_millis(200));
        assert_eq!(house.simulated.count(STABLE_TOKEN), 1);
        house.store.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_lease_is_given_back_when_fetching_fails() {
    on_every_database(async |database| {
        let house = House::at(&database).await;
        house.simulated.add_account(APPID, "another secret");
        let error = house.wechat.access_token(&house.app).await.unwrap_err();
        assert!(matches!(&*error, TokenError::Refused(refusal) if refusal.errcode == 40125), "{error:?}");
        let tokens = house.store.credentials(CredentialKind::AccessToken);
        assert!(tokens.lease("shop", 0, "another process", database.clock.now() + 20).await.unwrap());
        house.store.close().await;
    })
    .await;
}
