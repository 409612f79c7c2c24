//! How many lines a plugin may log in a second, over all its calls. Half of them are kept for apps that log little, so
//! that one that floods the log silences itself and no other.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

use super::by_app::ByApp;

const SECOND: u64 = 1_000_000_000;

/// How many nanoseconds' lines a plugin that was silent may log at once.
const WHOLE: u64 = 10 * SECOND;

/// How many nanoseconds' lines of a plugin apps use up first come, first served. The rest is for apps that keep to their
/// part.
const FOR_ALL: u64 = WHOLE / 2;

/// The number of parts that a plugin's lines have, one of which is an app's: it takes as many apps that log without end
/// to silence another.
const PARTS: u64 = 8;

/// The lines of one plugin.
#[derive(Default)]
pub(in crate::plugins) struct Allowances {
    plugin: Arc<OfPlugin>,
    apps: ByApp<Allowance>,
}

struct OfPlugin {
    origin: Instant,
    /// Lines that the plugin may log in a second.
    per_second: AtomicU64,
    lines: Bucket,
}

/// The lines of one app in a plugin.
#[derive(Default)]
pub(in crate::plugins) struct Allowance {
    plugin: Arc<OfPlugin>,
    /// The lines of the app, within the limit that is set for it.
    own: Bucket,
    /// The lines of the app, within its part of the plugin's.
    part: Bucket,
    /// Lines that were refused since the last one that was allowed.
    dropped: AtomicU64,
}

/// Whether a line may be logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::plugins) enum Verdict {
    /// The line may be logged; the number of lines that were dropped just before it.
    Allowed(u64),
    /// The line is dropped; true for the first one in a row.
    Dropped(bool),
}

impl Default for OfPlugin {
    fn default() -> Self {
        Self { origin: Instant::now(), per_second: AtomicU64::new(u64::MAX), lines: Bucket::default() }
    }
}

impl Allowances {
    /// Sets how many lines the plugin may log in a second.
    pub(super) fn set(&self, per_second: u64) {
        self.plugin.per_second.store(per_second, Relaxed);
    }

    /// Forgets all apps but `apps` that log nothing now.
    pub(super) fn retain_apps(&self, apps: &HashSet<String>) {
        self.apps.retain_apps(apps);
    }

    /// The lines that an app may log.
    pub(in crate::plugins) fn of(&self, app: &str) -> Arc<Allowance> {
        self.apps.of(app, || Allowance { plugin: Arc::clone(&self.plugin), ..Allowance::default() })
    }
}

impl Allowance {
    /// Takes one of the app's lines, of which there may be `per_second` in a second.
    pub(in crate::plugins) fn take(&self, per_second: u64) -> Verdict {
        let now = u64::try_from(self.plugin.origin.elapsed().as_nanos()).unwrap_or(u64::MAX / 2);
        self.take_at(now, per_second)
    }

    fn take_at(&self, now: u64, per_second: u64) -> Verdict {
        if self.own.take(now, SECOND / per_second.max(1), WHOLE) {
            let line = SECOND / self.plugin.per_second.load(Relaxed).max(1);
            let in_part = self.part.take(now, line * PARTS, WHOLE);
            if self.plugin.lines.take(now, line, if in_part { WHOLE } else { FOR_ALL }) {
                return Verdict::Allowed(self.dropped.swap(0, Relaxed));
            }
        }
        Verdict::Dropped(self.dropped.fetch_add(1, Relaxed) == 0)
    }
}

/// A token bucket without a lock: one number, the time at which the bucket is full again, in nanoseconds.
#[derive(Default)]
struct Bucket(AtomicU64);

impl Bucket {
    /// Takes `cost` nanoseconds, unless more than `most` would be missing then; false where it does not.
    fn take(&self, now: u64, cost: u64, most: u64) -> bool {
        let taken = self.0.fetch_update(Relaxed, Relaxed, |whole_at| {
            let after = whole_at.max(now) + cost;
            (after <= now + most).then_some(after)
        });
        taken.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of a plugin that may log `per_second` lines a second.
    fn allowances(per_second: u64) -> Allowances {
        let allowances = Allowances::default();
        allowances.set(per_second);
        allowances
    }

    /// How many of a thousand lines an app may log at `now`.
    fn of_a_thousand(app: &Allowance, now: u64, per_second: u64) -> usize {
        (0..1000).filter(|_| matches!(app.take_at(now, per_second), Verdict::Allowed(_))).count()
    }

    #[test]
    fn a_flood_is_cut_and_its_length_told_afterwards() {
        let allowance = Allowance::default();
        let allowed = (0..1000).filter(|_| matches!(allowance.take_at(0, 20), Verdict::Allowed(0))).count();
        assert_eq!(allowed, 200);
        assert_eq!(allowance.take_at(0, 20), Verdict::Dropped(false));
        // A twentieth of a second is one line.
        assert_eq!(allowance.take_at(SECOND / 20, 20), Verdict::Allowed(801));
        assert_eq!(allowance.take_at(SECOND / 20, 20), Verdict::Dropped(true));
        assert_eq!(of_a_thousand(&allowance, 100 * SECOND, 20), 200, "a pause gives no more than the whole");
    }

    #[test]
    fn an_app_that_floods_leaves_the_others_their_parts() {
        let allowances = allowances(80);
        let [flood, other, third] = ["flood", "other", "third"].map(|app| allowances.of(app));
        let flooded = of_a_thousand(&flood, 0, 80);
        assert!((400..=500).contains(&flooded), "{flooded}");
        // However long it goes on.
        for tenth in 1..=600 {
            let now = tenth * SECOND / 10;
            of_a_thousand(&flood, now, 80);
            assert_eq!(other.take_at(now, 80), Verdict::Allowed(0), "ten a second, a part of 80");
        }
        assert!(of_a_thousand(&third, 60 * SECOND, 80) >= 100, "a part at once");
    }

    #[test]
    fn all_apps_together_log_no_more_than_the_plugin_may() {
        let allowances = allowances(80);
        let apps: Vec<_> = (0..40).map(|app| allowances.of(&app.to_string())).collect();
        let logged = |now| apps.iter().map(|app| of_a_thousand(app, now, 80)).sum::<usize>();
        assert_eq!(logged(0), 800);
        assert_eq!((1..=100).map(|tenth| logged(tenth * SECOND / 10)).sum::<usize>(), 800);
    }

    #[test]
    fn what_is_set_for_one_app_is_no_other_apps() {
        let allowances = allowances(80);
        let [few, other] = ["few", "other"].map(|app| allowances.of(app));
        assert_eq!(of_a_thousand(&few, 0, 1), 10);
        assert_eq!(of_a_thousand(&other, 0, 80), 390, "its ten lines are ten of the plugin's");
    }
}
