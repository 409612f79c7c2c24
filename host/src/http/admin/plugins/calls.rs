//! What became of a plugin's calls.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    histogram::{BOUNDS, Durations},
    plugins::{EntryStatistics, HostCallStatistics, Plugin, mean_us},
};

/// Counts since the process started.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Calls {
    /// That have ended, whether they ran or not.
    total: u64,
    failed: u64,
    /// That run now.
    running: usize,
    /// That wait for their turn now.
    waiting: usize,
    /// That were refused because as many waited as may.
    shed: u64,
    /// Mean wall clock of those that ran, in microseconds, without the time that they waited for their turn.
    mean_us: u64,
    last_error: Option<String>,
    /// Of those that were called, by kind and name.
    entries: Vec<EntryCalls>,
    /// What was asked of the host.
    #[serde(rename = "host_calls")]
    asked: Vec<HostCalls>,
}

/// What became of what was asked of the host by one function.
#[derive(Debug, Serialize, ToSchema)]
struct HostCalls {
    /// Interface and function, as in the WIT.
    function: &'static str,
    total: u64,
    failed: u64,
    duration: DurationView,
}

/// What became of the calls of one handler, rule, hook, observer or page.
#[derive(Debug, Serialize, ToSchema)]
struct EntryCalls {
    /// handler, rule, hook, observer or page.
    kind: &'static str,
    name: String,
    total: u64,
    failed: u64,
    /// How many failed, by the kind of error: `busy`, `pool_busy`, `timed_out`, `cpu_exhausted`, `crashed`, `failed`, …
    errors: BTreeMap<&'static str, u64>,
    /// Wall clock of those that ran.
    duration: DurationView,
    /// Time that calls waited for their turn.
    queued: DurationView,
    /// Mean time on a core of those that ran, in microseconds.
    cpu_mean_us: u64,
    /// The most memory that a call had, in bytes.
    memory_max_bytes: u64,
    /// Lines in the log, also of what was printed; without those that were dropped.
    log_lines: u64,
}

/// Durations in microseconds.
#[derive(Debug, Serialize, ToSchema)]
struct DurationView {
    mean_us: u64,
    /// Half of the calls took no longer; the bound of a bucket.
    p50_us: Option<u64>,
    /// 99 of 100 calls took no longer; the bound of a bucket.
    p99_us: Option<u64>,
    /// Those that hold a call.
    buckets: Vec<Bucket>,
}

/// How many were longer than the bucket before, and not longer than this one.
#[derive(Debug, Serialize, ToSchema)]
struct Bucket {
    /// Null for what is longer than all bounds.
    up_to_us: Option<u64>,
    calls: u64,
}

impl From<&Plugin> for Calls {
    fn from(plugin: &Plugin) -> Self {
        let (statistics, crowd) = (&plugin.statistics, plugin.crowd());
        let entries = statistics.entries();
        let total = entries.iter().map(EntryStatistics::calls).sum();
        let ran: u64 = entries.iter().map(|entry| entry.took.count()).sum();
        let micros: u64 = entries.iter().map(|entry| entry.took.micros).sum();
        Self {
            total,
            failed: entries.iter().map(EntryStatistics::failures).sum(),
            running: crowd.running,
            waiting: crowd.waiting,
            shed: crowd.shed,
            mean_us: micros.checked_div(ran).unwrap_or_default(),
            last_error: statistics.last_error(),
            entries: entries.iter().map(EntryCalls::from).collect(),
            asked: statistics.host_calls().iter().map(HostCalls::from).collect(),
        }
    }
}

impl From<&HostCallStatistics> for HostCalls {
    fn from(calls: &HostCallStatistics) -> Self {
        Self {
            function: calls.function.name(),
            total: calls.took.count(),
            failed: calls.failures,
            duration: DurationView::from(&calls.took),
        }
    }
}

impl From<&EntryStatistics> for EntryCalls {
    fn from(entry: &EntryStatistics) -> Self {
        Self {
            kind: entry.kind.name(),
            name: entry.name.to_string(),
            total: entry.calls(),
            failed: entry.failures(),
            errors: entry.errors.iter().copied().collect(),
            duration: DurationView::from(&entry.took),
            queued: DurationView::from(&entry.queued),
            cpu_mean_us: mean_us(entry.cpu, entry.took.count()),
            memory_max_bytes: entry.memory,
            log_lines: entry.lines,
        }
    }
}

impl From<&Durations> for DurationView {
    fn from(durations: &Durations) -> Self {
        let bounds = BOUNDS.into_iter().map(Some).chain([None]);
        let buckets = bounds.zip(durations.counts).map(|(up_to_us, calls)| Bucket { up_to_us, calls });
        Self {
            mean_us: durations.mean_us(),
            p50_us: durations.percentile_us(50),
            p99_us: durations.percentile_us(99),
            buckets: buckets.filter(|bucket| bucket.calls > 0).collect(),
        }
    }
}
