//! Durations, counted by how long they are. To record one costs two atomic additions at most: no lock and no allocation.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// The longest duration that each bucket counts, in microseconds. What is longer than all has a bucket of its own.
pub const BOUNDS: [u64; 18] = [
    25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 15_000_000,
];

/// Counts durations.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; BOUNDS.len() + 1],
    micros: AtomicU64,
}

/// What was counted until a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Durations {
    /// How many were in each bucket: those of [`BOUNDS`], and the one of what is longer.
    pub counts: [u64; BOUNDS.len() + 1],
    /// All together, in microseconds.
    pub micros: u64,
}

impl Histogram {
    /// Counts one.
    pub fn record(&self, duration: Duration) {
        let micros = micros(duration);
        let bucket = BOUNDS.partition_point(|bound| *bound < micros);
        if let Some(bucket) = self.buckets.get(bucket) {
            bucket.fetch_add(1, Relaxed);
        }
        if micros > 0 {
            self.micros.fetch_add(micros, Relaxed);
        }
    }

    /// What was counted until now.
    pub fn durations(&self) -> Durations {
        Durations {
            counts: self.buckets.each_ref().map(|bucket| bucket.load(Relaxed)),
            micros: self.micros.load(Relaxed),
        }
    }
}

impl Durations {
    /// How many there were.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Their mean in microseconds; 0 of none.
    pub fn mean_us(&self) -> u64 {
        self.micros.checked_div(self.count()).unwrap_or_default()
    }

    /// How long `percent` of a hundred took at most, in microseconds: the bound of the bucket that they end in. None
    /// of none, and where it is beyond all bounds.
    pub fn percentile_us(&self, percent: u64) -> Option<u64> {
        let wanted = (self.count() * percent).div_ceil(100);
        let mut seen = 0;
        let bucket = self.counts.iter().position(|count| {
            seen += count;
            seen >= wanted && seen > 0
        });
        BOUNDS.get(bucket?).copied()
    }
}

/// Whole microseconds.
pub fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_counted_in_the_first_bucket_that_holds_it() {
        let histogram = Histogram::default();
        for micros in [0, 25, 26, 15_000_000, 15_000_001] {
            histogram.record(Duration::from_micros(micros));
        }
        let durations = histogram.durations();
        assert_eq!(
            (durations.counts[0], durations.counts[1], durations.counts[17], durations.counts[18]),
            (2, 1, 1, 1)
        );
        assert_eq!((durations.count(), durations.micros), (5, 30_000_052));
    }

    #[test]
    fn percentiles_are_bounds_of_buckets() {
        let histogram = Histogram::default();
        assert_eq!(histogram.durations().percentile_us(50), None);
        for _ in 0..98 {
            histogram.record(Duration::from_micros(30));
        }
        histogram.record(Duration::from_millis(3));
        histogram.record(Duration::from_hours(1));
        let durations = histogram.durations();
        assert_eq!([50, 99, 100].map(|percent| durations.percentile_us(percent)), [Some(50), Some(5000), None]);
    }
}
