//! A version of a plugin that only some users get, and when it is taken back by itself.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use utoipa::ToSchema;

use super::words::words;

/// How sure it must be that more calls fail: 99 in 100.
const SURE: f64 = 2.576;

/// How many calls of a version are looked at, of each app; older ones count less and less.
const RECENT: u64 = 10_000;

/// The most openids that are named.
pub const CANARY_OPENIDS: usize = 1000;

/// A version beside the one that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginCanary {
    /// The plugin's name.
    pub plugin: String,
    /// Tells it from other canaries of the plugin.
    pub began: u64,
    /// The SHA-256 of its file in hexadecimal.
    pub digest: String,
    /// The share of openids that get it, 0 to 100.
    pub percent: u8,
    /// Who gets it in any case.
    pub openids: Vec<String>,
    /// What became of it.
    pub state: CanaryState,
    /// Why it was taken back, for people.
    pub reason: Option<String>,
    /// Seconds since 1970.
    pub began_at: u64,
    /// Seconds since 1970.
    pub ended_at: Option<u64>,
    /// How its calls went, those of all apps together.
    pub counts: CanaryCounts,
}

/// What became of a canary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CanaryState {
    /// Some users get it.
    Running,
    /// All users get it.
    Promoted,
    /// No user gets it.
    TakenBack,
}

/// The last calls of a canary and of the version that runs, side by side, since the canary began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CanaryCounts {
    /// Of the canary.
    pub calls: u64,
    /// Those of them that failed.
    pub failures: u64,
    /// Of the version that runs.
    pub stable_calls: u64,
    /// Those of them that failed.
    pub stable_failures: u64,
}

/// When a canary is taken back by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CanaryRule {
    /// Not before it had so many calls.
    pub min_calls: u64,
    /// When so many more of a hundred of its calls fail than of the version that runs.
    pub error_rise: u32,
}

/// What the calls of a canary say of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CanaryVerdict {
    /// It stays, and these apps get the version that runs: for them it fails clearly more often.
    Stays(BTreeSet<String>),
    /// It is to be taken back: it fails clearly more often, and not for one app alone.
    Broken,
}

impl CanaryCounts {
    /// These and those.
    #[must_use]
    pub fn plus(self, more: Self) -> Self {
        Self {
            calls: self.calls + more.calls,
            failures: self.failures + more.failures,
            stable_calls: self.stable_calls + more.stable_calls,
            stable_failures: self.stable_failures + more.stable_failures,
        }
    }

    /// These without those, which are among them.
    fn without(self, some: Self) -> Self {
        Self {
            calls: self.calls - some.calls,
            failures: self.failures - some.failures,
            stable_calls: self.stable_calls - some.stable_calls,
            stable_failures: self.stable_failures - some.stable_failures,
        }
    }

    /// These and those, with the oldest worth less when there are many.
    #[must_use]
    pub fn and(self, more: Self) -> Self {
        let sum = self.plus(more);
        let (calls, failures) = recent(sum.calls, sum.failures);
        let (stable_calls, stable_failures) = recent(sum.stable_calls, sum.stable_failures);
        Self { calls, failures, stable_calls, stable_failures }
    }
}

fn recent(calls: u64, failures: u64) -> (u64, u64) {
    if calls > RECENT { (calls / 2, failures / 2) } else { (calls, failures) }
}

impl CanaryRule {
    /// What the calls of each app say together. Who owns an app can make its calls fail, and only those that the canary
    /// gets: so it is broken only when the calls say so whichever app is left out, unless one is `alone` with the plugin.
    pub fn verdict(self, apps: &BTreeMap<String, CanaryCounts>, alone: bool) -> CanaryVerdict {
        let all = apps.values().fold(CanaryCounts::default(), |sum, app| sum.plus(*app));
        if self.is_broken(&all) && (alone || apps.values().all(|app| self.is_broken(&all.without(*app)))) {
            CanaryVerdict::Broken
        } else {
            CanaryVerdict::Stays(self.failing(apps))
        }
    }

    /// The apps for which it fails clearly more often.
    pub fn failing(self, apps: &BTreeMap<String, CanaryCounts>) -> BTreeSet<String> {
        apps.iter().filter(|(_, counts)| self.is_broken(counts)).map(|(app, _)| app.clone()).collect()
    }

