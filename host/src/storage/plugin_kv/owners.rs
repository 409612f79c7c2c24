//! The writes of a batch by whose they are, and the rows that come from the database and go there: those that go as the
//! text of a JSON array (`storage/json_rows.rs`).

use serde_json::{Value, json};

use super::{
    KvError,
    decision::{Decision, Entry, Kept, Totals, wants_room},
    row::{Change, KvRow, Outcome, Written},
};
use crate::storage::{StoreError, to_sql};

/// App, plugin, last version, number of keys, number of bytes.
pub(super) type TotalsRow = (String, String, i64, i64, i64);

/// Place of the owner, key, version, size, end.
pub(super) type EntryRow = (i64, String, i64, i64, Option<i64>);

/// An entry that is gone, as its time is over: key and size.
pub(super) type Removed = (String, i64);

/// A plugin in an app, with its writes in a batch.
pub(super) struct Owner<'a> {
    pub(super) app: &'a str,
    pub(super) plugin: &'a str,
    rows: Vec<&'a KvRow>,
    /// Where they are in the batch.
    places: Vec<usize>,
    /// Whether another process holds its totals and does not go on.
    is_held: bool,
    /// None when there is no such app.
    kept: Option<Kept>,
    decision: Decision<'a>,
    /// More may be over than what was removed.
    has_more: bool,
}

/// All of a batch, in the order of their names.
pub(super) struct Owners<'a>(pub(super) Vec<Owner<'a>>);

impl Owner<'_> {
    /// Decides its writes at the time `now`.
    pub(super) fn decide(&mut self, now: i64) {
        if let Some(kept) = &self.kept {
            self.decision = kept.decide(&self.rows, now);
        }
    }

    /// Whether more may be written when what is over is removed.
    pub(super) fn wants_room(&self) -> bool {
        self.decision.wants_room()
    }

    /// Decides again, after entries were removed that were over; there may be more of them.
    pub(super) fn decide_without(&mut self, removed: &[Removed], has_more: bool, now: i64) {
        if let Some(kept) = &mut self.kept {
            kept.remove(removed);
        }
        self.has_more = has_more;
        self.decide(now);
    }

    /// With the places of the writes.
    fn outcomes(self) -> Vec<(usize, Outcome)> {
        let Self { rows, places, kept, decision, is_held, has_more, .. } = self;
        let results = match kept {
            _ if is_held => rows.iter().map(|_| Err(KvError::Held)).collect(),
            Some(_) => decision.outcomes,
            None => rows.into_iter().map(without_app).collect(),
        };
        let outcome = |result| Outcome { may_pass: has_more && wants_room(&result), result };
        places.into_iter().zip(results.into_iter().map(outcome)).collect()
    }
}

impl<'a> Owners<'a> {
    pub(super) fn of(rows: &'a [KvRow]) -> Self {
        let mut rows: Vec<(usize, &'a KvRow)> = rows.iter().enumerate().collect();
        // Those of one owner stay in their order.
        rows.sort_by_key(|&(_, row)| name(row));
        let mut owners: Vec<Owner<'a>> = Vec::new();
        for (place, row) in rows {
            let (app, plugin) = name(row);
            match owners.last_mut().filter(|owner| (owner.app, owner.plugin) == (app, plugin)) {
                Some(owner) => {
                    owner.rows.push(row);
                    owner.places.push(place);
                }
                None => owners.push(Owner {
                    app,
                    plugin,
                    rows: vec![row],
                    places: vec![place],
                    is_held: false,
                    kept: None,
                    decision: Decision::default(),
                    has_more: false,
                }),
            }
        }
        Self(owners)
    }

    /// `(app TEXT, plugin TEXT, writes BIGINT)` of those that are not refused.
    pub(super) fn names(&self) -> String {
        let row = |owner: &Owner<'_>| json!({"app": owner.app, "plugin": owner.plugin, "writes": owner.rows.len()});
        self.0.iter().filter(|owner| !owner.is_held).map(row).collect::<Value>().to_string()
    }

    /// Refuses the writes of those of these names.
    pub(super) fn refuse(&mut self, held: &[(String, String)]) {
        for (app, plugin) in held {
            if let Some(owner) = self.find(app, plugin) {
                owner.is_held = true;
            }
        }
    }

    fn find(&mut self, app: &str, plugin: &str) -> Option<&mut Owner<'a>> {
        let place = self.0.binary_search_by(|owner| (owner.app, owner.plugin).cmp(&(app, plugin)));
        self.0.get_mut(place.ok()?)
    }

