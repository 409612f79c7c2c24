//! What becomes of the writes of one plugin in one app. They are decided in their order, as if each found in the database
//! what those before it did there; nothing is read or written here.

use std::collections::{BTreeMap, HashMap};

use super::{
    KvError, KvQuota,
    owners::Removed,
    row::{Change, Condition, KvRow, Written},
};
use crate::storage::{from_sql, to_sql};

/// What the plugin keeps in the app before the writes, as the tables tell.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// The writes take the versions behind it.
    pub(super) last_version: i64,
    pub(super) totals: Totals,
    /// Of the keys that are written.
    pub(super) entries: HashMap<String, Entry>,
}

/// How much is kept, with what is over and was not removed yet.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) keys: i64,
    pub(super) bytes: i64,
}

/// What is kept under a key, without its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) version: i64,
    /// Bytes of key and value together.
    pub(super) size: i64,
    pub(super) expires_at: Option<i64>,
}

/// What came of the writes.
#[derive(Debug, Default)]
pub(super) struct Decision<'a> {
    /// One for each write.
    pub(super) outcomes: Vec<Result<Written, KvError>>,
    pub(super) totals: Totals,
    /// What is to be under the keys that change: none where the entry goes.
    pub(super) changes: BTreeMap<&'a str, Option<Put<'a>>>,
}

/// An entry that is to be written.
#[derive(Debug)]
pub(super) struct Put<'a> {
    pub(super) value: &'a [u8],
    pub(super) entry: Entry,
}

impl Kept {
    /// Takes out entries that are gone.
    pub(super) fn remove(&mut self, removed: &[Removed]) {
        for (key, size) in removed {
            self.totals.remove(*size);
            self.entries.remove(key);
        }
    }

    /// Decides the writes at the time `now`.
    pub(super) fn decide<'a>(&self, rows: &[&'a KvRow], now: i64) -> Decision<'a> {
        let mut decision = Decision { totals: self.totals, ..Decision::default() };
        for (&row, version) in rows.iter().zip(self.last_version + 1..) {
            let current = match decision.changes.get(row.key.as_str()) {
                Some(change) => change.as_ref().map(|put| put.entry),
                None => self.entries.get(&row.key).copied(),
            };
            let outcome = decision.add(row, version, current, now);
            decision.outcomes.push(outcome);
        }
        decision
    }
}

impl<'a> Decision<'a> {
    /// Whether a write was refused that may pass when what is over is removed.
    pub(super) fn wants_room(&self) -> bool {
        self.outcomes.iter().any(wants_room)
    }

    fn add(&mut self, row: &'a KvRow, version: i64, current: Option<Entry>, now: i64) -> Result<Written, KvError> {
        let live = current.filter(|entry| entry.is_live(now));
        match &row.change {
            Change::Put { value, ttl_seconds, condition, quota } => {
                if let Condition::At(expected) = condition
                    && live.map(|entry| from_sql(entry.version)) != *expected
                {
                    return Err(KvError::Conflict);
                }
                let size = to_sql(row.size() as u64);
                let totals = self.totals.with(size, current.map(|entry| entry.size));
                totals.check(size, live.map(|entry| entry.size), quota)?;
                let expires_at = ttl_seconds.map(|seconds| now.saturating_add(seconds.into()));
                self.totals = totals;
                self.changes.insert(&row.key, Some(Put { value, entry: Entry { version, size, expires_at } }));
            }
            Change::Delete => {
                if let Some(entry) = current {
                    self.totals.remove(entry.size);
                    self.changes.insert(&row.key, None);
                }
            }
        }
        Ok(Written { version: from_sql(version), existed: live.is_some() })
    }
}

/// Whether a write was refused that may pass when what is over is removed.
pub(super) fn wants_room(outcome: &Result<Written, KvError>) -> bool {
    matches!(outcome, Err(KvError::TooManyKeys(_) | KvError::TotalTooLong(_)))
}

