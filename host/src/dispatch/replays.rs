//! A captured request cannot carry another message: its nonce belongs to the first one.

use std::{sync::Arc, time::Duration};

use moka::{policy::EvictionPolicy, sync::Cache};

/// How many nonces are remembered at most, over all apps.
const REMEMBERED_AT_MOST: u64 = 200_000;

/// WeChat's nonces have about ten digits. What is not remembered whole is not accepted.
const NONCE_BYTES: usize = 128;

/// The nonces of the time in which a timestamp is accepted.
#[derive(Clone)]
pub(super) struct Replays(Cache<(Arc<str>, Box<str>), Arc<str>>);

impl Replays {
    pub(super) fn new(window: Duration) -> Self {
        let nonces = Cache::builder()
            .time_to_live(window.max(Duration::from_secs(1)))
            .max_capacity(REMEMBERED_AT_MOST)
            .eviction_policy(EvictionPolicy::lru());
        Self(nonces.build())
    }

    /// Whether `nonce` comes for the first time, or with the same delivery as before: WeChat's own
    /// retries may repeat it.
    pub(super) fn is_first_or_same(&self, app: &str, nonce: &str, delivery: &Arc<str>) -> bool {
        if nonce.len() > NONCE_BYTES {
            return false;
        }
        let first = self.0.get_with((app.into(), nonce.into()), || Arc::clone(delivery));
        first == *delivery
    }
}
