//! How many requests of an app are on their way at once. Each holds a connection, and all apps share the file descriptors
//! that the process may have.

use std::time::{Duration, Instant};

use tokio::sync::OwnedSemaphorePermit;

use super::TransportError;
use crate::shares::Shares;

/// How many of one app: hundreds in a second, where they take a tenth of it.
const OF_ONE: usize = 64;

/// How many of them one of its plugins may have.
const OF_PLUGIN: usize = OF_ONE * 3 / 4;

/// The turns of every app that ever sent a request, and of its plugins. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct OnTheWay {
    apps: Shares,
    plugins: Shares,
}

impl Default for OnTheWay {
    fn default() -> Self {
        Self { apps: Shares::new(OF_ONE), plugins: Shares::new(OF_PLUGIN) }
    }
}

impl OnTheWay {
    /// Waits for the app's turn, which ends with what this gives.
    ///
    /// # Errors
    /// When there is none for so long: nothing is sent then.
    pub(super) async fn turn(&self, app: &str, patience: Duration) -> Result<OwnedSemaphorePermit, TransportError> {
        turn(&self.apps, app, patience, OF_ONE).await
    }

    /// Waits for the turn of a plugin, and then for that of the app that it runs for.
    ///
    /// # Errors
    /// When there is none for so long: nothing is sent then.
    pub(super) async fn plugins_turn(
        &self,
        plugin: &str,
        app: &str,
        patience: Duration,
    ) -> Result<[OwnedSemaphorePermit; 2], TransportError> {
        let began = Instant::now();
        let own = turn(&self.plugins, &format!("{plugin}/{app}"), patience, OF_PLUGIN).await?;
        Ok([own, self.turn(app, patience.saturating_sub(began.elapsed())).await?])
    }
}

async fn turn(
    shares: &Shares,
    name: &str,
    patience: Duration,
    most: usize,
) -> Result<OwnedSemaphorePermit, TransportError> {
    match tokio::time::timeout(patience, shares.of(name).acquire_owned()).await {
        Ok(Ok(turn)) => Ok(turn),
        // Nobody closes them.
        Ok(Err(_)) | Err(_) => Err(TransportError::Crowded(most)),
    }
}
