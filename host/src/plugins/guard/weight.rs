//! How much an app's calls of a plugin compute and use the database: where that is much, the next one begins in the
//! background.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// The mean CPU time for a call from which on calls are heavy.
const HEAVY: Duration = Duration::from_millis(1);

/// The most CPU time that one call counts, so that a single one is soon forgotten and does not make the next one heavy:
/// others may have pushed it aside while its time was taken.
const MOST: Duration = Duration::from_millis(6);

/// The CPU time that a call counts that fails: traps are dear, and seldom come alone.
const FAILED: Duration = Duration::from_millis(8);

/// About how many calls the mean is over.
const CALLS: u64 = 8;

/// The CPU time for the last calls, as a moving mean in microseconds.
#[derive(Debug, Default)]
pub(in crate::plugins) struct Weight(AtomicU64);

impl Weight {
    /// Whether the next call is likely to compute for long.
    pub(in crate::plugins) fn is_heavy(&self) -> bool {
        u128::from(self.0.load(Relaxed)) >= HEAVY.as_micros()
    }

    /// Counts a call that took `cpu`, or failed.
    pub(in crate::plugins) fn count(&self, cpu: Duration, failed: bool) {
        let cpu = if failed { FAILED } else { cpu.min(MOST) };
        let micros = u64::try_from(cpu.as_micros()).unwrap_or(u64::MAX);
        let before = self.0.load(Relaxed);
        let after = before - before / CALLS + micros / CALLS;
        // Written only when it changes: otherwise cores would pass the cache line around for nothing. A call that is
        // lost between load and store is soon made up for.
        if after != before {
            self.0.store(after, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(calls: impl IntoIterator<Item = (u64, bool)>) -> Weight {
        let weight = Weight::default();
        for (micros, failed) in calls {
            weight.count(Duration::from_micros(micros), failed);
        }
        weight
    }

    #[test]
    fn calls_that_compute_for_long_are_heavy_and_small_ones_are_not() {
        assert!(!after([]).is_heavy());
        assert!(!after([(900, false); 100]).is_heavy());
        assert!(after([(1_200, false); 100]).is_heavy());
    }

    #[test]
    fn one_failure_makes_the_next_call_heavy_and_is_soon_forgotten() {
        assert!(after([(10, true)]).is_heavy());
        assert!(!after([(10, true), (10, false), (10, false)]).is_heavy());
    }

    #[test]
    fn one_long_call_among_small_ones_says_nothing_and_two_do() {
        let (small, long) = ((10, false), (5_000_000, false));
        assert!(!after([small, long]).is_heavy());
        assert!(after([small, long, long]).is_heavy());
    }
}
