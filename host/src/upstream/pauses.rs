//! What WeChat said is called too often: no call of it until its time is over.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use weft_wechat::api::Refusal;
use weft_wechat::api::errcode::Class;

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
#[derive(Debug, Default)]
pub(super) struct Pauses(Mutex<HashMap<(String, String), Pause>>);

impl Pauses {
    /// The pause that `path` is in for `app`.
    pub(super) fn find(&self, app: &str, path: &str, now: u64) -> Option<Pause> {
        let mut pauses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if pauses.is_empty() {
            return None;
        }
        pauses.retain(|_, pause| pause.until > now);
        pauses.get(&(app.to_owned(), path.to_owned())).copied()
    }

    /// Begins a pause when that is what `refusal` is about.
    pub(super) fn note(&self, app: &str, path: &str, refusal: &Refusal, now: u64) {
        let until = match refusal.class() {
            Class::DayQuota => next_china_day(now),
            Class::MinuteQuota => now.saturating_add(MINUTE),
            _ => return,
        };
        let mut pauses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pauses.insert((app.to_owned(), path.to_owned()), Pause { errcode: refusal.errcode, until });
        tracing::warn!(app, path, errcode = refusal.errcode, until, "WeChat is called too often; calls pause");
    }

    /// Ends all pauses of an app.
    pub(super) fn forget(&self, app: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|(name, _), _| name != app);
    }
}
