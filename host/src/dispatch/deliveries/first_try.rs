//! The first try, which drives the handler.

use futures::future::BoxFuture;
use tokio_util::task::TaskTracker;

/// The first try, whose connection drives the handler itself: handing it to another task, or
/// another thread, would cost each message more than its sandbox. When the connection ends, or has
/// waited long enough, a task drives it on.
pub(super) struct FirstTry<'a> {
    pub(super) handler: Option<BoxFuture<'static, ()>>,
    pub(super) tasks: &'a TaskTracker,
}

impl FirstTry<'_> {
    /// Runs the handler to its end; at once for a try that is not the first.
    pub(super) async fn drive(&mut self) {
        if let Some(handler) = &mut self.handler {
            handler.await;
            self.handler = None;
        }
    }
}

impl Drop for FirstTry<'_> {
    fn drop(&mut self) {
        if let Some(handler) = self.handler.take() {
            self.tasks.spawn(handler);
        }
    }
}
