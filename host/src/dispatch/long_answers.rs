//! How much of long answers is remembered: an app that answers at length, to as many messages as it likes to send itself,
//! fills no memory.

use std::{collections::HashMap, mem};

use parking_lot::Mutex;

/// From so many bytes on an answer is long; texts never are. For shorter ones a bound on their number is enough.
const LONG: usize = 4 << 10;

/// Bytes of an app's long answers that are remembered.
const OF_APP: usize = 32 << 20;

/// Those of all apps.
const OF_ALL: usize = 256 << 20;

/// The long answers that are remembered.
#[derive(Default)]
pub(super) struct LongAnswers(Mutex<Kept>);

/// As what is remembered they stand in two generations (`newest`).
#[derive(Default)]
struct Kept {
    young: Generation,
    old: Generation,
}

#[derive(Default)]
struct Generation {
    all: usize,
    apps: HashMap<String, usize>,
}

impl LongAnswers {
    /// Takes room for an answer of the app with that many bytes, so that it may be remembered; false where there is
    /// none.
    pub(super) fn reserve(&self, app: &str, bytes: usize) -> bool {
        if bytes < LONG {
            return true;
        }
        let mut kept = self.0.lock();
        let Kept { young, old } = &mut *kept;
        let of_app = young.of(app) + old.of(app);
        let has_room = of_app + bytes <= OF_APP && young.all + old.all + bytes <= OF_ALL;
        if has_room {
            young.all += bytes;
            *young.apps.entry(app.to_owned()).or_default() += bytes;
        }
        has_room
    }

    /// Counts those no more that were young when this was called before: they have been forgotten as too old.
    pub(super) fn grow_old(&self) {
        let mut kept = self.0.lock();
        kept.old = mem::take(&mut kept.young);
    }
}

impl Generation {
    fn of(&self, app: &str) -> usize {
        self.apps.get(app).copied().unwrap_or_default()
    }
}
