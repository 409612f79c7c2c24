//! The last receipts of one plugin.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::atomic::{AtomicI64, Ordering::Relaxed},
};

use jiff::Timestamp;
use parking_lot::Mutex;

use super::{Line, LineLevel, Receipt, json};
use crate::plugins::EntryKind;

/// How many receipts of failures, and how many of successes, are kept of a plugin at most.
const RECEIPTS: usize = 100;

/// How many bytes each of both may have together.
const BYTES: usize = 1 << 20;

/// How many bytes one may have, so that no call pushes out what is known of others. One that has more is kept without
/// what was asked and answered, and with the beginning of its log.
const LONGEST: usize = BYTES / 2;

/// How many lines of its log such a receipt has.
const FIRST_LINES: usize = 20;

/// How long receipts are kept, in milliseconds: they tell of people.
const KEPT_MS: i64 = 7 * 24 * 3600 * 1000;

/// Of calls that go well, one in so many milliseconds leaves a receipt: it takes as long as several calls.
const PAUSE_MS: i64 = 50;

/// For so many milliseconds in which there was none it is made up for.
const MADE_UP_FOR_MS: i64 = 1000;

/// Keeps receipts, as texts: in pieces they would take many times the memory.
#[derive(Debug, Default)]
pub struct Receipts {
    failures: Mutex<Kept>,
    successes: Mutex<Kept>,
    /// When the next receipt of a call that goes well would come if they came evenly, in milliseconds since 1970.
    next: AtomicI64,
}

#[derive(Debug, Default)]
struct Kept {
    receipts: VecDeque<Entry>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    id: String,
    app: String,
    /// Whether it is of a page: whoever visits one makes it.
    is_of_page: bool,
    at: Timestamp,
    /// JSON.
    text: Box<str>,
}

impl Receipts {
    /// All that are there, newest first.
    pub fn list(&self) -> Vec<Receipt> {
        let mut all = self.texts(|_| true);
        all.sort_unstable_by(|(one, _), (other, _)| other.cmp(one));
        all.iter().filter_map(|(_, text)| serde_json::from_str(text).ok()).collect()
    }

    /// Whether there are none.
    pub(in crate::plugins) fn is_empty(&self) -> bool {
        [&self.failures, &self.successes].iter().all(|kept| kept.lock().receipts.is_empty())
    }

    /// The one of that id.
    pub fn find(&self, id: &str) -> Option<Receipt> {
        let found = self.texts(|entry| entry.id == id);
        found.iter().find_map(|(_, text)| serde_json::from_str(text).ok())
    }

    /// Takes one of the receipts that calls without an error may leave, twenty a second, for one that began at `at`;
    /// false where there is none left.
    pub(in crate::plugins) fn take_slot(&self, at: Timestamp) -> bool {
        let (now, next) = (at.as_millisecond(), self.next.load(Relaxed));
        let soonest = now - MADE_UP_FOR_MS;
        next <= now && self.next.compare_exchange(next, next.max(soonest) + PAUSE_MS, Relaxed, Relaxed).is_ok()
    }

    /// Keeps one; the oldest of the app that has most make room, so that no app pushes out what is known of another, nor
    /// visitors of its pages what is known of its messages.
    pub(in crate::plugins) fn keep(&self, receipt: Receipt) {
        let kept = if receipt.error.is_some() { &self.failures } else { &self.successes };
        let (id, app, at) = (receipt.id.clone(), receipt.app.name.clone(), receipt.at);
        let is_of_page = receipt.kind == EntryKind::Page;
        let text = json::text(&receipt, LONGEST).or_else(|| json::text(&shortened(receipt), LONGEST));
        // Only the message itself can still make it too long.
        let Some(text) = text else { return };
        let mut kept = kept.lock();
        kept.bytes += text.len();
        kept.receipts.push_back(Entry { id, app, is_of_page, at, text: text.into() });
        kept.forget(Timestamp::now());
    }

    fn texts(&self, is_meant: impl Fn(&Entry) -> bool) -> Vec<(String, Box<str>)> {
        let now = Timestamp::now();
        let of = |kept: &Mutex<Kept>| {
            let mut kept = kept.lock();
            kept.forget(now);
            let meant = kept.receipts.iter().filter(|entry| is_meant(entry));
            meant.map(|entry| (entry.id.clone(), entry.text.clone())).collect::<Vec<_>>()
        };
        let mut all = of(&self.failures);
        all.extend(of(&self.successes));
        all
    }
}

/// Without what can be long.
fn shortened(mut receipt: Receipt) -> Receipt {
    for call in &mut receipt.host_calls {
        (call.arguments, call.answer) = (None, None);
    }
    receipt.answer = None;
    if receipt.logs.len() > FIRST_LINES {
        let text = format!("{} more lines, in a receipt that is too long", receipt.logs.len() - FIRST_LINES);
        receipt.logs.truncate(FIRST_LINES);
        receipt.logs.push(Line { level: LineLevel::Warn, text });
    }
    receipt
}

