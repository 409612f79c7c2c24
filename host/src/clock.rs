//! The time of day: the system's, or one that a test moves.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// Where the house reads the time. Clones show the same time.
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    System,
    /// Milliseconds since 1970.
    Manual(Arc<AtomicU64>),
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands at `start_seconds` since 1970 until it is [advanced](Self::advance).
    pub fn manual(start_seconds: u64) -> Self {
        Self(Source::Manual(Arc::new(AtomicU64::new(start_seconds.saturating_mul(1000)))))
    }

    /// Seconds since 1970.
    pub fn now(&self) -> u64 {
        self.now_ms() / 1000
    }

    /// Milliseconds since 1970.
    pub fn now_ms(&self) -> u64 {
        match &self.0 {
            // A system set before 1970 counts as 1970.
            Source::System => SystemTime::UNIX_EPOCH.elapsed().map_or(0, milliseconds),
            Source::Manual(now) => now.load(Ordering::SeqCst),
        }
    }

    /// Moves a manual clock forward; the system's clock does not care.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(now) = &self.0 {
            now.fetch_add(milliseconds(by), Ordering::SeqCst);
        }
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_told_and_clones_agree() {
        let clock = Clock::manual(1_700_000_000);
        let same = clock.clone();
        assert_eq!(clock.now(), 1_700_000_000);
        clock.advance(Duration::from_millis(1500));
        assert_eq!((same.now(), same.now_ms()), (1_700_000_001, 1_700_000_001_500));
    }

    #[test]
    fn the_system_clock_is_past_the_year_2025() {
        assert!(Clock::system().now() > 1_735_689_600);
    }
}
