//! A captured request cannot carry another message: its nonce belongs to the first one.

use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};

use quick_cache::sync::Cache;

use super::newest::newest;

/// How many nonces are remembered at most, over all apps.
const REMEMBERED_AT_MOST: usize = 200_000;

/// WeChat's nonces have about ten digits. What is not remembered whole is not accepted.
const NONCE_BYTES: usize = 128;

/// The nonces of the time in which a timestamp is accepted.
#[derive(Clone)]
pub(super) struct Replays {
    nonces: Arc<Cache<Box<str>, First>>,
    window: Duration,
}

/// The delivery that a nonce came with first.
#[derive(Clone)]
struct First {
    delivery: Arc<str>,
    at: Instant,
}

impl Replays {
    pub(super) fn new(window: Duration) -> Self {
        Self { nonces: Arc::new(newest(REMEMBERED_AT_MOST)), window: window.max(Duration::from_secs(1)) }
    }

    /// Whether `nonce` comes for the first time, or with the same delivery as before: WeChat's own
    /// retries may repeat it.
    pub(super) fn is_first_or_same(&self, app: &str, nonce: &str, delivery: &Arc<str>) -> bool {
        if nonce.len() > NONCE_BYTES {
            return false;
        }
        let key = format!("{app}/{nonce}").into_boxed_str();
        let first = self.nonces.get_or_insert_with(&key, || {
            Ok::<_, Infallible>(First { delivery: Arc::clone(delivery), at: Instant::now() })
        });
        let Ok(first) = first;
        first.delivery == *delivery
    }

    /// Forgets nonces whose timestamps are no longer accepted, for as long as it is polled.
    pub(super) async fn forget(self) {
        loop {
            tokio::time::sleep(self.window).await;
            self.nonces.retain(|_, first| first.at.elapsed() < self.window);
        }
    }
}
