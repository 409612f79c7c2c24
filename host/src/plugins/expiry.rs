//! What plugins keep in `kv` with a time to live is deleted when that is over. Until then it only cannot be read.

use std::time::Duration;

use super::registry::Plugins;
use crate::storage::with_causes;

/// How often entries are looked for whose time is over.
const PAUSE: Duration = Duration::from_mins(1);

/// Entries that are deleted at a time.
const AT_ONCE: u32 = 500;

impl Plugins {
    /// Deletes what is over, for as long as it is polled.
    pub async fn forget_expired(self) {
        loop {
            match self.0.loader.database().plugin_kv().purge_expired(AT_ONCE).await {
                Ok(deleted) if deleted == u64::from(AT_ONCE) => continue,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(error = %with_causes(&error), "what plugins kept for a time could not be deleted");
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}
