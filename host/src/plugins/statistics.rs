//! Counts of one plugin's calls.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

use super::error::CallError;

/// What became of a plugin's calls since the process started, over all its versions.
#[derive(Debug, Default)]
pub struct Statistics {
    calls: AtomicU64,
    failures: AtomicU64,
    micros: AtomicU64,
    last_error: Mutex<Option<String>>,
}

impl Statistics {
    /// Calls that have ended.
    pub fn calls(&self) -> u64 {
        self.calls.load(Relaxed)
    }

    /// Those of them that failed.
    pub fn failures(&self) -> u64 {
        self.failures.load(Relaxed)
    }

    /// Their wall clock together, in microseconds.
    pub fn micros(&self) -> u64 {
        self.micros.load(Relaxed)
    }

    /// Why the last one that failed did.
    pub fn last_error(&self) -> Option<String> {
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn count<T>(&self, began: Instant, result: &Result<T, CallError>) {
        self.calls.fetch_add(1, Relaxed);
        self.micros.fetch_add(u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX), Relaxed);
        if let Err(error) = result {
            self.failures.fetch_add(1, Relaxed);
            *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
        }
    }
}
