//! Looking users up at WeChat, in the background: never while somebody waits for an answer.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use futures::{StreamExt, stream};
use parking_lot::Mutex;

use super::{Users, halves::Halves};
use crate::{
    model::Profile,
    storage::{StoreError, with_causes},
};

/// How many users WeChat is asked about at a time.
const BATCH: usize = 100;

/// How many apps WeChat is asked for at a time.
const AT_ONCE: usize = 16;

/// How often WeChat is asked for one app in a round: of users whom it does not know it tells one at a time.
const QUESTIONS: usize = 32;

/// How long one question may take; later than that no other is asked for the app in the same round.
const FETCH_TIMEOUT: Duration = Duration::from_secs(30);

/// How often to look for users who are due again.
const POLL: Duration = Duration::from_secs(30);

/// The pause of an app after its first failure, in seconds. Each one is twice as long as the one before.
const FIRST_PAUSE: u64 = 60;

/// The longest pause, in seconds.
const LONGEST_PAUSE: u64 = 960;

/// Why WeChat did not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// It does not know one of the openids, or no longer does (40003).
    #[error("WeChat knows no such user")]
    InvalidOpenid,
    /// The app may not ask, or has not what it needs for it. In words for the log.
    #[error("{0}")]
    Unable(String),
    /// Anything else, in words for the log.
    #[error("{0}")]
    Failed(String),
}

/// Apps that are not asked about for now.
#[derive(Default)]
pub(super) struct Pauses(Mutex<HashMap<String, Pause>>);

#[derive(Clone, Copy)]
struct Pause {
    seconds: u64,
    /// Seconds since 1970.
    until: u64,
}

impl Users {
    /// Has users looked up as they come and as they are due again, for as long as it is polled.
    ///
    /// `fetch` asks WeChat about the openids of one app, at most 100, and answers in any order what it was told; whom
    /// the answer leaves out is asked about again later.
    pub async fn fetch_profiles<Fetch, Answer>(self, fetch: Fetch)
    where
        Fetch: Fn(String, Vec<String>) -> Answer,
        Answer: Future<Output = Result<Vec<Profile>, FetchError>>,
    {
        loop {
            match self.fetch_profiles_due(&fetch).await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => {
                    let error = with_causes(&error);
                    tracing::warn!(%error, "the profiles of users could not be brought up to date");
                }
            }
            // When the time is over it is time to look, too.
            drop(tokio::time::timeout(POLL, self.wanted.notified()).await);
        }
    }

    /// One round: asks once about the users of each app who are due. Says whether there may be more. The apps are served
    /// side by side: one whose answers are slow, or whose users WeChat does not know, delays the others no longer than its
    /// round takes.
    ///
    /// # Errors
    /// When the database fails. What WeChat fails at is logged, and tried again later.
    pub async fn fetch_profiles_due<Fetch, Answer>(&self, fetch: &Fetch) -> Result<bool, StoreError>
    where
        Fetch: Fn(String, Vec<String>) -> Answer,
        Answer: Future<Output = Result<Vec<Profile>, FetchError>>,
    {
        let mut apps = self.store.users().apps_with_profiles_due().await?;
        apps.retain(|app| !self.pauses.holds(app, self.clock.now()));
        let asked = stream::iter(apps).map(|app| self.fetch_due_of(app, fetch)).buffer_unordered(AT_ONCE);
        let asked: Vec<_> = asked.collect().await;
        asked.into_iter().try_fold(false, |more, of_app| Ok(of_app? || more))
    }

    /// The same for one app.
    async fn fetch_due_of<Fetch, Answer>(&self, app: String, fetch: &Fetch) -> Result<bool, StoreError>
    where
        Fetch: Fn(String, Vec<String>) -> Answer,
        Answer: Future<Output = Result<Vec<Profile>, FetchError>>,
    {
        let openids = self.store.users().take_profiles_due(&app, BATCH).await?;
        let is_full = openids.len() == BATCH;
        match self.fetch_batch(&app, openids, fetch).await? {
            Ok(is_all) => {
                self.pauses.end(&app);
                Ok(is_full && is_all)
            }
            Err(error) => {
                self.pause(&app, &error);
                Ok(false)
            }
        }
    }

    fn pause(&self, app: &str, error: &FetchError) {
        if matches!(error, FetchError::Unable(_)) {
            self.pauses.begin(app, self.clock.now(), LONGEST_PAUSE);
            tracing::debug!(app, %error, "users are not looked up at WeChat");
        } else {
            let pause = self.pauses.begin(app, self.clock.now(), FIRST_PAUSE);
            tracing::warn!(app, %error, "users cannot be looked up at WeChat; trying again in {pause} s");
        }
    }

    /// Asks about all of them at once; where WeChat refuses because of one, about each half, until it is found. False when
    /// that takes too many questions: who is left is asked about again later.
    async fn fetch_batch<Fetch, Answer>(
        &self,
        app: &str,
        openids: Vec<String>,
        fetch: &Fetch,
    ) -> Result<Result<bool, FetchError>, StoreError>
    where
        Fetch: Fn(String, Vec<String>) -> Answer,
        Answer: Future<Output = Result<Vec<Profile>, FetchError>>,
    {
        let (mut halves, mut questions, began) = (Halves::of(openids), 0, Instant::now());
        while let Some(openids) = halves.next() {
            questions += 1;
            let asked_at = self.clock.now();
            let answer = tokio::time::timeout(FETCH_TIMEOUT, fetch(app.to_owned(), openids.clone())).await;
            match answer {
                Ok(Ok(mut profiles)) => {
                    profiles.retain(|profile| openids.contains(&profile.openid));
                    self.store.users().apply_profiles(app, asked_at, &profiles).await?;
                }
                Ok(Err(FetchError::InvalidOpenid)) => {
                    if let Some(openid) = halves.split(openids) {
                        self.store.users().has_no_profile(app, &openid).await?;
                    }
                }
                Ok(Err(error)) => return Ok(Err(error)),
                Err(_) => {
                    let reason = format!("no answer within {} s", FETCH_TIMEOUT.as_secs());
                    return Ok(Err(FetchError::Failed(reason)));
                }
            }
            if questions == QUESTIONS || began.elapsed() > FETCH_TIMEOUT {
                let left = halves.left();
                self.store.users().put_profiles_off(app, &left).await?;
                return Ok(Ok(left.is_empty()));
            }
        }
        Ok(Ok(true))
    }
}

impl Pauses {
    pub(super) fn holds(&self, app: &str, now: u64) -> bool {
        let pauses = self.0.lock();
        pauses.get(app).is_some_and(|pause| pause.until > now)
    }

    /// Returns how long it is: `first`, or twice as long as the one before.
    pub(super) fn begin(&self, app: &str, now: u64, first: u64) -> u64 {
        let mut pauses = self.0.lock();
        let pause = pauses.entry(app.to_owned()).or_insert(Pause { seconds: 0, until: 0 });
        let seconds = pause.seconds.saturating_mul(2).clamp(first, LONGEST_PAUSE);
        *pause = Pause { seconds, until: now.saturating_add(seconds) };
        seconds
    }

    pub(super) fn end(&self, app: &str) {
        self.0.lock().remove(app);
    }
}
