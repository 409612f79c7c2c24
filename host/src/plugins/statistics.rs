//! What is counted of a plugin's calls, since the process started and over all its versions.
//!
//! To count costs a few atomic additions: a call takes no lock here and allocates nothing, unless it is the first of
//! its entry, or fails.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use arc_swap::ArcSwap;

use super::{entry_kind::EntryKind, error::CallError, instance::Used};
use crate::histogram::{Durations, Histogram, micros};

/// How many entries of one kind are counted each by itself. Versions come and go with other names, and what is counted
/// never goes.
const ENTRIES: usize = 256;

/// Under which name the others are counted.
const OTHERS: &str = "(others)";

/// What became of a plugin's calls.
#[derive(Debug, Default)]
pub struct Statistics {
    entries: [ArcSwap<BTreeMap<Arc<str>, Arc<Counts>>>; EntryKind::ALL.len()],
    last_error: Mutex<Option<String>>,
}

/// What became of the calls of one entry.
#[derive(Debug, Default)]
struct Counts {
    took: Histogram,
    queued: Histogram,
    cpu_nanos: AtomicU64,
    memory: AtomicU64,
    lines: AtomicU64,
    errors: [AtomicU64; CallError::CODES.len()],
}

/// What became of the calls of one entry until a moment.
#[derive(Debug, Clone)]
pub struct EntryStatistics {
    /// What the entry is.
    pub kind: EntryKind,
    /// Its name.
    pub name: Arc<str>,
    /// How long calls ran, by the wall clock.
    pub took: Durations,
    /// How long they waited for their turn before.
    pub queued: Durations,
    /// CPU time of all together.
    pub cpu: Duration,
    /// The most memory that one had, in bytes.
    pub memory: u64,
    /// Lines that they logged.
    pub lines: u64,
    /// How many failed, by [`CallError::code`]; only those that happened.
    pub errors: Vec<(&'static str, u64)>,
}

impl EntryStatistics {
    /// Calls that have ended.
    pub fn calls(&self) -> u64 {
        self.took.count()
    }

    /// Those of them that failed.
    pub fn failures(&self) -> u64 {
        self.errors.iter().map(|(_, count)| count).sum()
    }
}

impl Statistics {
    /// What was counted until now, by kind and name. Entries that were never called are not in it.
    pub fn entries(&self) -> Vec<EntryStatistics> {
        let kinds = EntryKind::ALL.into_iter().zip(&self.entries);
        let entries = kinds.flat_map(|(kind, entries)| {
            let entries = entries.load();
            entries.iter().map(|(name, counts)| counts.until_now(kind, name)).collect::<Vec<_>>()
        });
        entries.collect()
    }

    /// Why the last call that failed did.
    pub fn last_error(&self) -> Option<String> {
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Counts a call that has ended.
    pub(super) fn count(&self, kind: EntryKind, entry: &str, used: &Used, error: Option<&CallError>) {
        let counts = self.counts(kind, entry);
        counts.took.record(used.took);
        counts.queued.record(used.queued);
        counts.cpu_nanos.fetch_add(u64::try_from(used.cpu.as_nanos()).unwrap_or_default(), Relaxed);
        counts.memory.fetch_max(used.memory, Relaxed);
        counts.lines.fetch_add(u64::from(used.lines), Relaxed);
        if let Some(error) = error {
            let code = CallError::CODES.iter().position(|code| *code == error.code());
            if let Some(count) = code.and_then(|code| counts.errors.get(code)) {
                count.fetch_add(1, Relaxed);
            }
            *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
        }
    }

    fn counts(&self, kind: EntryKind, entry: &str) -> Arc<Counts> {
        // `ALL` and the array have the same order and length.
        let entries = &self.entries[kind as usize];
        if let Some(counts) = entries.load().get(entry) {
            return Arc::clone(counts);
        }
        let new = Arc::new(Counts::default());
        let mut counted = Arc::clone(&new);
        entries.rcu(|entries| {
            let mut entries = BTreeMap::clone(entries);
            let name = if entries.len() < ENTRIES { entry } else { OTHERS };
            counted = Arc::clone(entries.entry(name.into()).or_insert_with(|| Arc::clone(&new)));
            entries
        });
        counted
    }
}

impl Counts {
    fn until_now(&self, kind: EntryKind, name: &Arc<str>) -> EntryStatistics {
        let errors = CallError::CODES.iter().zip(&self.errors).map(|(code, count)| (*code, count.load(Relaxed)));
        EntryStatistics {
            kind,
            name: Arc::clone(name),
            took: self.took.durations(),
            queued: self.queued.durations(),
            cpu: Duration::from_nanos(self.cpu_nanos.load(Relaxed)),
            memory: self.memory.load(Relaxed),
            lines: self.lines.load(Relaxed),
            errors: errors.filter(|(_, count)| *count > 0).collect(),
        }
    }
}

/// The mean of what `calls` used together, in microseconds.
pub fn mean_us(all: Duration, calls: u64) -> u64 {
    micros(all).checked_div(calls).unwrap_or_default()
}
