//! How many lines a plugin may log in a second, over all its calls.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Instant,
};

/// How long a plugin that was silent may log as fast as it likes: this many seconds' lines at once.
const SECONDS_AT_ONCE: u64 = 10;

const SECOND: u64 = 1_000_000_000;

/// Counts lines. It holds one number, the time at which all of the allowance is there again, so that nobody waits.
pub(in crate::plugins) struct Allowance {
    origin: Instant,
    /// Nanoseconds since `origin`.
    whole_at: AtomicU64,
    /// Lines that were refused since one was allowed.
    dropped: AtomicU64,
}

/// Whether a line may be logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::plugins) enum Verdict {
    /// It may, and so many before it were dropped.
    Allowed(u64),
    /// It is dropped; true for the first in a row.
    Dropped(bool),
}

impl Default for Allowance {
    fn default() -> Self {
        Self { origin: Instant::now(), whole_at: AtomicU64::new(0), dropped: AtomicU64::new(0) }
    }
}

impl Allowance {
    /// Asks for one line of `per_second`.
    pub(in crate::plugins) fn take(&self, per_second: u64) -> Verdict {
        let now = u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX / 2);
        self.take_at(now, per_second)
    }

    fn take_at(&self, now: u64, per_second: u64) -> Verdict {
        let line = SECOND / per_second.max(1);
        let taken = self.whole_at.fetch_update(Relaxed, Relaxed, |whole_at| {
            let after = whole_at.max(now) + line;
            (after <= now + SECONDS_AT_ONCE * SECOND).then_some(after)
        });
        if taken.is_ok() {
            return Verdict::Allowed(self.dropped.swap(0, Relaxed));
        }
        Verdict::Dropped(self.dropped.fetch_add(1, Relaxed) == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_cut_and_its_length_told_afterwards() {
        let allowance = Allowance::default();
        let allowed = (0..1000).filter(|_| matches!(allowance.take_at(0, 20), Verdict::Allowed(0))).count();
        assert_eq!(allowed, 200);
        assert_eq!(allowance.take_at(0, 20), Verdict::Dropped(false));
        // A twentieth of a second is one line.
        assert_eq!(allowance.take_at(SECOND / 20, 20), Verdict::Allowed(801));
        assert_eq!(allowance.take_at(SECOND / 20, 20), Verdict::Dropped(true));
        let later = 100 * SECOND;
        let allowed = (0..1000).filter(|_| matches!(allowance.take_at(later, 20), Verdict::Allowed(_))).count();
        assert_eq!(allowed, 200, "a pause gives no more than the whole");
    }
}
