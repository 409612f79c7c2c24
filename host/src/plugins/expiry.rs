//! What plugins keep in `kv` with a time to live is deleted when that is over. Until then it only cannot be read.

use std::time::Duration;

use super::registry::Plugins;
use crate::storage::with_causes;

/// How often it is looked for, and how many entries are deleted at a time.
const ROUND: (Duration, u32) = (Duration::from_mins(1), 500);

impl Plugins {
    /// Deletes what is over, for as long as it is polled.
    pub async fn forget_expired(self) {
        loop {
            match self.0.loader.database().plugin_kv().purge_expired(ROUND.1).await {
                Ok(deleted) if deleted == u64::from(ROUND.1) => continue,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(error = %with_causes(&error), "what plugins kept for a time could not be deleted");
                }
            }
            tokio::time::sleep(ROUND.0).await;
        }
    }
}