    /// Takes the totals of those whose apps are there, with as many new versions as they have writes.
    pub(super) fn take_totals(&mut self, totals: Vec<TotalsRow>) {
        for (app, plugin, last_version, keys, bytes) in totals {
            if let Some(owner) = self.find(&app, &plugin) {
                let last_version = last_version - to_sql(owner.rows.len() as u64);
                owner.kept = Some(Kept { last_version, totals: Totals { keys, bytes }, ..Kept::default() });
            }
        }
    }

    /// `(owner BIGINT, app TEXT, plugin TEXT, key TEXT)`.
    pub(super) fn keys(&self) -> String {
        let mut rows = Vec::new();
        for (place, Owner { app, plugin, rows: of_owner, .. }) in self.0.iter().enumerate() {
            let row = |row: &&KvRow| json!({"owner": place, "app": app, "plugin": plugin, "key": row.key});
            rows.extend(of_owner.iter().map(row));
        }
        Value::Array(rows).to_string()
    }

    /// Decides all writes at the time `now`; how many want room, if any do.
    pub(super) fn decide(&mut self, now: i64) -> Option<usize> {
        self.0.iter_mut().for_each(|owner| owner.decide(now));
        let wanting = self.0.iter().filter(|owner| owner.wants_room()).count();
        (wanting > 0).then_some(wanting)
    }

    /// Takes what is kept under the keys.
    pub(super) fn take_entries(&mut self, entries: Vec<EntryRow>) {
        for (owner, key, version, size, expires_at) in entries {
            let owner = usize::try_from(owner).ok().and_then(|place| self.0.get_mut(place));
            if let Some(kept) = owner.and_then(|owner| owner.kept.as_mut()) {
                kept.entries.insert(key, Entry { version, size, expires_at });
            }
        }
    }

    /// `(app TEXT, plugin TEXT, key TEXT, value_at INTEGER, value_bytes INTEGER, version BIGINT, size BIGINT,
    /// expires_at BIGINT)` of what is to be kept, and the values behind each other; the first byte's place is 1.
    pub(super) fn puts(&self) -> Option<(String, Vec<u8>)> {
        let (mut rows, mut values) = (Vec::new(), Vec::new());
        for Owner { app, plugin, decision, .. } in &self.0 {
            for (key, put) in &decision.changes {
                let Some(put) = put else { continue };
                let Entry { version, size, expires_at } = put.entry;
                rows.push(json!({
                    "app": app,
                    "plugin": plugin,
                    "key": key,
                    "value_at": values.len() + 1,
                    "value_bytes": put.value.len(),
                    "version": version,
                    "size": size,
                    "expires_at": expires_at,
                }));
                values.extend_from_slice(put.value);
            }
        }
        Some((unless_empty(rows)?, values))
    }

    /// `(app TEXT, plugin TEXT, key TEXT)` of what goes.
    pub(super) fn deletions(&self) -> Option<String> {
        let mut rows = Vec::new();
        for Owner { app, plugin, decision, .. } in &self.0 {
            let gone = decision.changes.iter().filter(|(_, put)| put.is_none());
            rows.extend(gone.map(|(key, _)| json!({"app": app, "plugin": plugin, "key": key})));
        }
        unless_empty(rows)
    }

    /// `(app TEXT, plugin TEXT, key_count BIGINT, byte_count BIGINT)` of those whose apps are there.
    pub(super) fn totals(&self) -> Option<String> {
        let held = self.0.iter().filter(|owner| owner.kept.is_some());
        let row = |Owner { app, plugin, decision, .. }: &Owner<'_>| {
            let Totals { keys, bytes } = decision.totals;
            json!({"app": app, "plugin": plugin, "key_count": keys, "byte_count": bytes})
        };
        unless_empty(held.map(row).collect())
    }

    /// What came of the writes, in the order of the batch.
    pub(super) fn outcomes(self) -> Vec<Outcome> {
        let mut outcomes: Vec<_> = self.0.into_iter().flat_map(Owner::outcomes).collect();
        outcomes.sort_unstable_by_key(|(place, _)| *place);
        outcomes.into_iter().map(|(_, outcome)| outcome).collect()
    }
}

fn name(row: &KvRow) -> (&str, &str) {
    (row.app.as_str(), row.plugin.as_str())
}

/// Where there is no app there is nothing to delete.
fn without_app(row: &KvRow) -> Result<Written, KvError> {
    match row.change {
        Change::Put { .. } => Err(StoreError::NotFound { kind: "app", name: row.app.clone() }.into()),
        Change::Delete => Ok(Written { version: 0, existed: false }),
    }
}

fn unless_empty(rows: Vec<Value>) -> Option<String> {
    (!rows.is_empty()).then(|| Value::Array(rows).to_string())
}
