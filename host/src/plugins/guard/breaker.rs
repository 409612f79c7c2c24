//! A breaker for what keeps failing: calls of it are refused for a while instead of run.
//!
//! There is one for each entry of a plugin in each app, so that what fails by one app's configuration is not refused to
//! another, and one handler's fault is not another's. It belongs to a version of the plugin: a new file begins anew. It
//! comes into being with the first failure and goes when all has been well for a while, so that it costs nothing where
//! nothing fails.
//!
//! It opens after so many failures in a row, or when half of at least twice as many calls failed within [`WINDOW`]. When
//! its pause is over, one call is let through to see: if that goes well the breaker closes, else it stays open for twice
//! as long. Failures are crashes and limits, also on the length of a reply or page, and refusals for want of a grant that the
//! plugin passes on as its answer. Other errors that it answers are none, nor is what it answers and cannot be sent for what
//! it says, such as an empty text: it ran to its end within its limits. Where others of a list are granted a refusal is none
//! either: whoever writes to the app may have chosen the host or path.
//!
//! What was open for an app begins anew when something else is set for the plugin there, in the process that was told so:
//! who has just granted what was missing does not wait for the end of a pause. It goes with the app, too: one that is made
//! under the same name later is another.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use parking_lot::{Mutex, MutexGuard};

use crate::plugins::{entry_kind::EntryKind, error::CallError};

/// The time in which calls count together, and in which no call may fail for a failure to be forgotten.
const WINDOW: Duration = Duration::from_secs(30);

/// How long an open breaker refuses calls.
#[derive(Debug, Clone, Copy)]
pub(in crate::plugins) struct Pauses {
    /// The pause after a breaker has opened.
    pub(in crate::plugins) first: Duration,
    /// The longest pause of a breaker that stays open.
    pub(in crate::plugins) longest: Duration,
}

/// The breakers of one version of a plugin.
#[derive(Default)]
pub(in crate::plugins) struct Breakers(ArcSwap<HashMap<Box<str>, Vec<Arc<Breaker>>>>);

/// The entry, app and plugin that a breaker belongs to.
#[derive(Debug, Clone, Copy)]
pub(in crate::plugins) struct Whose<'a> {
    pub(in crate::plugins) plugin: &'a str,
    pub(in crate::plugins) app: &'a str,
    pub(in crate::plugins) kind: EntryKind,
    pub(in crate::plugins) entry: &'a str,
}

/// An entry of a plugin that keeps failing for an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breaking {
    /// The app for which it fails.
    pub app: String,
    /// The kind of the entry: handler, rule, observer or page.
    pub kind: EntryKind,
    /// The name of the entry.
    pub entry: String,
    /// How long calls of the entry are still refused; zero when the next one is let through to see.
    pub refused_for: Duration,
    /// Why the last call failed.
    pub error: String,
}

struct Breaker {
    kind: EntryKind,
    entry: Box<str>,
    state: Mutex<State>,
}

struct State {
    phase: Phase,
    error: String,
}

enum Phase {
    /// All calls run and are counted.
    Closed(Counts),
    /// All calls are refused until a moment.
    Open { until: Instant, pause: Duration },
    /// One call is let through to see, and all others are refused until it has ended.
    Probing { pause: Duration },
}

struct Counts {
    since: Instant,
    failed_at: Instant,
    calls: u64,
    failures: u64,
    in_a_row: u64,
}

/// A call that is let through: tells the breaker how it ended.
pub(in crate::plugins) struct Admission<'a> {
    breakers: &'a Breakers,
    whose: Whose<'a>,
    breaker: Option<Arc<Breaker>>,
    /// Whether this is the call that is to show whether all is well again; false once it has.
    is_probe: bool,
}

impl Breakers {
    /// Lets a call through, unless the breaker is open.
    ///
    /// # Errors
    /// When the breaker is open.
    pub(in crate::plugins) fn admit<'a>(&'a self, whose: Whose<'a>) -> Result<Admission<'a>, CallError> {
        let breaker = self.find(whose);
        let is_probe = breaker.as_ref().map_or(Ok(false), |breaker| breaker.admit(whose))?;
        Ok(Admission { breakers: self, whose, breaker, is_probe })
    }

