//! WeChat's certificates: fetched, followed when new ones come, and used together with the public key.

use std::time::Duration;

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use weft::{
    clock::Clock,
    simulator::pay::{
        PayGateway,
        PlatformKey::{self, EndedCertificate, FirstCertificate, PublicKey, SecondCertificate},
    },
};

use super::merchants::MERCHANTS;
use crate::support::{
    TestApp,
    till::{self, MCH_ID},
};

/// A server with a merchant that has certificates, and the WeChat Pay that it calls.
struct Shop {
    app: TestApp,
    pay: PayGateway,
    clock: Clock,
}

impl Shop {
    async fn open(has_public_key: bool, signs: PlatformKey, listed: &[PlatformKey]) -> Self {
        let clock = Clock::manual(1_790_000_000);
        let pay = till::gateway("v3", "wx1", clock.clone()).await;
        pay.sign_with(signs, listed);
        let app = TestApp::start_at(clock.clone(), |config| config.pay.api_base.clone_from(&pay.base)).await;
        let mut merchant = till::merchant("v3");
        if !has_public_key {
            merchant.as_object_mut().unwrap().retain(|name, _| !name.starts_with("public_key"));
        }
        till::create(&app, merchant).await;
        Self { app, pay, clock }
    }

    /// Asks WeChat about an order.
    async fn sync(&self, number: &str) -> (u16, Value) {
        self.app.api(Method::POST, &format!("{MERCHANTS}/default/orders/{number}/sync"), None).await
    }

    /// Has an order paid, and WeChat tell of it; whether that was taken.
    async fn told(&self, number: &str) -> bool {
        till::paid(&self.app, &self.pay, number).await;
        let mut posted = self.pay.notification(MCH_ID, number).unwrap().unwrap();
        posted.url = format!("{}/wechat/shop/pay/default/notify/", self.app.base);
        let (status, _) = posted.send().await.unwrap();
        let (_, order) = self.app.api(Method::GET, &format!("{MERCHANTS}/default/orders/{number}"), None).await;
        assert_eq!(order["state"] == "SUCCESS", status == 200, "{order}");
        status == 200
    }

