//! How many names are looked up at once: in all, and of them for one who asks.

use std::future::Future;
use std::io;
use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::shares::Shares;

/// How many names one resolver looks up at once. Each look-up holds a thread of the 512 that the whole process has for
/// what blocks, for as long as the name's own server keeps silent.
const AT_ONCE: usize = 64;

/// How many of them an app may have, or a plugin in an app: servers that keep silent for one hold up nobody else.
const OF_ONE: usize = 8;

/// How many of them a plugin may have, over all its apps.
const OF_PLUGIN: usize = AT_ONCE / 2;

tokio::task_local! {
    static SHARE: Share;
}

/// The turns of one resolver. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Lookups(Arc<Semaphore>);

/// The turns of one who asks, and of the plugin that is shared with others, if it is one. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Share(Vec<Arc<Semaphore>>);

/// The turns of all who ask. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Askers {
    single: Shares,
    plugins: Shares,
}

impl Default for Lookups {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl Lookups {
    /// Waits for `lookup` when it is its turn, which is one of the share within which this is called. Nobody can end a
    /// look-up of the system: who stops waiting for one leaves its turn with it.
    pub(super) fn in_turn<T, L>(&self, lookup: L) -> impl Future<Output = io::Result<T>> + Send + use<T, L>
    where
        T: Send + 'static,
        L: Future<Output = io::Result<T>> + Send + 'static,
    {
        // A connection may be completed in another task, but the task that asks begins it, and knows whose share it is.
        let Share(share) = SHARE.try_with(Share::clone).unwrap_or_default();
        let all = Arc::clone(&self.0);
        async move {
            let mut turns = Vec::new();
            for semaphore in share.into_iter().chain([all]) {
                turns.push(semaphore.acquire_owned().await.map_err(io::Error::other)?);
            }
            let looking = tokio::spawn(async move {
                let _turns = turns;
                lookup.await
            });
            looking.await.unwrap_or_else(|panic| Err(io::Error::other(panic)))
        }
    }
}

impl Default for Askers {
    fn default() -> Self {
        Self { single: Shares::new(OF_ONE), plugins: Shares::new(OF_PLUGIN) }
    }
}

impl Askers {
    /// The turns of an app.
    pub(super) fn app(&self, app: &str) -> Share {
        Share(vec![self.single.of(app)])
    }

    /// The turns of a plugin in an app.
    pub(super) fn plugin(&self, plugin: &str, app: &str) -> Share {
        Share(vec![self.single.of(&format!("{plugin}/{app}")), self.plugins.of(plugin)])
    }
}

impl Share {
    /// Asks outside, with no more than these turns for the names in it.
    pub(super) async fn within<T>(self, asking: impl Future<Output = T>) -> T {
        SHARE.scope(self, asking).await
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering::Relaxed},
        time::Duration,
    };

    use tokio::sync::Notify;

    use super::*;

    /// A server of names that keeps silent until it is told not to.
    #[derive(Clone, Default)]
    struct Silent(Arc<(Notify, AtomicUsize)>);

    impl Silent {
        /// Looks a name up there, and waits for a moment.
        async fn asked(&self, lookups: &Lookups) -> bool {
            let server = Arc::clone(&self.0);
            let lookup = lookups.in_turn(async move {
                server.1.fetch_add(1, Relaxed);
                server.0.notified().await;
                server.1.fetch_sub(1, Relaxed);
                Ok(())
            });
            ends_soon(lookup).await
        }

        fn asking(&self) -> usize {
            self.0.1.load(Relaxed)
        }
    }

    async fn ends_soon<T>(asking: impl Future<Output = io::Result<T>>) -> bool {
        tokio::time::timeout(Duration::from_millis(50), asking).await.is_ok()
    }

    #[tokio::test]
    async fn look_ups_that_nobody_waits_for_any_more_count_until_they_end() {
        let (lookups, silent) = (Lookups::default(), Silent::default());
        let answered = futures::future::join_all((0..3 * AT_ONCE).map(|_| silent.asked(&lookups))).await;
        assert!(!answered.contains(&true));
        assert_eq!(silent.asking(), AT_ONCE);
        silent.0.0.notify_waiters();
        assert!(lookups.in_turn(async { Ok(()) }).await.is_ok(), "their turns come back");
    }

    #[tokio::test]
    async fn one_whose_look_ups_hang_holds_up_itself_alone() {
        let (lookups, askers, silent) = (Lookups::default(), Askers::default(), Silent::default());
        let hanging = (0..3 * AT_ONCE).map(|_| askers.app("slow").within(silent.asked(&lookups)));
        futures::future::join_all(hanging).await;
        assert_eq!(silent.asking(), OF_ONE);
        let ready = async || lookups.in_turn(async { Ok(()) }).await;
        assert!(ends_soon(askers.app("quick").within(ready())).await);
        assert!(!ends_soon(askers.app("slow").within(ready())).await);
        silent.0.0.notify_waiters();
        assert!(ends_soon(askers.app("slow").within(ready())).await, "its turns come back");
    }

    #[tokio::test]
    async fn a_plugin_whose_look_ups_hang_in_many_apps_holds_up_no_other_plugin() {
        let (lookups, askers, silent) = (Lookups::default(), Askers::default(), Silent::default());
        let ready = async || lookups.in_turn(async { Ok(()) }).await;
        let hang = async |app: String| {
            let hanging = (0..2 * OF_ONE).map(|_| askers.plugin("slow", &app).within(silent.asked(&lookups)));
            futures::future::join_all(hanging).await;
        };
        hang("shop".to_owned()).await;
        assert_eq!(silent.asking(), OF_ONE);
        assert!(ends_soon(askers.plugin("slow", "blog").within(ready())).await, "nor another app");
        for number in 0..10 {
            hang(number.to_string()).await;
        }
        assert_eq!(silent.asking(), OF_PLUGIN);
        assert!(ends_soon(askers.plugin("quick", "shop").within(ready())).await);
    }
}
