//! A captured request cannot carry another message: its nonce belongs to the first one.

use std::{sync::Arc, time::Duration};

use crate::{accounts::Account, newest::Newest, storage::DeliveryKey};

/// How many nonces are remembered at least, over all apps, within their time.
const REMEMBERED: usize = 200_000;

/// WeChat's nonces have about ten digits. What is not remembered whole is not accepted.
const NONCE_BYTES: usize = 128;

/// The nonces of the time in which a timestamp is accepted, each with the delivery that it came with first.
#[derive(Clone)]
pub(super) struct Replays {
    nonces: Arc<Newest<Box<str>, DeliveryKey>>,
    window: Duration,
}

impl Replays {
    pub(super) fn new(window: Duration) -> Self {
        Self { nonces: Arc::new(Newest::new(REMEMBERED, |_| false)), window: window.max(Duration::from_secs(1)) }
    }

    /// Whether `nonce` comes for the first time, or with the same delivery as before: WeChat's own
    /// retries may repeat it.
    pub(super) fn is_first_or_same(&self, account: &Account, nonce: &str, delivery: DeliveryKey) -> bool {
        if nonce.len() > NONCE_BYTES {
            return false;
        }
        let key = [account.app.name.as_str(), "/", nonce].concat().into_boxed_str();
        self.nonces.get_or_insert_with(account.number, key, || delivery) == delivery
    }

    /// Forgets nonces whose timestamps are no longer accepted, for as long as it is polled.
    pub(super) async fn forget(self) {
        loop {
            tokio::time::sleep(self.window).await;
            self.nonces.grow_old();
        }
    }
}