    /// The entries whose breakers are open.
    pub(in crate::plugins) fn open(&self) -> Vec<Breaking> {
        let apps = self.0.load();
        let all = apps.iter().flat_map(|(app, breakers)| breakers.iter().map(move |breaker| (app, breaker)));
        let mut open: Vec<_> = all.filter_map(|(app, breaker)| breaker.open(app)).collect();
        open.sort_by(|one, other| (&one.app, one.kind, &one.entry).cmp(&(&other.app, other.kind, &other.entry)));
        open
    }

    /// Forgets all failures of an app.
    pub(in crate::plugins) fn forget(&self, app: &str) {
        if self.0.load().contains_key(app) {
            self.0.rcu(|apps| {
                let mut apps = HashMap::clone(apps);
                apps.remove(app);
                apps
            });
        }
    }

    /// Forgets all apps but `apps`.
    pub(in crate::plugins) fn retain_apps(&self, apps: &HashSet<String>) {
        if self.0.load().keys().all(|app| apps.contains(&**app)) {
            return;
        }
        self.0.rcu(|known| {
            let mut known = HashMap::clone(known);
            known.retain(|app, _| apps.contains(&**app));
            known
        });
    }

    fn find(&self, whose: Whose<'_>) -> Option<Arc<Breaker>> {
        let apps = self.0.load();
        if apps.is_empty() {
            return None;
        }
        apps.get(whose.app)?.iter().find(|breaker| breaker.is_of(whose)).map(Arc::clone)
    }

    fn find_or_add(&self, whose: Whose<'_>) -> Option<Arc<Breaker>> {
        self.0.rcu(|apps| {
            let mut apps = HashMap::clone(apps);
            let of_app = apps.entry(whose.app.into()).or_default();
            if !of_app.iter().any(|breaker| breaker.is_of(whose)) {
                of_app.push(Arc::new(Breaker::new(whose)));
            }
            apps
        });
        self.find(whose)
    }

    fn remove(&self, whose: Whose<'_>) {
        self.0.rcu(|apps| {
            let mut apps = HashMap::clone(apps);
            if let Some(of_app) = apps.get_mut(whose.app) {
                of_app.retain(|breaker| !breaker.is_of(whose));
                if of_app.is_empty() {
                    apps.remove(whose.app);
                }
            }
            apps
        });
    }
}

impl Admission<'_> {
    /// Tells the breaker that the call ended: with `failure`, or without one. It opens after `limit` failures in a row;
    /// true when it just did.
    pub(in crate::plugins) fn finish(mut self, failure: Option<&CallError>, limit: u64, pauses: Pauses) -> bool {
        let is_probe = std::mem::take(&mut self.is_probe);
        match (failure, &self.breaker) {
            (None, None) => false,
            (None, Some(breaker)) => {
                if breaker.record_success(is_probe, self.whose) {
                    self.breakers.remove(self.whose);
                }
                false
            }
            (Some(failure), breaker) => {
                let breaker = breaker.clone().or_else(|| self.breakers.find_or_add(self.whose));
                breaker.is_some_and(|breaker| breaker.record_failure(is_probe, self.whose, failure, limit, pauses))
            }
        }
    }
}

impl Drop for Admission<'_> {
    /// Opens the breaker again for a probe that never ran, so that the next call is one.
    fn drop(&mut self) {
        if let (true, Some(breaker)) = (self.is_probe, &self.breaker) {
            let mut state = breaker.state();
            if let Phase::Probing { pause } = state.phase {
                state.phase = Phase::Open { until: Instant::now(), pause };
            }
        }
    }
}

impl Breaker {
    fn new(whose: Whose<'_>) -> Self {
        let state = State { phase: Phase::Closed(Counts::new()), error: String::new() };
        Self { kind: whose.kind, entry: whose.entry.into(), state: Mutex::new(state) }
    }