impl Kept {
    /// Forgets what is too old, and as many as are too many or too long together.
    fn forget(&mut self, now: Timestamp) {
        let too_old = now.as_millisecond() - KEPT_MS;
        while self.receipts.front().is_some_and(|oldest| oldest.at.as_millisecond() < too_old) {
            self.remove(0);
        }
        while self.receipts.len() > RECEIPTS {
            self.remove(self.oldest_of_most(|_| 1));
        }
        while self.bytes > BYTES {
            self.remove(self.oldest_of_most(|entry| entry.text.len()));
        }
    }

    /// Where the oldest one is of the app whose receipts weigh most together. Those of its pages weigh by themselves.
    fn oldest_of_most(&self, weight: impl Fn(&Entry) -> usize) -> usize {
        let mut apps = BTreeMap::<(&str, bool), (usize, usize)>::new();
        for (at, entry) in self.receipts.iter().enumerate() {
            apps.entry((&entry.app, entry.is_of_page)).or_insert((0, at)).0 += weight(entry);
        }
        apps.into_values().max_by_key(|(weight, oldest)| (*weight, usize::MAX - oldest)).map_or(0, |(_, oldest)| oldest)
    }

    fn remove(&mut self, at: usize) {
        if let Some(entry) = self.receipts.remove(at) {
            self.bytes -= entry.text.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;
    use serde_json::json;

    use super::*;

    fn keep(receipts: &Receipts, id: usize, at: Timestamp, error: Option<&str>, raw: &str) {
        keep_of("shop", receipts, id, at, error, raw);
    }

    fn keep_of(app: &str, receipts: &Receipts, id: usize, at: Timestamp, error: Option<&str>, raw: &str) {
        keep_for(EntryKind::Handler, app, receipts, id, at, error, raw);
    }

    fn keep_for(
        kind: EntryKind,
        app: &str,
        receipts: &Receipts,
        id: usize,
        at: Timestamp,
        error: Option<&str>,
        raw: &str,
    ) {
        let receipt = json!({
            "id": format!("{id:04}"), "at": at, "plugin": "guest", "version": "1.0.0", "digest": "", "kind": kind,
            "entry": "hello", "app": {"name": app, "title": "", "type": "service", "appid": "wx1"},
            "delivery_id": "", "raw": raw, "input": {}, "config": {}, "seed": "", "outcome": "", "error": error,
            "answer": null, "logs": [], "host_calls": [],
            "used": {"queued_us": 0, "took_us": 0, "cpu_us": 0, "memory_bytes": 0},
        });
        receipts.keep(serde_json::from_value(receipt).unwrap());
    }

    #[test]
    fn visits_push_out_nothing_of_messages() {
        let (receipts, now) = (Receipts::default(), Timestamp::now());
        keep(&receipts, 0, now, Some("why"), "");
        for id in 1..=RECEIPTS + 5 {
            keep_for(EntryKind::Page, "shop", &receipts, id, now, Some("why"), "");
        }
        let ids = ids(&receipts);
        assert_eq!((ids.len(), ids.last().map(String::as_str)), (RECEIPTS, Some("0000")));
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
        assert_eq!(ids(&receipts), ["0003", "0002"], "one that is too long by itself pushes none out");
        keep(&receipts, 5, now - 169.hours(), Some("why"), "");
        assert_eq!(ids(&receipts), ["0003", "0002"]);
    }

    #[test]
    fn no_app_pushes_out_what_is_known_of_another() {
        let (receipts, now) = (Receipts::default(), Timestamp::now());
        keep(&receipts, 0, now, Some("why"), "");
        (1..=RECEIPTS + 5).for_each(|id| keep_of("noisy", &receipts, id, now, Some("why"), ""));
        assert_eq!(ids(&receipts).last().map(String::as_str), Some("0000"));
        (200..210).for_each(|id| keep_of("long", &receipts, id, now, Some("why"), &"x".repeat(BYTES / 3)));
        let ids = ids(&receipts);
        assert_eq!((ids[0].as_str(), ids.last().map(String::as_str)), ("0209", Some("0000")));
        assert!(ids.contains(&"0105".to_owned()), "{ids:?}");
    }

    #[test]
    fn of_calls_that_follow_each_other_at_once_the_first_leave_receipts_and_then_twenty_a_second() {
        let (receipts, now) = (Receipts::default(), Timestamp::now());
        let wanted = |from: i64| (from..from + 1000).filter(|ms| receipts.take_slot(now + ms.milliseconds())).count();
        assert!((0..20).all(|_| receipts.take_slot(now)), "nobody who tries a plugin sends more at once");
        assert_eq!((wanted(0), wanted(1000)), (20, 20));
        assert_eq!(wanted(10_000), 40, "what is made up for is bounded");
    }
}
