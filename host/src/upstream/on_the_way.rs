//! How many requests of an app are on their way at once. Each holds a connection, and all apps share the file descriptors
//! that the process may have.

use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;

use super::TransportError;
use crate::shares::Shares;

/// How many of one app: hundreds in a second, where they take a tenth of it.
const OF_ONE: usize = 64;

/// The turns of every app that ever sent a request. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct OnTheWay(Shares);

impl Default for OnTheWay {
    fn default() -> Self {
        Self(Shares::new(OF_ONE))
    }
}

impl OnTheWay {
    /// Waits for the app's turn, which ends with what this gives.
    ///
    /// # Errors
    /// When there is none for so long: nothing is sent then.
    pub(super) async fn turn(&self, app: &str, patience: Duration) -> Result<OwnedSemaphorePermit, TransportError> {
        match tokio::time::timeout(patience, self.0.of(app).acquire_owned()).await {
            Ok(Ok(turn)) => Ok(turn),
            // Nobody closes them.
            Ok(Err(_)) | Err(_) => Err(TransportError::Crowded(OF_ONE)),
        }
    }
}
