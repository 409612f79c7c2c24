//! What WeChat said is called too often: no call of it until its time is over. Kept in the database, so that a restart
//! does not forget it and other processes hear of it.

use std::collections::HashMap;

use parking_lot::Mutex;
use weft_wechat::api::Refusal;
use weft_wechat::api::errcode::Class;

use crate::model::CallPause;
use crate::storage::{Store, StoreError, with_causes};
use crate::time::next_china_day;

const MINUTE: u64 = 60;

/// A pause in the calls of one API for one app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pause {
    /// What WeChat said.
    pub(super) errcode: i64,
    /// Seconds since 1970.
    pub(super) until: u64,
}

/// All pauses, by app and path.
#[derive(Debug)]
pub(super) struct Pauses {
    store: Store,
    known: Mutex<HashMap<(String, String), Pause>>,
}

impl Pauses {
    pub(super) fn new(store: Store) -> Self {
        Self { store, known: Mutex::default() }
    }

    /// The pause that `path` is in for `app`.
    pub(super) fn find(&self, app: &str, path: &str, now: u64) -> Option<Pause> {
        let mut known = self.known.lock();
        if known.is_empty() {
            return None;
        }
        known.retain(|_, pause| pause.until > now);
        known.get(&(app.to_owned(), path.to_owned())).copied()
    }

    /// Begins a pause when that is what `refusal` is about.
    pub(super) async fn note(&self, app: &str, path: &str, refusal: &Refusal, now: u64) {
        let until = match refusal.class() {
            Class::DayQuota => next_china_day(now),
            Class::MinuteQuota => now.saturating_add(MINUTE),
            _ => return,
        };
        tracing::warn!(app, path, errcode = refusal.errcode, until, "WeChat is called too often; calls pause");
        let (app, path, errcode) = (app.to_owned(), path.to_owned(), refusal.errcode);
        let pause = CallPause { app, path, errcode, until };
        // If it cannot be stored, it lasts as long as this process.
        if let Err(error) = self.store.call_pauses().put(&pause).await {
            tracing::warn!(error = %with_causes(&error), "the pause of WeChat's calls is not stored");
        }
        self.known.lock().insert((pause.app, pause.path), Pause { errcode, until });
    }

    /// Takes over what is stored.
    pub(super) async fn read(&self) -> Result<(), StoreError> {
        let stored = self.store.call_pauses().in_force().await?;
        let pauses =
            stored.into_iter().map(|CallPause { app, path, errcode, until }| ((app, path), Pause { errcode, until }));
        *self.known.lock() = pauses.collect();
        Ok(())
    }

    /// Forgets in the database what has ended.
    pub(super) async fn forget(&self) -> Result<(), StoreError> {
        self.store.call_pauses().forget().await
    }

    /// Ends all pauses of an app.
    pub(super) async fn end(&self, app: &str) -> Result<(), StoreError> {
        self.known.lock().retain(|(name, _), _| name != app);
        self.store.call_pauses().end(app).await
    }
}
