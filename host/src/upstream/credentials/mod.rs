//! Access tokens and tickets: fetched once for all tasks and all replicas, replaced before they end.
//!
//! One in memory costs a call nothing. When there is none, or WeChat refused it, one task of the process asks the
//! database, where another replica may have put a new one, and otherwise takes the lease and fetches; everybody else
//! waits for it. The task does not end with the call that began it, so that a caller who gives up spoils nothing.

mod known;
mod lease;
mod ticket;
mod token;

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;

use self::known::{Known, Slot};
use self::lease::Wanted;
pub(super) use self::ticket::FetchTicket;
pub(super) use self::token::FetchToken;
use super::TokenError;
use crate::clock::Clock;
use crate::failure_lines::FailureLines;
use crate::model::{App, Credential, CredentialKind};
use crate::secret::Secret;
use crate::storage::{Store, StoreError, with_causes};

/// How often the background looks for credentials that are to be replaced.
const POLL: Duration = Duration::from_secs(1);

/// Gets new credentials of one kind from where apps have them.
pub(super) trait Fetch: Debug + Send + Sync + 'static {
    /// The kind that it gets.
    fn kind(&self) -> CredentialKind;

    /// A new one; with `forced` one that ends the one before.
    fn fetch(&self, app: &App, forced: bool) -> impl Future<Output = Result<Fetched, TokenError>> + Send;
}

/// What was fetched.
pub(super) struct Fetched {
    pub(super) secret: Secret,
    /// Seconds until it ends.
    pub(super) expires_in: u64,
}

/// The credentials of one kind of all apps. Clones share them.
#[derive(Debug)]
pub(super) struct Credentials<F>(Arc<Inner<F>>);

#[derive(Debug)]
struct Inner<F> {
    fetch: F,
    store: Store,
    clock: Clock,
    /// Who this process is to others that fetch.
    holder: String,
    slots: Mutex<HashMap<String, Arc<Slot>>>,
    failures: FailureLines,
}

type Outcome = Result<Arc<Credential>, Arc<TokenError>>;

impl<F> Clone for Credentials<F> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<F: Fetch> Credentials<F> {
    pub(super) fn new(fetch: F, store: Store, clock: Clock) -> Self {
        let holder = uuid::Uuid::new_v4().to_string();
        Self(Arc::new(Inner {
            fetch,
            store,
            clock,
            holder,
            slots: Mutex::default(),
            failures: FailureLines::default(),
        }))
    }

    /// The credential of an app.
    pub(super) async fn get(&self, app: &App) -> Outcome {
        let slot = self.slot(&app.name);
        match slot.known(app, self.0.clock.now()) {
            Known::Fresh(known) => Ok(known),
            Known::Ageing(known) => {
                self.replace_behind(app, &slot, &known);
                Ok(known)
            }
            Known::Nothing => self.renew(app, &slot, 0).await,
        }
    }

    /// A newer one than `refused`, which WeChat does not take any more.
    pub(super) async fn replace(&self, app: &App, refused: &Credential) -> Outcome {
        self.renew(app, &self.slot(&app.name), refused.version).await
    }

    /// A new one in any case, which ends the one before.
    pub(super) async fn force(&self, app: &App) -> Outcome {
        let slot = self.slot(&app.name);
        let turn = Arc::clone(&slot.turn).lock_owned().await;
        self.begin(app, &slot, Wanted::Forced, turn).await.unwrap_or_else(|_| Err(Arc::new(TokenError::Stopping)))
    }

    /// Replaces those that are in use before they end.
    pub(super) async fn keep_fresh(&self) {
        loop {
            tokio::time::sleep(POLL).await;
            let now = self.0.clock.now();
            let slots: Vec<_> = {
                let mut slots = self.0.slots.lock();
                slots.retain(|_, slot| slot.is_in_use(now));
                slots.values().cloned().collect()
            };
            for slot in slots {
                if let Some((app, known)) = slot.due(now) {
                    self.replace_behind(&app, &slot, &known);
                }
            }
        }
    }

    fn slot(&self, app: &str) -> Arc<Slot> {
        let mut slots = self.0.slots.lock();
        if let Some(slot) = slots.get(app) {
            return Arc::clone(slot);
        }
        Arc::clone(slots.entry(app.to_owned()).or_default())
    }

    /// One of a later version than `after`: known, stored, or fetched.
    async fn renew(&self, app: &App, slot: &Arc<Slot>, after: u64) -> Outcome {
        let asked = Instant::now();
        let turn = Arc::clone(&slot.turn).lock_owned().await;
        // While we waited, another task may have fetched one, or failed to.
        if let Some(known) = slot.later_than(app, after, self.0.clock.now()) {
            return Ok(known);
        }
        if let Some(error) = slot.failure_since(app, asked) {
            return Err(error);
        }
        let begun = self.begin(app, slot, Wanted::LaterThan(after), turn);
        begun.await.unwrap_or_else(|_| Err(Arc::new(TokenError::Stopping)))
    }

    /// Replaces one that is still good, unless somebody is at it; nobody waits for the outcome.
    fn replace_behind(&self, app: &App, slot: &Arc<Slot>, known: &Credential) {
        let Ok(turn) = Arc::clone(&slot.turn).try_lock_owned() else { return };
        if slot.has_just_failed(app) || slot.later_than(app, known.version, self.0.clock.now()).is_some() {
            return;
        }
        drop(self.begin(app, slot, Wanted::LaterThan(known.version), turn));
    }

    /// Fetches in a task of its own, which keeps the turn until it is over.
    fn begin(
        &self,
        app: &App,
        slot: &Arc<Slot>,
        wanted: Wanted,
        turn: OwnedMutexGuard<()>,
    ) -> tokio::task::JoinHandle<Outcome> {
        let (all, app, slot) = (self.clone(), app.clone(), Arc::clone(slot));
        tokio::spawn(async move {
            let outcome = all.0.get(&app, wanted).await.map(Arc::new).map_err(Arc::new);
            if let Err(error) = &outcome {
                let kind = all.0.fetch.kind().as_str();
                all.0.failures.tell(&app.name, format_args!("{kind}"), "not_fetched", || {
                    tracing::warn!(app = app.name, kind, error = %with_causes(error), "no new access token or ticket");
                });
            }
            if matches!(&outcome, Err(error) if matches!(**error, TokenError::Store(StoreError::NotFound { .. }))) {
                all.0.slots.lock().remove(&app.name);
            }
            slot.remember(&app, &outcome);
            drop(turn);
            outcome
        })
    }
}
