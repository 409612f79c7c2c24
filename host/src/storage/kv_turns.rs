//! Whose turn it is with the key-value stores: few calls of an app at a time want a connection, so that an app with many
//! delays those, and not everybody who stands in the line for the database.

use tokio::sync::OwnedSemaphorePermit;

use crate::shares::Shares;

/// How many reads of an app there are at once, and how many writes: one that works, and one that is there when it ends.
const AT_ONCE: usize = 2;

/// The turns of every app that ever wanted one. Clones share them. Reads have turns of their own: what is written waits
/// for a disk.
#[derive(Debug, Clone)]
pub(super) struct KvTurns {
    reads: Shares,
    writes: Shares,
}

impl KvTurns {
    /// Waits for the right to read, which ends with what this gives.
    pub(super) async fn to_read(&self, app: &str) -> Option<OwnedSemaphorePermit> {
        // Nobody closes it.
        self.reads.of(app).acquire_owned().await.ok()
    }

    /// Waits for the right to write, which ends with what this gives.
    pub(super) async fn to_write(&self, app: &str) -> Option<OwnedSemaphorePermit> {
        self.writes.of(app).acquire_owned().await.ok()
    }
}

impl Default for KvTurns {
    fn default() -> Self {
        Self { reads: Shares::new(AT_ONCE), writes: Shares::new(AT_ONCE) }
    }
}
