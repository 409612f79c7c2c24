//! What is counted of a plugin's calls, since the process started and over all its versions.
//!
//! To count costs a few atomic additions: a call takes no lock here and allocates nothing, unless it is the first of
//! its entry, or fails.

use std::{
    array,
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use super::{
    entry_kind::EntryKind,
    error::{CallError, ErrorCode},
    host::Function,
    sandbox::Used,
    trace::Trace,
};
use crate::histogram::{Durations, Histogram, micros};

/// The most entries of one kind that are counted each by itself. Versions come and go with other names, and counts
/// never go.
const ENTRIES: usize = 256;

/// The name under which all further entries are counted.
const OTHERS: &str = "(others)";

/// The counts of a plugin's calls.
#[derive(Debug)]
pub struct Statistics {
    entries: [ArcSwap<BTreeMap<Arc<str>, Arc<Counts>>>; EntryKind::ALL.len()],
    host_calls: [HostCounts; Function::ALL.len()],
    last_error: Mutex<Option<String>>,
}

/// The counts of the calls of one entry.
#[derive(Debug)]
pub(super) struct Counts {
    pub(super) kind: EntryKind,
    pub(super) name: Arc<str>,
    took: Histogram,
    queued: Histogram,
    not_run: AtomicU64,
    cpu_nanos: AtomicU64,
    memory: AtomicU64,
    lines: AtomicU64,
    errors: [AtomicU64; ErrorCode::ALL.len()],
}

/// The counts of the calls of one host function.
#[derive(Debug, Default)]
struct HostCounts {
    took: Histogram,
    failures: AtomicU64,
}

/// What became of the calls of one host function until a moment.
#[derive(Debug, Clone)]
pub struct HostCallStatistics {
    /// The function.
    pub function: Function,
    /// How long its calls took.
    pub took: Durations,
    /// How many of them did not give the plugin what it asked for.
    pub failures: u64,
}

/// What became of the calls of one entry until a moment.
#[derive(Debug, Clone)]
pub struct EntryStatistics {
    /// The kind of the entry.
    pub kind: EntryKind,
    /// The name of the entry.
    pub name: Arc<str>,
    /// How long calls ran, by the wall clock.
    pub took: Durations,
    /// How long calls waited for their turn, those too that got none.
    pub queued: Durations,
    /// Calls that did not run: there was no turn for them, or a breaker refused them.
    pub not_run: u64,
    /// The CPU time of all calls together.
    pub cpu: Duration,
    /// The most memory that one call had, in bytes.
    pub memory: u64,
    /// Lines of the calls that are in the log, those too that they printed.
    pub lines: u64,
    /// How many calls failed, by [`CallError::code`]; without codes that no call had.
    pub errors: Vec<(&'static str, u64)>,
}

impl EntryStatistics {
    /// Calls that have ended, whether they ran or not.
    pub fn calls(&self) -> u64 {
        self.took.count() + self.not_run
    }

    /// Calls that failed.
    pub fn failures(&self) -> u64 {
        self.errors.iter().map(|(_, count)| count).sum()
    }
}

impl Default for Statistics {
    fn default() -> Self {
        Self {
            entries: array::from_fn(|_| ArcSwap::default()),
            host_calls: array::from_fn(|_| HostCounts::default()),
            last_error: Mutex::default(),
        }
    }
}

impl Statistics {
    /// The entries that were called until now, by kind and name.
    pub fn entries(&self) -> Vec<EntryStatistics> {
        let kinds = EntryKind::ALL.into_iter().zip(&self.entries);
        let entries = kinds.flat_map(|(kind, entries)| {
            let entries = entries.load();
            entries.values().map(|counts| counts.until_now(kind)).collect::<Vec<_>>()
        });
        entries.collect()
    }

    /// The host functions that were called until now.
    pub fn host_calls(&self) -> Vec<HostCallStatistics> {
        let all = Function::ALL.iter().zip(&self.host_calls).map(|(function, counts)| HostCallStatistics {
            function: *function,
            took: counts.took.durations(),
            failures: counts.failures.load(Relaxed),
        });
        all.filter(|calls| calls.took.count() > 0).collect()
    }

    /// The error of the last call that failed.
    pub fn last_error(&self) -> Option<String> {
        self.last_error.lock().clone()
    }

    /// Counts a call that has ended.
    pub(super) fn count(&self, counts: &Counts, used: &Used, trace: &Trace, error: Option<&CallError>) {
        if let Some(took) = used.took {
            counts.took.record(took);
        } else {
            counts.not_run.fetch_add(1, Relaxed);
        }
        if used.ran() || !used.queued.is_zero() {
            counts.queued.record(used.queued);
        }
        counts.cpu_nanos.fetch_add(u64::try_from(used.cpu.as_nanos()).unwrap_or_default(), Relaxed);
        // Written only when it changes: otherwise cores would pass the cache line around for nothing.
        if counts.memory.load(Relaxed) < used.memory {
            counts.memory.fetch_max(used.memory, Relaxed);
        }
        if !trace.lines.is_empty() {
            counts.lines.fetch_add(trace.lines.len() as u64, Relaxed);
        }
        if let Some(error) = error {
            counts.errors[error.error_code() as usize].fetch_add(1, Relaxed);
            *self.last_error.lock() = Some(error.to_string());
        }
        for asked in &trace.asked {
            let counts = &self.host_calls[asked.function as usize];
            counts.took.record(asked.took);
            if !asked.is_ok() {
                counts.failures.fetch_add(1, Relaxed);
            }
        }
    }

    /// Where the calls of an entry are counted.
    pub(super) fn counts(&self, kind: EntryKind, entry: &str) -> Arc<Counts> {
        // `ALL` and the array have the same order and length.
        let entries = &self.entries[kind as usize];
        if let Some(counts) = entries.load().get(entry) {
            return Arc::clone(counts);
        }
        let new = Arc::new(Counts::new(kind, entry));
        let mut counted = Arc::clone(&new);
        entries.rcu(|entries| {
            let mut entries = BTreeMap::clone(entries);
            counted = if entries.len() < ENTRIES {
                Arc::clone(entries.entry(entry.into()).or_insert_with(|| Arc::clone(&new)))
            } else {
                Arc::clone(entries.entry(OTHERS.into()).or_insert_with(|| Arc::new(Counts::new(kind, OTHERS))))
            };
            entries
        });
        counted
    }
}

impl Counts {
    fn new(kind: EntryKind, name: &str) -> Self {
        Self {
            kind,
            name: name.into(),
            took: Histogram::default(),
            queued: Histogram::default(),
            not_run: AtomicU64::default(),
            cpu_nanos: AtomicU64::default(),
            memory: AtomicU64::default(),
            lines: AtomicU64::default(),
            errors: array::from_fn(|_| AtomicU64::default()),
        }
    }

    fn until_now(&self, kind: EntryKind) -> EntryStatistics {
        let errors = ErrorCode::ALL.iter().zip(&self.errors).map(|(code, count)| (code.name(), count.load(Relaxed)));
        EntryStatistics {
            kind,
            name: Arc::clone(&self.name),
            took: self.took.durations(),
            queued: self.queued.durations(),
            not_run: self.not_run.load(Relaxed),
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
