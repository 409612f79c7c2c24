//! How many are told at once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

use crate::model::EventTarget;

/// How many calls run at once to one kind of target, of one app and in all: one that hangs must not keep other apps'
/// from hearing, nor a server plugins.
pub(super) const OF_ONE_APP: u32 = 16;
/// See [`OF_ONE_APP`].
pub(super) const IN_ALL: u32 = 64;

/// Whom an app tells.
type Told = (String, EventTarget);

/// The calls that run. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Turns {
    running: Arc<Mutex<HashMap<Told, u32>>>,
    /// A call has ended: there is room for another.
    ended: Arc<Notify>,
}

/// One of the calls that may run at once; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    turns: Turns,
    told: Told,
}

impl Turns {
    /// A turn for a call, when there is one.
    pub(super) fn take(&self, app: &str, target: EventTarget) -> Option<Turn> {
        let told = (app.to_owned(), target);
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let in_all: u32 = running.iter().filter(|((_, other), _)| *other == target).map(|(_, count)| count).sum();
        let of_app = running.get(&told).copied().unwrap_or_default();
        if in_all >= IN_ALL || of_app >= OF_ONE_APP {
            return None;
        }
        running.insert(told.clone(), of_app + 1);
        Some(Turn { turns: self.clone(), told })
    }

    /// Waits until a call has ended, but no longer than `patience`.
    pub(super) async fn ended(&self, patience: Duration) {
        drop(tokio::time::timeout(patience, self.ended.notified()).await);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut running = self.turns.running.lock().unwrap_or_else(PoisonError::into_inner);
        match running.get_mut(&self.told) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(running.remove(&self.told)),
        }
        drop(running);
        self.turns.ended.notify_one();
    }
}
