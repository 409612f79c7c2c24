//! How much of long answers is remembered: an app that answers at length, to as many messages as it likes to send itself,
//! fills no memory.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// From so many bytes on an answer is long; texts never are. For shorter ones a bound on their number is enough.
const LONG: usize = 4 << 10;

/// Bytes of an app's long answers, until all begin anew.
const OF_APP: usize = 32 << 20;

/// Those of all apps.
const OF_ALL: usize = 256 << 20;

/// The long answers of a while.
#[derive(Default)]
pub(super) struct LongAnswers(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    all: usize,
    apps: HashMap<String, usize>,
}

impl LongAnswers {
    /// Whether an answer of so many bytes may be remembered; it is counted then.
    pub(super) fn has_room(&self, app: &str, bytes: usize) -> bool {
        if bytes < LONG {
            return true;
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_app = kept.apps.get(app).copied().unwrap_or_default();
        let has_room = of_app + bytes <= OF_APP && kept.all + bytes <= OF_ALL;
        if has_room {
            kept.all += bytes;
            kept.apps.insert(app.to_owned(), of_app + bytes);
        }
        has_room
    }

    /// Counts from nothing again: the answers that were counted have been forgotten as too old.
    pub(super) fn begin_anew(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Kept::default();
    }
}