    fn is_of(&self, whose: Whose<'_>) -> bool {
        self.kind == whose.kind && *self.entry == *whose.entry
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Lets a call through; true when it is the probe.
    fn admit(&self, whose: Whose<'_>) -> Result<bool, CallError> {
        let mut state = self.state();
        let left = match state.phase {
            Phase::Closed(_) => return Ok(false),
            Phase::Open { until, pause } => {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    state.phase = Phase::Probing { pause };
                    return Ok(true);
                }
                left
            }
            Phase::Probing { .. } => Duration::ZERO,
        };
        Err(CallError::KeepsFailing {
            plugin: whose.plugin.to_owned(),
            kind: whose.kind,
            name: whose.entry.to_owned(),
            refused_for: left,
            error: state.error.clone(),
        })
    }

    /// Counts a call that ended well; true when there is nothing left to remember.
    fn record_success(&self, is_probe: bool, whose: Whose<'_>) -> bool {
        let mut state = self.state();
        match &mut state.phase {
            Phase::Closed(counts) => counts.record_success(),
            Phase::Open { .. } => false,
            Phase::Probing { .. } => {
                if is_probe {
                    let Whose { plugin, app, kind, entry } = whose;
                    let kind = kind.name();
                    tracing::info!(plugin, app, kind, entry, "a call went well again: the breaker is closed");
                }
                is_probe
            }
        }
    }

    /// Counts a call that failed; true when the breaker was closed and is open now.
    fn record_failure(
        &self,
        is_probe: bool,
        whose: Whose<'_>,
        failure: &CallError,
        limit: u64,
        pauses: Pauses,
    ) -> bool {
        let mut state = self.state();
        let pause = match &mut state.phase {
            Phase::Closed(counts) => counts.record_failure(limit).then_some(pauses.first),
            Phase::Probing { pause } if is_probe => Some((*pause * 2).min(pauses.longest.max(pauses.first))),
            // It began before the breaker opened.
            _ => return false,
        };
        state.error = failure.to_string();
        let Some(pause) = pause else { return false };
        state.phase = Phase::Open { until: Instant::now() + pause, pause };
        drop(state);
        let (Whose { plugin, app, kind, entry }, pause_ms) = (whose, pause.as_millis());
        let kind = kind.name();
        tracing::error!(
            plugin, app, kind, entry, pause_ms, error = %failure,
            "the plugin keeps failing for this app: its calls are refused for a while, then one is tried · 插件在这个账号下接连失败：暂停调用一段时间，再试一次"
        );
        !is_probe
    }

    fn open(&self, app: &str) -> Option<Breaking> {
        let state = self.state();
        let refused_for = match state.phase {
            Phase::Closed(_) => return None,
            Phase::Open { until, .. } => until.saturating_duration_since(Instant::now()),
            Phase::Probing { .. } => Duration::ZERO,
        };
        let (kind, entry, error) = (self.kind, self.entry.to_string(), state.error.clone());
        Some(Breaking { app: app.to_owned(), kind, entry, refused_for, error })
    }
}

impl Counts {
    fn new() -> Self {
        let now = Instant::now();
        Self { since: now, failed_at: now, calls: 0, failures: 0, in_a_row: 0 }
    }

    /// Counts a call that ended well; true when there is nothing left to remember.
    fn record_success(&mut self) -> bool {
        self.calls += 1;
        self.in_a_row = 0;
        self.failed_at.elapsed() > WINDOW
    }

