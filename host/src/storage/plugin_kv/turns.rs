//! Whose turn it is to write to the key-value stores: an app with many calls delays those, and not everybody who stands in
//! the line for the database.

use tokio::sync::OwnedSemaphorePermit;

use crate::shares::Shares;

/// How many places an app has among the writes that wait for a batch or are written: of a batch it has no more.
const WRITES: usize = 64;

/// How many bytes of a value go into one place: what an app may have waiting is about as much as goes into a batch.
const PLACE_BYTES: usize = 64 << 10;

/// The turns of every app that ever wanted one. Clones share them.
#[derive(Debug, Clone)]
pub(in crate::storage) struct KvTurns(Shares);

impl KvTurns {
    /// Waits for the right to have a value of so many bytes written, which ends with what this gives.
    pub(super) async fn to_write(&self, app: &str, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let places = (1 + bytes / PLACE_BYTES).min(WRITES);
        // Nobody closes it.
        self.0.of(app).acquire_many_owned(u32::try_from(places).ok()?).await.ok()
    }
}

impl Default for KvTurns {
    fn default() -> Self {
        Self(Shares::new(WRITES))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_long_value_takes_the_places_of_many() {
        let turns = KvTurns::default();
        let places = async |bytes| turns.to_write("shop", bytes).await.map(|turn| turn.num_permits());
        for (bytes, taken) in [(0, 1), (65_535, 1), (65_536, 2), (1 << 20, 17), (8 << 20, 64)] {
            assert_eq!(places(bytes).await, Some(taken), "{bytes}");
        }
    }
}
