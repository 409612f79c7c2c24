//! Access tokens: fetched once for all tasks and all replicas, replaced before they end.
//!
//! A token in memory costs a call nothing. When there is none, or WeChat refused it, one task of the process asks the
//! database, where another replica may have put a new one, and otherwise takes the lease and fetches; everybody else
//! waits for it. The task does not end with the call that began it, so that a caller who gives up spoils nothing.

mod fetch;
mod known;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;

use self::known::{Known, Slot};
use super::TokenError;
use super::http::Http;
use super::pauses::Pauses;
use crate::clock::Clock;
use crate::model::{AccessToken, App};
use crate::storage::{Store, StoreError};

/// How often the background looks for tokens that are to be replaced.
const POLL: Duration = Duration::from_secs(1);

/// The access tokens of all apps. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct AccessTokens(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    http: Http,
    store: Store,
    clock: Clock,
    pauses: Arc<Pauses>,
    /// Who this process is to others that fetch.
    holder: String,
    slots: Mutex<HashMap<String, Arc<Slot>>>,
}

type Outcome = Result<Arc<AccessToken>, Arc<TokenError>>;

impl AccessTokens {
    pub(super) fn new(http: Http, store: Store, clock: Clock, pauses: Arc<Pauses>) -> Self {
        let holder = uuid::Uuid::new_v4().to_string();
        Self(Arc::new(Inner { http, store, clock, pauses, holder, slots: Mutex::default() }))
    }

    /// The app's token.
    pub(super) async fn get(&self, app: &App) -> Outcome {
        let slot = self.slot(&app.name);
        match slot.known(app, self.0.clock.now()) {
            Known::Fresh(token) => Ok(token),
            Known::Ageing(token) => {
                self.replace_behind(app, &slot, &token);
                Ok(token)
            }
            Known::Nothing => self.renew(app, &slot, 0).await,
        }
    }

    /// Another token than `refused`, which WeChat does not take any more.
    pub(super) async fn replace(&self, app: &App, refused: &AccessToken) -> Outcome {
        self.renew(app, &self.slot(&app.name), refused.version).await
    }

    /// Replaces tokens that are in use before they end.
    pub(super) async fn keep_fresh(&self) {
        loop {
            tokio::time::sleep(POLL).await;
            let now = self.0.clock.now();
            let slots: Vec<_> = {
                let mut slots = self.0.slots.lock().unwrap_or_else(PoisonError::into_inner);
                slots.retain(|_, slot| slot.is_in_use(now));
                slots.values().cloned().collect()
            };
            for slot in slots {
                if let Some((app, token)) = slot.due(now) {
                    self.replace_behind(&app, &slot, &token);
                }
            }
        }
    }

    fn slot(&self, app: &str) -> Arc<Slot> {
        let mut slots = self.0.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get(app) {
            return Arc::clone(slot);
        }
        Arc::clone(slots.entry(app.to_owned()).or_default())
    }

    /// A token of a later version than `after`: known, stored, or fetched.
    async fn renew(&self, app: &App, slot: &Arc<Slot>, after: u64) -> Outcome {
        let asked = Instant::now();
        let turn = Arc::clone(&slot.turn).lock_owned().await;
        // Somebody may have done it while we waited, or may have failed at it.
        if let Some(token) = slot.later_than(app, after, self.0.clock.now()) {
            return Ok(token);
        }
        if let Some(error) = slot.failure_since(app, asked) {
            return Err(error);
        }
        self.begin(app, slot, after, turn).await.unwrap_or_else(|_| Err(Arc::new(TokenError::Stopping)))
    }

    /// Replaces a token that is still good, unless somebody is at it; nobody waits for the outcome.
    fn replace_behind(&self, app: &App, slot: &Arc<Slot>, token: &AccessToken) {
        let Ok(turn) = Arc::clone(&slot.turn).try_lock_owned() else { return };
        if slot.has_just_failed(app) || slot.later_than(app, token.version, self.0.clock.now()).is_some() {
            return;
        }
        drop(self.begin(app, slot, token.version, turn));
    }

    /// Fetches in a task of its own, which keeps the turn until it is over.
    fn begin(
        &self,
        app: &App,
        slot: &Arc<Slot>,
        after: u64,
        turn: OwnedMutexGuard<()>,
    ) -> tokio::task::JoinHandle<Outcome> {
        let (tokens, app, slot) = (self.clone(), app.clone(), Arc::clone(slot));
        tokio::spawn(async move {
            let outcome = tokens.0.newer_than(&app, after).await.map(Arc::new).map_err(Arc::new);
            if let Err(error) = &outcome {
                tracing::warn!(app = app.name, %error, "no new access token");
            }
            if matches!(&outcome, Err(error) if matches!(**error, TokenError::Store(StoreError::NotFound { .. }))) {
                tokens.0.slots.lock().unwrap_or_else(PoisonError::into_inner).remove(&app.name);
            }
            slot.remember(&app, &outcome);
            drop(turn);
            outcome
        })
    }
}