    /// Counts a call that failed; true when there are too many, by `limit` in a row.
    fn record_failure(&mut self, limit: u64) -> bool {
        let in_a_row = self.in_a_row;
        if self.since.elapsed() > WINDOW {
            *self = Self { in_a_row, ..Self::new() };
        }
        self.failed_at = Instant::now();
        self.calls += 1;
        self.failures += 1;
        self.in_a_row += 1;
        self.in_a_row >= limit || (self.calls >= limit * 2 && self.failures * 2 >= self.calls)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOSE: Whose<'_> = Whose { plugin: "greeter", app: "shop", kind: EntryKind::Handler, entry: "vip" };
    const PAUSES: Pauses = Pauses { first: Duration::from_mins(1), longest: Duration::from_mins(3) };

    fn failure() -> CallError {
        CallError::CpuExhausted { after: Duration::from_secs(1), backtrace: String::new() }
    }

    fn call(breakers: &Breakers, whose: Whose<'_>, goes_well: bool) {
        breakers.admit(whose).unwrap().finish((!goes_well).then_some(&failure()), 3, PAUSES);
    }

    /// Ends the pause of the breaker.
    fn wait(breakers: &Breakers) {
        let breaker = breakers.find(WHOSE).unwrap();
        let mut state = breaker.state();
        let Phase::Open { pause, .. } = state.phase else { panic!("it is not open") };
        state.phase = Phase::Open { until: Instant::now(), pause };
    }

    fn pause(breakers: &Breakers) -> Duration {
        match breakers.find(WHOSE).unwrap().state().phase {
            Phase::Open { pause, .. } => pause,
            _ => Duration::ZERO,
        }
    }

    #[test]
    fn failures_in_a_row_open_it_for_this_entry_in_this_app() {
        let breakers = Breakers::default();
        for goes_well in [false, false, true, false, false] {
            call(&breakers, WHOSE, goes_well);
        }
        assert_eq!(breakers.open(), []);
        call(&breakers, WHOSE, false);
        assert!(matches!(breakers.admit(WHOSE), Err(CallError::KeepsFailing { .. })));
        for other in
            [Whose { app: "blog", ..WHOSE }, Whose { kind: EntryKind::Rule, ..WHOSE }, Whose { entry: "all", ..WHOSE }]
        {
            call(&breakers, other, true);
        }
        let open = breakers.open();
        assert_eq!((open.len(), open[0].app.as_str(), open[0].entry.as_str()), (1, "shop", "vip"));
        assert!(open[0].refused_for > Duration::from_secs(50) && open[0].error.contains("CPU time"), "{open:?}");
    }

    #[test]
    fn half_of_many_calls_open_it_too() {
        let breakers = Breakers::default();
        for _ in 0..3 {
            assert_eq!(breakers.open(), []);
            call(&breakers, WHOSE, false);
            call(&breakers, WHOSE, true);
        }
        call(&breakers, WHOSE, false);
        assert_eq!(breakers.open().len(), 1, "4 of 7");
    }

    #[test]
    fn one_call_at_a_time_shows_whether_it_closes_and_pauses_grow() {
        let breakers = Breakers::default();
        (0..3).for_each(|_| call(&breakers, WHOSE, false));
        for longer in [2, 3, 3] {
            wait(&breakers);
            let probe = breakers.admit(WHOSE).unwrap();
            assert!(breakers.admit(WHOSE).is_err(), "one at a time");
            probe.finish(Some(&failure()), 3, PAUSES);
            assert_eq!(pause(&breakers), Duration::from_mins(longer));
        }
        wait(&breakers);
        drop(breakers.admit(WHOSE).unwrap());
        let probe = breakers.admit(WHOSE).unwrap();
        probe.finish(None, 3, PAUSES);
        assert_eq!(breakers.open(), [], "a probe that did not run is tried again, and one that goes well closes it");
        (0..2).for_each(|_| call(&breakers, WHOSE, false));
        assert_eq!(breakers.open(), [], "and counts anew");
    }

    #[test]
    fn what_began_before_it_opened_does_not_count() {
        let breakers = Breakers::default();
        let early: Vec<_> = (0..6).map(|_| breakers.admit(WHOSE).unwrap()).collect();
        let mut early = early.into_iter();
        for call in early.by_ref().take(3) {
            call.finish(Some(&failure()), 3, PAUSES);
        }
        assert_eq!(pause(&breakers), PAUSES.first);
        early.next().unwrap().finish(Some(&failure()), 3, PAUSES);
        early.next().unwrap().finish(None, 3, PAUSES);
        assert_eq!(pause(&breakers), PAUSES.first);
        wait(&breakers);
        let _probe = breakers.admit(WHOSE).unwrap();
        early.next().unwrap().finish(None, 3, PAUSES);
        assert!(breakers.admit(WHOSE).is_err(), "only the probe tells");
    }
}