    fn fetched(&self) -> usize {
        self.pay.calls().iter().filter(|call| call.target == "/v3/certificates").count()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_are_fetched_once_and_followed_when_they_change() {
    let shop = Shop::open(false, FirstCertificate, &[FirstCertificate]).await;
    assert!(shop.told("T20260101").await);
    assert_eq!(shop.fetched(), 1);
    // A new one is listed a day before it is used: it is known when it is.
    shop.pay.sign_with(FirstCertificate, &[FirstCertificate, SecondCertificate]);
    shop.clock.advance(Duration::from_hours(2));
    assert!(shop.told("T20260102").await);
    assert_eq!(shop.fetched(), 2);
    shop.pay.sign_with(SecondCertificate, &[FirstCertificate, SecondCertificate]);
    assert!(shop.told("T20260103").await);
    assert_eq!(shop.fetched(), 2, "it was known before");
    // The old one signs once more, late, and then is gone.
    shop.pay.sign_with(FirstCertificate, &[SecondCertificate]);
    assert!(shop.told("T20260104").await);
    shop.pay.sign_with(SecondCertificate, &[SecondCertificate]);
    assert!(shop.told("T20260105").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_nobody_has_seen_fails_no_call() {
    let shop = Shop::open(false, FirstCertificate, &[FirstCertificate]).await;
    assert!(shop.told("T20260101").await);
    shop.clock.advance(Duration::from_mins(2));
    // Calls are on their way while WeChat changes over, without a word before.
    let syncs = join_all((0..10).map(async |number| {
        if number == 5 {
            shop.pay.sign_with(SecondCertificate, &[FirstCertificate, SecondCertificate]);
        }
        shop.sync("T20260101").await.0
    }));
    assert_eq!(syncs.await, [200; 10]);
    assert!(shop.told("T20260102").await);
    let fetched = shop.fetched();
    // Anybody can send a number that is not known: that has an end.
    shop.pay.sign_with(PublicKey, &[FirstCertificate, SecondCertificate]);
    for _ in 0..5 {
        assert_eq!(shop.sync("T20260101").await.0, 504, "this merchant has no public key");
    }
    assert_eq!(shop.fetched(), fetched);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_that_anybody_can_send_has_wechat_asked_once_although_it_lists_no_certificate() {
    let shop = Shop::open(true, PublicKey, &[]).await;
    till::paid(&shop.app, &shop.pay, "T20260101").await;
    let post = async || {
        let mut posted = shop.pay.notification(MCH_ID, "T20260101").unwrap().unwrap();
        posted.url = format!("{}/wechat/shop/pay/default/notify/", shop.app.base);
        let serial = posted.headers.iter_mut().find(|(name, _)| *name == "wechatpay-serial").unwrap();
        "7132D72A03E93CDDF8C03BBD1F37EEDF00000001".clone_into(&mut serial.1);
        posted.send().await.unwrap().0
    };
    assert_eq!(join_all((0..5).map(|_| post())).await, [401; 5]);
    assert_eq!(post().await, 401);
    assert_eq!(shop.fetched(), 1);
    shop.clock.advance(Duration::from_mins(2));
    assert_eq!(post().await, 401);
    assert_eq!(shop.fetched(), 2);
    assert_eq!(shop.sync("T20260101").await.0, 200, "what WeChat signs is believed all the same");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn notifications_that_come_while_wechat_fails_have_it_asked_once_in_a_while() {
    let shop = Shop::open(false, FirstCertificate, &[FirstCertificate]).await;
    assert!(shop.told("T20260101").await);
    let post = async || {
        let mut posted = shop.pay.notification(MCH_ID, "T20260101").unwrap().unwrap();
        posted.url = format!("{}/wechat/shop/pay/default/notify/", shop.app.base);
        posted.send().await.unwrap().0
    };
    // What was fetched has grown old.
    shop.clock.advance(Duration::from_mins(61));
    shop.pay.lose_answers(2);
    assert_eq!(join_all((0..5).map(|_| post())).await, [401; 5]);
    assert_eq!(post().await, 401);
    assert_eq!(shop.fetched(), 2);
    shop.clock.advance(Duration::from_secs(10));
    assert_eq!(post().await, 401);
    assert_eq!(shop.fetched(), 3);
    shop.clock.advance(Duration::from_secs(10));
    assert_eq!(post().await, 200);
    assert_eq!(shop.fetched(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_whose_time_is_over_proves_nothing() {
    let shop = Shop::open(false, FirstCertificate, &[EndedCertificate, FirstCertificate]).await;
    assert!(shop.told("T20260101").await, "that an old one is listed, too, does not matter");
    shop.pay.sign_with(EndedCertificate, &[EndedCertificate, FirstCertificate]);
    shop.clock.advance(Duration::from_mins(2));
    let (status, problem) = shop.sync("T20260101").await;
    assert_eq!((status, &problem["type"]), (504, &json!("wechat-pay-outcome-unknown")), "{problem}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_and_the_public_key_are_in_use_together_while_a_merchant_changes_over() {
    let both = [FirstCertificate];
    let shop = Shop::open(true, FirstCertificate, &both).await;
    assert!(shop.told("T20260101").await, "signed with a certificate, although there is a public key");
    shop.pay.sign_with(PublicKey, &both);
    assert!(shop.told("T20260102").await);
    for (number, key) in [(3, FirstCertificate), (4, PublicKey), (5, FirstCertificate)] {
        shop.pay.sign_with(key, &both);
        assert!(shop.told(&format!("T2026010{number}")).await);
        assert_eq!(shop.sync("T20260101").await.0, 200);
    }
    assert_eq!(shop.fetched(), 1);
}
