//! Getting a new credential: from the database, when another replica was faster, or fetched under a lease.

use std::time::Duration;

use tokio::time::Instant;

use super::{Fetch, Inner};
use crate::model::{App, Credential};
use crate::storage::{FetchedCredential, with_causes};
use crate::upstream::{TokenError, TransportError};

/// How long fetching may take, all tries together.
const FETCH_TIMEOUT: Duration = Duration::from_secs(15);
/// For how long the lease is taken, in seconds: longer than fetching takes.
const LEASE: u64 = 20;
/// How long to wait for another replica that holds the lease, and how often to look.
const WAIT_TIMEOUT: Duration = Duration::from_secs(25);
const LOOK: Duration = Duration::from_millis(50);
/// How long before its end a credential is replaced: from then on WeChat hands out the next access token, and takes
/// both.
const LEAD: u64 = 300;

/// Which credential is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// One that has not ended, of a later version than this.
    LaterThan(u64),
    /// One that is fetched now, whatever there is.
    Forced,
}

impl<F: Fetch> Inner<F> {
    /// What is wanted, from wherever it comes.
    pub(super) async fn get(&self, app: &App, wanted: Wanted) -> Result<Credential, TokenError> {
        let began = Instant::now();
        let credentials = self.store.credentials(self.fetch.kind());
        loop {
            let stored = credentials.find(app).await?;
            let now = self.clock.now();
            let is_wanted = |known: &Credential| match wanted {
                Wanted::LaterThan(version) => known.version > version && known.expires_at > now,
                Wanted::Forced => false,
            };
            if let Some(known) = stored.credential.filter(is_wanted) {
                return Ok(known);
            }
            let until = now.saturating_add(LEASE);
            if credentials.lease(&app.name, stored.version, &self.holder, until).await? {
                if let Some(fetched) = self.fetch_and_store(app, wanted == Wanted::Forced).await? {
                    return Ok(fetched);
                }
            } else {
                tokio::time::sleep(LOOK).await;
            }
            if began.elapsed() > WAIT_TIMEOUT {
                return Err(TokenError::Waiting);
            }
        }
    }

    /// None when that took so long that another replica has the lease now.
    async fn fetch_and_store(&self, app: &App, forced: bool) -> Result<Option<Credential>, TokenError> {
        let too_long = |_| Err(TokenError::Transport(TransportError::Timeout(FETCH_TIMEOUT)));
        let fetching = self.fetch.fetch(app, forced);
        let fetched = tokio::time::timeout(FETCH_TIMEOUT, fetching).await.unwrap_or_else(too_long);
        let credentials = self.store.credentials(self.fetch.kind());
        match fetched {
            Ok(fetched) => {
                let (refresh_at, expires_at) = lifetime(self.clock.now(), fetched.expires_in);
                let fetched = FetchedCredential { secret: &fetched.secret, refresh_at, expires_at };
                Ok(credentials.put(app, &self.holder, fetched).await?)
            }
            Err(error) => {
                // The first error tells more, and the lease runs out by itself.
                if let Err(error) = credentials.release(&app.name, &self.holder).await {
                    let error = with_causes(&error);
                    tracing::warn!(app = app.name, %error, "the lease of an access token or ticket stays until it ends");
                }
                Err(error)
            }
        }
    }
}

/// When a credential that lives for `expires_in` seconds is replaced, and when it ends. Those that live for minutes are
/// replaced in the middle of their life; a little later for some, so that not all come at once.
fn lifetime(now: u64, expires_in: u64) -> (u64, u64) {
    let lead = LEAD.min(expires_in / 2);
    let late = rand::random_range(0..=lead / 5);
    let expires_at = now.saturating_add(expires_in);
    (expires_at.saturating_sub(lead).saturating_add(late), expires_at)
}

#[cfg(test)]
mod tests {
    use super::lifetime;

    #[test]
    fn a_token_is_replaced_five_minutes_before_its_end_or_in_the_middle_of_a_short_life() {
        for (expires_in, earliest, latest) in
            [(7200, 6900, 6960), (600, 300, 360), (301, 151, 181), (60, 30, 36), (1, 1, 1), (0, 0, 0)]
        {
            for _ in 0..100 {
                let (refresh_at, expires_at) = lifetime(1000, expires_in);
                assert_eq!(expires_at, 1000 + expires_in);
                assert!((1000 + earliest..=1000 + latest).contains(&refresh_at), "{expires_in}: {refresh_at}");
            }
        }
        assert_eq!(lifetime(1000, u64::MAX).1, u64::MAX);
    }
}
