//! Whose turn it is with the key-value stores: few calls of an app at a time want a connection, so that an app with many
//! delays those, and not everybody who stands in the line for the database.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many reads of an app there are at once, and how many writes: one that works, and one that is there when it ends.
const AT_ONCE: usize = 2;

/// The turns of every app that ever wanted one. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct KvTurns(Arc<Mutex<HashMap<Box<str>, OfApp>>>);

/// Reads have turns of their own: what is written waits for a disk.
#[derive(Debug, Clone)]
struct OfApp {
    reads: Arc<Semaphore>,
    writes: Arc<Semaphore>,
}

impl KvTurns {
    /// Waits for the right to read, which ends with what this gives.
    pub(super) async fn to_read(&self, app: &str) -> Option<OwnedSemaphorePermit> {
        let turns = self.of(app).reads;
        // Nobody closes it.
        turns.acquire_owned().await.ok()
    }

    /// Waits for the right to write, which ends with what this gives.
    pub(super) async fn to_write(&self, app: &str) -> Option<OwnedSemaphorePermit> {
        let turns = self.of(app).writes;
        turns.acquire_owned().await.ok()
    }

    fn of(&self, app: &str) -> OfApp {
        let mut apps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = apps.get(app) {
            return known.clone();
        }
        apps.entry(app.into()).or_default().clone()
    }
}

impl Default for OfApp {
    fn default() -> Self {
        let turns = || Arc::new(Semaphore::new(AT_ONCE));
        Self { reads: turns(), writes: turns() }
    }
}
