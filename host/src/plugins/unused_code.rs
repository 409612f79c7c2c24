//! Compiled code that nothing needs any more is deleted, so that the disk has room however long the server runs.

use std::time::Duration;

use super::registry::Plugins;
use crate::clock::Clock;

/// How often, in seconds.
const ROUND: u64 = 60 * 60;

/// How soon it is noticed that it is time.
const LOOK: Duration = Duration::from_secs(1);

impl Plugins {
    /// Forgets code that was compiled long ago and that neither what runs nor a canary needs, for as long as it is polled.
    pub async fn forget_code(self, clock: Clock) {
        // Before that nobody knows what runs.
        self.0.first_pass.wait().await;
        loop {
            self.sweep_cache().await;
            let began = clock.now();
            // A clock that was put back begins another round.
            while (began..began.saturating_add(ROUND)).contains(&clock.now()) {
                tokio::time::sleep(LOOK).await;
            }
        }
    }

    async fn sweep_cache(&self) {
        let plugins = self.list();
        let loaded = plugins.iter().flat_map(|plugin| plugin.versions());
        let (loader, digests) = (self.0.loader.clone(), loaded.map(|loaded| loaded.digest.clone()).collect());
        drop(tokio::task::spawn_blocking(move || loader.sweep(&digests)).await);
    }
}
