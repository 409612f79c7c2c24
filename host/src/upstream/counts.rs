//! How often WeChat's API is called: counted in memory, and written together every few seconds.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use parking_lot::Mutex;

use crate::clock::Clock;
use crate::model::{CallKind, CallOutcome};
use crate::storage::{Store, StoreError};
use crate::time::china_day;

/// How many counts wait at most. More than one app makes; only a database that fails for long lets them grow.
const MOST: usize = 10_000;
/// How many kinds of calls are told apart of one app in a day. WeChat has some hundreds of APIs, and a plugin may make up
/// paths without end.
const OF_ONE: usize = 1000;
/// Under which name calls are counted that WeChat does not know, and those beyond [`OF_ONE`]: there is no end to what
/// somebody may call.
const UNKNOWN: &str = "unknown";
/// How many days are kept, in seconds.
const KEPT: u64 = 32 * 24 * 3600;

/// Counts calls.
#[derive(Debug)]
pub(super) struct Counts {
    store: Store,
    clock: Clock,
    waiting: Mutex<HashMap<CallKind, u64>>,
    named: Mutex<Named>,
    /// Since the start, of all apps.
    made: [AtomicU64; OUTCOMES.len()],
}

/// What comes of calls, in short.
const OUTCOMES: [&str; 3] = ["ok", "refused", "unanswered"];

impl Counts {
    pub(super) fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock, waiting: Mutex::default(), named: Mutex::default(), made: Default::default() }
    }

    /// Counts one call of `path`, or of one that WeChat does not know where there is none.
    pub(super) fn note(&self, app: &str, path: Option<&str>, outcome: CallOutcome) {
        let made = match outcome {
            CallOutcome::Done => 0,
            CallOutcome::Refused(_) => 1,
            CallOutcome::Unanswered => 2,
        };
        self.made[made].fetch_add(1, Relaxed);
        let day = china_day(self.clock.now());
        let path = path.unwrap_or(UNKNOWN).to_owned();
        let mut kind = CallKind { app: app.to_owned(), day, path, outcome };
        if !self.named.lock().has(&kind) {
            UNKNOWN.clone_into(&mut kind.path);
        }
        self.put(vec![(kind, 1)]);
    }

    /// How many there were since the start, by what came of them.
    pub(super) fn made(&self) -> [(&'static str, u64); OUTCOMES.len()] {
        std::array::from_fn(|outcome| (OUTCOMES[outcome], self.made[outcome].load(Relaxed)))
    }

    /// Writes what waits. What cannot be written waits on.
    pub(super) async fn write(&self) -> Result<(), StoreError> {
        let waiting = mem::take(&mut *self.waiting.lock());
        if waiting.is_empty() {
            return Ok(());
        }
        let mut unwritten = Unwritten { of: self, counts: waiting.into_iter().collect() };
        self.store.call_counts().add(&unwritten.counts).await?;
        unwritten.counts.clear();
        Ok(())
    }

    /// Forgets days that are long gone.
    pub(super) async fn forget(&self) -> Result<(), StoreError> {
        let day = china_day(self.clock.now().saturating_sub(KEPT));
        self.store.call_counts().forget_before(&day).await
    }

    fn put(&self, counts: Vec<(CallKind, u64)>) {
        let mut waiting = self.waiting.lock();
        for (kind, calls) in counts {
            if waiting.len() < MOST || waiting.contains_key(&kind) {
                *waiting.entry(kind).or_default() += calls;
            }
        }
    }
}

/// The kinds of calls of a day that are counted under their own names.
#[derive(Debug, Default)]
struct Named {
    day: String,
    /// By app, what stands for each of them in fewer bytes.
    apps: HashMap<String, HashSet<u64>>,
    hasher: RandomState,
}

impl Named {
    /// Whether the kind is one of them, or becomes one.
    fn has(&mut self, kind: &CallKind) -> bool {
        if self.day != kind.day {
            self.day.clone_from(&kind.day);
            self.apps.clear();
        }
        let hash = self.hasher.hash_one(kind);
        let kinds = self.apps.entry(kind.app.clone()).or_default();
        kinds.contains(&hash) || kinds.len() < OF_ONE && kinds.insert(hash)
    }
}

/// Counts on their way to the database. What is not written when it goes waits on, also when whoever writes is stopped:
/// then what was just being committed may be counted twice, and nothing is lost.
struct Unwritten<'a> {
    of: &'a Counts,
    counts: Vec<(CallKind, u64)>,
}

impl Drop for Unwritten<'_> {
    fn drop(&mut self) {
        self.of.put(mem::take(&mut self.counts));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_that_makes_up_paths_has_so_many_counts_in_a_day_and_leaves_the_others_theirs() {
        let mut named = Named::default();
        let kind = |app: &str, day: &str, number: usize| CallKind {
            app: app.to_owned(),
            day: day.to_owned(),
            path: format!("/cgi-bin/{number}"),
            outcome: CallOutcome::Unanswered,
        };
        let of_one = (0..2 * OF_ONE).filter(|number| named.has(&kind("made-up", "2026-01-01", *number))).count();
        assert_eq!(of_one, OF_ONE);
        assert!(named.has(&kind("made-up", "2026-01-01", 7)), "what was counted goes on to be");
        assert!(named.has(&kind("shop", "2026-01-01", 0)));
        assert!(named.has(&kind("made-up", "2026-01-02", 2 * OF_ONE)), "each day begins anew");
    }
}
