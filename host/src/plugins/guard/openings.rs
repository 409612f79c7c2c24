//! How often breakers opened and what they refused, since the process started and over all versions of a plugin.
//!
//! A breaker itself is forgotten when all is well again; numbers that only grow must not be. What never opened is not
//! counted, so that there is nothing of the many apps for which all goes well.

use std::collections::BTreeMap;

use parking_lot::{Mutex, MutexGuard};

use super::breaker::Whose;
use crate::plugins::EntryKind;

/// The most breakers of a plugin that are counted each by itself: apps and versions come and go, and counts stay.
const BREAKERS: usize = 256;

/// The name of app and entry under which all further breakers are counted.
const OTHERS: &str = "(others)";

/// How often the breakers of one plugin opened, and what they refused.
#[derive(Default)]
pub(in crate::plugins) struct Openings(Mutex<BTreeMap<Key, Counts>>);

/// The app, kind and entry that a breaker belongs to.
type Key = (String, EntryKind, String);

#[derive(Clone, Copy, Default)]
struct Counts {
    opened: u64,
    refused: u64,
}

/// What a breaker did that has opened at least once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakerStatistics {
    /// The app that the breaker is for.
    pub app: String,
    /// The kind of the entry: handler, rule, observer or page.
    pub kind: EntryKind,
    /// The name of the entry.
    pub entry: String,
    /// Whether the breaker is open now.
    pub is_open: bool,
    /// How often it opened after calls had run. A call that is let through to see, and fails, leaves it open.
    pub opened: u64,
    /// How many calls the breaker refused.
    pub refused: u64,
}

impl Openings {
    /// Counts that a breaker opened.
    pub(in crate::plugins) fn count_opened(&self, whose: Whose<'_>) {
        Self::of(&mut self.counts(), whose).opened += 1;
    }

    /// Counts that a breaker refused a call.
    pub(in crate::plugins) fn count_refused(&self, whose: Whose<'_>) {
        Self::of(&mut self.counts(), whose).refused += 1;
    }

    /// All that was counted, where `is_open` says of app, kind and entry whether it is open now.
    pub(in crate::plugins) fn until_now(
        &self,
        is_open: impl Fn(&str, EntryKind, &str) -> bool,
    ) -> Vec<BreakerStatistics> {
        let counts = self.counts();
        let all = counts.iter().map(|((app, kind, entry), counts)| BreakerStatistics {
            app: app.clone(),
            kind: *kind,
            entry: entry.clone(),
            is_open: is_open(app, *kind, entry),
            opened: counts.opened,
            refused: counts.refused,
        });
        all.collect()
    }

    fn of<'a>(counts: &'a mut BTreeMap<Key, Counts>, whose: Whose<'_>) -> &'a mut Counts {
        let key = (whose.app.to_owned(), whose.kind, whose.entry.to_owned());
        let has_room = counts.len() < BREAKERS || counts.contains_key(&key);
        let key = if has_room { key } else { (OTHERS.to_owned(), whose.kind, OTHERS.to_owned()) };
        counts.entry(key).or_default()
    }

    fn counts(&self) -> MutexGuard<'_, BTreeMap<Key, Counts>> {
        self.0.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_no_more_than_so_many() {
        let openings = Openings::default();
        let of = |app| Whose { plugin: "greeter", app, kind: EntryKind::Handler, entry: "vip" };
        let apps: Vec<_> = (0..BREAKERS + 50).map(|number| format!("app-{number}")).collect();
        for app in &apps {
            openings.count_opened(of(app));
            openings.count_refused(of(app));
        }
        openings.count_refused(of(&apps[0]));
        let all = openings.until_now(|app, _, _| app == apps[0]);
        assert_eq!(all.len(), BREAKERS + 1);
        let find = |app: &str| all.iter().find(|counts| counts.app == app).unwrap();
        let (first, others) = (find(&apps[0]), find(OTHERS));
        assert_eq!((first.is_open, first.opened, first.refused), (true, 1, 2));
        assert_eq!((others.is_open, others.opened, others.refused, others.entry.as_str()), (false, 50, 50, OTHERS));
    }
}