impl Entry {
    fn is_live(&self, now: i64) -> bool {
        self.expires_at.is_none_or(|end| end > now)
    }
}

impl Totals {
    /// With an entry of `size`, in the place of one of the size `old` if there is one.
    fn with(self, size: i64, old: Option<i64>) -> Self {
        Self { keys: self.keys + i64::from(old.is_none()), bytes: self.bytes.saturating_add(size) - old.unwrap_or(0) }
    }

    /// Without an entry of `size`.
    fn remove(&mut self, size: i64) {
        self.keys -= 1;
        self.bytes -= size;
    }

    /// Whether it may be so much after an entry of `size` took the place of a living one of the size `old`.
    fn check(self, size: i64, old: Option<i64>, quota: &KvQuota) -> Result<(), KvError> {
        if old.is_none() && self.keys > to_sql(quota.max_keys) {
            return Err(KvError::TooManyKeys(quota.max_keys));
        }
        if size > old.unwrap_or(0) && self.bytes > to_sql(quota.max_total_bytes) {
            return Err(KvError::TotalTooLong(quota.max_total_bytes));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1000;
    const QUOTA: KvQuota = KvQuota { max_value_bytes: 100, max_keys: 3, max_total_bytes: 20 };

    fn row(key: &str, change: Change) -> KvRow {
        KvRow { app: "shop".to_owned(), plugin: "p".to_owned(), key: key.to_owned(), change, _turn: None }
    }

    fn put_if(condition: Condition, key: &str, value: &[u8], ttl_seconds: Option<u32>) -> KvRow {
        row(key, Change::Put { value: value.to_vec(), ttl_seconds, condition, quota: QUOTA })
    }

    fn put(key: &str, value: &[u8]) -> KvRow {
        put_if(Condition::Always, key, value, None)
    }

    fn put_at(expected: Option<u64>, key: &str, value: &[u8]) -> KvRow {
        put_if(Condition::At(expected), key, value, None)
    }

    fn delete(key: &str) -> KvRow {
        row(key, Change::Delete)
    }

    /// Entries of one byte's value and, perhaps, with an end.
    fn kept(entries: &[(&str, Option<i64>)]) -> Kept {
        let mut kept = Kept { last_version: 40, ..Kept::default() };
        for (version, (key, expires_at)) in (1..).zip(entries) {
            let entry = Entry { version, size: to_sql(key.len() as u64 + 1), expires_at: *expires_at };
            kept.totals = kept.totals.with(entry.size, None);
            kept.entries.insert((*key).to_owned(), entry);
        }
        kept
    }

    /// The version of each write, with `again` where there was something before, or why it was refused.
    fn outcomes(decision: &Decision<'_>) -> Vec<String> {
        let outcome = |outcome: &Result<Written, KvError>| match outcome {
            Ok(Written { version, existed }) => format!("{version}{}", if *existed { " again" } else { "" }),
            Err(KvError::Conflict) => "conflict".to_owned(),
            Err(KvError::TooManyKeys(_)) => "keys".to_owned(),
            Err(KvError::TotalTooLong(_)) => "bytes".to_owned(),
            Err(error) => panic!("{error:?}"),
        };
        decision.outcomes.iter().map(outcome).collect()
    }

    /// A key with the value and version that it is to have, or with nothing where an entry goes.
    type Changed<'a> = (&'a str, Option<(&'a [u8], i64)>);

    fn changes<'a>(decision: &Decision<'a>) -> Vec<Changed<'a>> {
        let put = |put: &Put<'a>| (put.value, put.entry.version);
        decision.changes.iter().map(|(key, change)| (*key, change.as_ref().map(put))).collect()
    }

    fn decided<'a>(kept: &Kept, rows: &'a [KvRow]) -> Decision<'a> {
        kept.decide(&rows.iter().collect::<Vec<_>>(), NOW)
    }

    #[test]
    fn of_writes_of_one_key_each_finds_the_one_before_and_the_last_stays() {
        let rows = [put("a", b"1"), put_at(Some(41), "a", b"two"), put_at(None, "b", b""), put("a", b"33")];
        let decision = decided(&kept(&[]), &rows);
        assert_eq!(outcomes(&decision), ["41", "42 again", "43", "44 again"]);
        assert_eq!(changes(&decision), [("a", Some((&b"33"[..], 44))), ("b", Some((&b""[..], 43)))]);
        assert_eq!(decision.totals, Totals { keys: 2, bytes: 4 });
    }

    #[test]
    fn of_writes_that_expect_the_same_the_first_wins() {
        let rows =
            [put_at(Some(1), "a", b"x"), put_at(Some(1), "a", b"y"), put_at(None, "b", b""), put_at(None, "b", b"")];
        let decision = decided(&kept(&[("a", None)]), &rows);
        assert_eq!(outcomes(&decision), ["41 again", "conflict", "43", "conflict"]);
        assert_eq!(changes(&decision), [("a", Some((&b"x"[..], 41))), ("b", Some((&b""[..], 43)))]);
    }

    #[test]
    fn what_is_deleted_is_gone_for_the_next_write_and_leaves_nothing() {
        let rows = [delete("a"), delete("a"), put_at(None, "a", b""), put("b", b""), delete("b"), delete("c")];
        let decision = decided(&kept(&[("a", None)]), &rows);
        assert_eq!(outcomes(&decision), ["41 again", "42", "43", "44", "45 again", "46"]);
        assert_eq!(changes(&decision), [("a", Some((&b""[..], 43))), ("b", None)]);
        assert_eq!(decision.totals, Totals { keys: 1, bytes: 1 });
    }

    #[test]
    fn what_is_over_is_not_there_and_takes_no_second_place() {
        let over = kept(&[("a", Some(NOW)), ("b", Some(NOW + 1)), ("c", Some(NOW))]);
        let rows = [
            put_at(None, "a", b"1"),
            put_at(None, "b", b""),
            delete("c"),
            put_if(Condition::Always, "d", b"", Some(7)),
        ];
        let decision = decided(&over, &rows);
        assert_eq!(outcomes(&decision), ["41", "conflict", "43", "44"]);
        assert_eq!(decision.totals, Totals { keys: 3, bytes: 5 });
        let ends: Vec<_> = decision.changes.values().map(|put| put.as_ref().map(|put| put.entry.expires_at)).collect();
        assert_eq!(ends, [Some(None), None, Some(Some(NOW + 7))]);
    }

    #[test]
    fn a_quota_that_is_reached_on_the_way_refuses_no_more_than_it_must() {
        let rows = [
            put("b", b"1"),
            put("c", b"1"),
            put("d", b"1"),
            put("a", &[0; 15]),
            put("a", &[0; 16]),
            delete("b"),
            put("d", b"1"),
        ];
        let decision = decided(&kept(&[("a", None)]), &rows);
        assert_eq!(outcomes(&decision), ["41", "42", "keys", "44 again", "bytes", "46 again", "47"]);
        assert_eq!(decision.totals, Totals { keys: 3, bytes: 20 });
        assert!(decision.wants_room());
        assert!(!decided(&kept(&[]), &[put("a", b""), put_at(None, "a", b"")]).wants_room());
    }

    #[test]
    fn decided_again_without_what_is_over_writes_have_its_room() {
        let mut full = kept(&[("a", Some(NOW)), ("b", None)]);
        // And one whose key is not written.
        full.totals = full.totals.with(2, None);
        let rows = [put("c", b""), put("a", b"")];
        assert_eq!(outcomes(&decided(&full, &rows)), ["keys", "42"]);
        full.remove(&[("a".to_owned(), 2), ("x".to_owned(), 2)]);
        let decision = decided(&full, &rows);
        assert_eq!(outcomes(&decision), ["41", "42"]);
        assert_eq!(decision.totals, Totals { keys: 3, bytes: 4 });
    }
}
