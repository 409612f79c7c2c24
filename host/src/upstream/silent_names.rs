//! A server of names that keeps silent, for the tests of who calls other servers.

use std::future::{Future, pending};
use std::iter;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Finds no name, and keeps the names that it was asked for. Clones share them.
#[derive(Clone, Default)]
pub(super) struct SilentNames {
    asked: Arc<Mutex<Vec<String>>>,
}

impl Resolve for SilentNames {
    fn resolve(&self, name: Name) -> Resolving {
        let names = self.clone();
        Box::pin(async move {
            names.asked().push(name.as_str().to_owned());
            pending::<()>().await;
            Ok(Box::new(iter::empty::<SocketAddr>()) as Addrs)
        })
    }
}

impl SilentNames {
    fn asked(&self) -> MutexGuard<'_, Vec<String>> {
        self.asked.lock()
    }

    /// How many names it was asked for.
    pub(super) fn heard(&self) -> usize {
        self.asked().len()
    }

    /// Whether it is asked for `name` before `asking` ends.
    pub(super) async fn hears<T>(&self, name: &str, asking: impl Future<Output = T>) -> bool {
        let hearing = async {
            while !self.asked().iter().any(|asked| asked == name) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            () = hearing => true,
            _ = asking => false,
        }
    }
}

/// Asks for a moment, and waits for no answer.
pub(super) async fn in_vain<T>(asking: impl Future<Output = T>) {
    drop(tokio::time::timeout(Duration::from_millis(200), asking).await);
}
