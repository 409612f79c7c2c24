//! What an import changes: what a file says beside what an app has.

use std::collections::{HashMap, VecDeque};

use serde_json::{Map, Value};

use super::file::{Entry, Exported};
use crate::{
    menus::{Difference, differences},
    model::{Handler, HandlerSource, Menu, check_together},
    storage::HandlerChanges,
};

/// What an import does.
#[derive(Debug, Default)]
pub(super) struct ImportPlan {
    /// In the order of the file.
    pub added: Vec<Handler>,
    pub changed: Vec<Changed>,
    pub removed: Vec<Handler>,
    pub unchanged: Vec<Handler>,
    /// The draft of the menus, where it changes.
    pub menu: Option<ChangedMenu>,
}

/// The draft of the menus, before and after.
#[derive(Debug)]
pub(super) struct ChangedMenu {
    pub before: Menu,
    pub after: Menu,
}

/// A handler before and after.
#[derive(Debug)]
pub(super) struct Changed {
    pub before: Handler,
    pub after: Handler,
}

/// One field before and after.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FieldChange {
    pub field: String,
    pub before: Value,
    pub after: Value,
}

impl ImportPlan {
    /// Compares. A handler of the file is the one of the app that has its id, else the first left of its name and
    /// source; without one it is new. What the file does not have is removed when it is to `replace` everything.
    pub(super) fn new(before: Vec<Handler>, entries: Vec<Entry>, replace: bool) -> Self {
        let mut slots: Vec<Option<Handler>> = before.into_iter().map(Some).collect();
        let ids: HashMap<String, usize> =
            slots.iter().enumerate().filter_map(|(at, slot)| Some((slot.as_ref()?.id.clone(), at))).collect();
        let by_id = |entry: &Entry| entry.id.as_ref().and_then(|id| ids.get(id)).copied();
        // All ids first: a handler that one entry has by id must not be taken by another that has its name.
        let by_id: Vec<Option<Handler>> =
            entries.iter().map(|entry| slots.get_mut(by_id(entry)?).and_then(Option::take)).collect();
        let mut left: HashMap<(HandlerSource, String), VecDeque<usize>> = HashMap::new();
        for (at, slot) in slots.iter().enumerate() {
            if let Some(handler) = slot {
                left.entry((handler.source, handler.name.clone())).or_default().push_back(at);
            }
        }
        let mut plan = Self::default();
        for (entry, before) in entries.into_iter().zip(by_id) {
            let mut by_name = || {
                let at = left.get_mut(&(entry.handler.source, entry.handler.name.clone()))?.pop_front()?;
                slots.get_mut(at)?.take()
            };
            let Some(before) = before.or_else(&mut by_name) else {
                plan.added.push(entry.handler);
                continue;
            };
            let after = Handler {
                id: before.id.clone(),
                created_at: before.created_at,
                updated_at: before.updated_at,
                ..entry.handler
            };
            if after == before {
                plan.unchanged.push(after);
            } else {
                plan.changed.push(Changed { before, after });
            }
        }
        let rest = slots.into_iter().flatten();
        if replace {
            plan.removed.extend(rest);
        } else {
            plan.unchanged.extend(rest);
        }
        plan
    }

    /// Adds the draft of the menus, where the file tells and it is another one.
    pub(super) fn with_menu(self, before: Menu, after: Option<Menu>) -> Self {
        let changed = after.filter(|after| *after != before);
        Self { menu: changed.map(|after| ChangedMenu { before, after }), ..self }
    }

    /// What is to be stored and deleted. Of several new handlers the first in the file becomes the newest, so that it is
    /// tried first.
    pub(super) fn changes(&self) -> HandlerChanges {
        let changed = self.changed.iter().map(|changed| changed.after.clone());
        HandlerChanges {
            put: changed.chain(self.added.iter().rev().cloned()).collect(),
            deleted: self.removed.iter().map(|handler| handler.id.clone()).collect(),
            menu: self.menu.as_ref().map(|menu| menu.after.clone()),
            ..HandlerChanges::default()
        }
    }

    /// Gives what was added the ids that it was stored with: `stored` is what [`changes`](Self::changes) put.
    pub(super) fn stored(&mut self, stored: Vec<Handler>) {
        self.added = stored.into_iter().skip(self.changed.len()).rev().collect();
    }

    /// All that the app has afterwards.
    pub(super) fn outcome(&self) -> impl Iterator<Item = &Handler> {
        self.added.iter().chain(self.changed.iter().map(|changed| &changed.after)).chain(&self.unchanged)
    }

    /// Whether the app would have more than it may.
    pub(super) fn check(&self) -> Result<(), String> {
        check_together(self.outcome().count(), self.outcome().map(Handler::size).sum())
    }
}

impl ChangedMenu {
    /// Where they differ.
    pub(super) fn differences(&self) -> Vec<Difference> {
        differences(&self.before, &self.after)
    }
}

impl Changed {
    /// The fields that differ.
    pub(super) fn fields(&self) -> Vec<FieldChange> {
        let (mut before, mut after) = (json(&self.before), json(&self.after));
        let mut names: Vec<_> = before.keys().chain(after.keys()).cloned().collect();
        names.sort();
        names.dedup();
        let change = |field: String| FieldChange {
            before: before.remove(&field).unwrap_or_default(),
            after: after.remove(&field).unwrap_or_default(),
            field,
        };
        names.into_iter().map(change).filter(|change| change.before != change.after).collect()
    }
}

fn json(handler: &Handler) -> Map<String, Value> {
    match serde_json::to_value(Exported::from(handler)) {
        Ok(Value::Object(object)) => object,
        _ => Map::new(),
    }
}