    /// Whether the canary's calls fail clearly more often: its share of failures, as low as it may be by chance
    /// (Wilson's interval), lies above the other version's by what the operator allows.
    fn is_broken(self, counts: &CanaryCounts) -> bool {
        counts.calls >= self.min_calls
            && lowest_share(counts.failures, counts.calls)
                > share(counts.stable_failures, counts.stable_calls) + f64::from(self.error_rise) / 100.0
    }
}

#[expect(clippy::cast_precision_loss, reason = "there are few: RECENT of each app")]
fn share(failures: u64, calls: u64) -> f64 {
    if calls == 0 { 0.0 } else { failures as f64 / calls as f64 }
}

#[expect(clippy::cast_precision_loss, reason = "there are few: RECENT of each app")]
fn lowest_share(failures: u64, calls: u64) -> f64 {
    let (n, p, z) = (calls.max(1) as f64, share(failures, calls), SURE);
    let spread = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    (p + z * z / (2.0 * n) - spread) / (1.0 + z * z / n)
}

words!(CanaryState { Running: "running", Promoted: "promoted", TakenBack: "taken_back" }, UnknownCanaryState);

/// A text that names no [`CanaryState`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("one of running, promoted, taken_back · 可选 running、promoted、taken_back")]
pub struct UnknownCanaryState;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_canary_is_broken_when_its_errors_are_clearly_more() {
        let rule = CanaryRule { min_calls: 10, error_rise: 5 };
        let counts = |calls, failures, stable_calls, stable_failures| CanaryCounts {
            calls,
            failures,
            stable_calls,
            stable_failures,
        };
        let broken = [(10, 10, 0, 0), (10, 6, 100, 0), (100, 20, 1000, 10), (10_000, 700, 10_000, 0), (20, 20, 9, 5)];
        for (calls, failures, stable_calls, stable_failures) in broken {
            let counts = counts(calls, failures, stable_calls, stable_failures);
            assert!(rule.is_broken(&counts), "{counts:?}");
        }
        let sound = [
            (0, 0, 0, 0),
            (9, 9, 100, 0),
            (10, 1, 100, 0),
            (100, 5, 1000, 0),
            (10_000, 500, 10_000, 0),
            (100, 50, 100, 50),
            (10, 10, 10, 10),
        ];
        for (calls, failures, stable_calls, stable_failures) in sound {
            let counts = counts(calls, failures, stable_calls, stable_failures);
            assert!(!rule.is_broken(&counts), "{counts:?}");
        }
    }

    #[test]
    fn no_app_decides_for_the_others() {
        let rule = CanaryRule { min_calls: 10, error_rise: 5 };
        let app = |calls, failures| CanaryCounts { calls, failures, stable_calls: 100, stable_failures: 0 };
        let (failing, sound, unasked) = (app(500, 500), app(100, 0), app(0, 0));
        let named = |apps: &[CanaryCounts]| -> BTreeMap<String, CanaryCounts> {
            (0..).zip(apps).map(|(place, counts)| (format!("app{place}"), *counts)).collect()
        };
        let without = |apps: &[&str]| CanaryVerdict::Stays(apps.iter().map(ToString::to_string).collect());
        let all: [(&[CanaryCounts], CanaryVerdict); 11] = [
            (&[failing, unasked], without(&["app0"])),
            (&[failing, sound], without(&["app0"])),
            (&[sound, failing, unasked, app(100, 2)], without(&["app1"])),
            // Of the others too few calls are known.
            (&[failing, app(9, 9)], without(&["app0"])),
            (&[failing], without(&["app0"])),
            (&[failing, app(10, 10)], CanaryVerdict::Broken),
            (&[failing, app(6, 6), app(6, 6), unasked], CanaryVerdict::Broken),
            (&[app(100, 40), app(100, 30), sound], CanaryVerdict::Broken),
            (&[sound, unasked], without(&[])),
            (&[app(9, 9)], without(&[])),
            (&[], without(&[])),
        ];
        for (apps, verdict) in all {
            assert_eq!(rule.verdict(&named(apps), false), verdict, "{apps:?}");
        }
        assert_eq!(rule.verdict(&named(&[failing]), true), CanaryVerdict::Broken);
        assert_eq!(rule.verdict(&named(&[sound]), true), without(&[]));
    }

    #[test]
    fn old_calls_fade() {
        let old = CanaryCounts { calls: RECENT, failures: 0, stable_calls: 10, stable_failures: 1 };
        let sum = old.and(CanaryCounts { calls: 100, failures: 100, stable_calls: 0, stable_failures: 0 });
        assert_eq!(sum, CanaryCounts { calls: 5050, failures: 50, stable_calls: 10, stable_failures: 1 });
    }
}
