//! The last receipts of one plugin.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
};

use jiff::Timestamp;

use super::{Receipt, json};

/// How many receipts of failures, and how many of successes, are kept of a plugin at most.
const RECEIPTS: usize = 100;

/// How many bytes each of both may have together.
const BYTES: usize = 1 << 20;

/// How long receipts are kept, in milliseconds: they tell of people.
const KEPT_MS: i64 = 7 * 24 * 3600 * 1000;

/// Of calls that go well, one in so many milliseconds leaves a receipt.
const PAUSE_MS: i64 = 10;

/// Keeps receipts.
#[derive(Debug, Default)]
pub struct Receipts {
    failures: Mutex<Kept>,
    successes: Mutex<Kept>,
    /// When the next call that goes well leaves a receipt, in milliseconds since 1970.
    next: AtomicI64,
}

#[derive(Debug, Default)]
struct Kept {
    receipts: VecDeque<(usize, Arc<Receipt>)>,
    bytes: usize,
}

impl Receipts {
    /// All that are there, newest first.
    pub fn list(&self) -> Vec<Arc<Receipt>> {
        let now = Timestamp::now();
        let of = |kept: &Mutex<Kept>| {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.forget(now);
            kept.receipts.iter().map(|(_, receipt)| Arc::clone(receipt)).collect::<Vec<_>>()
        };
        let mut all = of(&self.failures);
        all.extend(of(&self.successes));
        all.sort_unstable_by(|one, other| other.id.cmp(&one.id));
        all
    }

    /// The one of that id.
    pub fn find(&self, id: &str) -> Option<Arc<Receipt>> {
        self.list().into_iter().find(|receipt| receipt.id == id)
    }

    /// Whether a call that began then and went well leaves a receipt.
    pub(in crate::plugins) fn wants(&self, at: Timestamp) -> bool {
        let (now, next) = (at.as_millisecond(), self.next.load(Relaxed));
        now >= next && self.next.compare_exchange(next, now + PAUSE_MS, Relaxed, Relaxed).is_ok()
    }

    /// Keeps one; the oldest of its kind make room.
    pub(in crate::plugins) fn keep(&self, receipt: Receipt) {
        let bytes = json::text(&receipt, usize::MAX).map_or(0, |text| text.len());
        let receipt = Arc::new(receipt);
        let kept = if receipt.error.is_some() { &self.failures } else { &self.successes };
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.bytes += bytes;
        kept.receipts.push_back((bytes, receipt));
        kept.forget(Timestamp::now());
    }
}

impl Kept {
    /// Forgets the oldest, as long as they are too many, too long or too old.
    fn forget(&mut self, now: Timestamp) {
        let too_old = now.as_millisecond() - KEPT_MS;
        while let Some((bytes, oldest)) = self.receipts.front()
            && (self.receipts.len() > RECEIPTS || self.bytes > BYTES || oldest.at.as_millisecond() < too_old)
        {
            self.bytes -= bytes;
            self.receipts.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;
    use serde_json::json;

    use super::*;

    fn keep(receipts: &Receipts, id: usize, at: Timestamp, error: Option<&str>, raw: &str) {
        let receipt = json!({
            "id": format!("{id:04}"), "at": at, "plugin": "guest", "version": "1.0.0", "digest": "", "kind": "handler",
            "entry": "hello", "app": {"name": "shop", "title": "", "type": "service", "appid": "wx1"},
            "delivery_id": "", "raw": raw, "input": {}, "config": {}, "seed": "", "outcome": "", "error": error,
            "answer": null, "logs": [], "host_calls": [],
            "used": {"queued_us": 0, "took_us": 0, "cpu_us": 0, "memory_bytes": 0},
        });
        receipts.keep(serde_json::from_value(receipt).unwrap());
    }

    fn ids(receipts: &Receipts) -> Vec<String> {
        receipts.list().iter().map(|receipt| receipt.id.clone()).collect()
    }

    #[test]
    fn no_success_pushes_a_failure_out() {
        let (receipts, now) = (Receipts::default(), Timestamp::now());
        keep(&receipts, 0, now, Some("why"), "");
        (1..=RECEIPTS + 5).for_each(|id| keep(&receipts, id, now, None, ""));
        let ids = ids(&receipts);
        assert_eq!((ids.len(), ids[0].as_str(), ids[99].as_str(), ids[100].as_str()), (101, "0105", "0006", "0000"));
    }

    #[test]
    fn what_is_too_long_or_too_old_is_forgotten() {
        let (receipts, now) = (Receipts::default(), Timestamp::now());
        let third = "x".repeat(BYTES / 3);
        (0..4).for_each(|id| keep(&receipts, id, now, None, &third));
        assert_eq!(ids(&receipts), ["0003", "0002"]);
        keep(&receipts, 4, now, None, &third.repeat(4));
        assert_eq!(ids(&receipts), [""; 0], "one that is longer than all may be together");
        keep(&receipts, 5, now - 169.hours(), Some("why"), "");
        assert_eq!(ids(&receipts), [""; 0]);
    }

    #[test]
    fn of_calls_that_follow_each_other_at_once_one_leaves_a_receipt() {
        let (receipts, now) = (Receipts::default(), Timestamp::now());
        assert!(receipts.wants(now));
        assert!(!receipts.wants(now + 9.milliseconds()));
        assert!(receipts.wants(now + 10.milliseconds()));
    }
}
