//! The audit log, for whoever changes something: they hand over what was done.

use std::time::Duration;

use tokio_util::task::TaskTracker;

use crate::{
    clock::Clock,
    model::AuditEntry,
    storage::{Store, with_causes},
};

/// How long entries are kept, in seconds.
const KEPT: u64 = 365 * 24 * 60 * 60;
/// How often older ones are looked for, and how many are deleted at once.
const PRUNE: (Duration, u32) = (Duration::from_mins(1), 500);

/// Writes the audit log. Clones write the same one.
#[derive(Clone)]
pub struct AuditLog {
    store: Store,
    clock: Clock,
    running: TaskTracker,
}

impl AuditLog {
    /// Keeps entries in `store`.
    pub fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock, running: TaskTracker::new() }
    }

    /// Does what is to be recorded, and goes on to its end when nobody waits for it any more: a change whose caller has
    /// gone is written down too.
    ///
    /// # Errors
    /// When it panics.
    pub async fn to_its_end<T: Send + 'static>(
        &self,
        change: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, tokio::task::JoinError> {
        self.running.spawn(change).await
    }

    /// Writes an entry down. The change was made already: when the entry cannot be written, it goes to the log of the
    /// process.
    pub async fn record(&self, entry: AuditEntry) {
        let AuditEntry { actor, action, app, path, request_id, .. } = entry.clone();
        if let Err(error) = self.store.audit_log().insert(entry).await {
            let error = with_causes(&error);
            tracing::error!(%error, actor, action, app, path, request_id, "a change is missing in the audit log");
        }
    }

    /// Waits for what is still being done.
    pub async fn finish(&self) {
        self.running.close();
        self.running.wait().await;
    }

    /// Forgets what is older than a year, for as long as it is polled.
    pub async fn prune(self) {
        loop {
            let end = self.clock.now().saturating_sub(KEPT);
            match self.store.audit_log().prune(end, PRUNE.1).await {
                Ok(deleted) if deleted == u64::from(PRUNE.1) => continue,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(error = %with_causes(&error), "old entries of the audit log could not be deleted");
                }
            }
            tokio::time::sleep(PRUNE.0).await;
        }
    }
}
