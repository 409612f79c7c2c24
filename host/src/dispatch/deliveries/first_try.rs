//! The first try, which drives the handler, and what becomes of a handler whose connection has ended.

use std::sync::Arc;

use futures::future::BoxFuture;

use super::{Fate, Shared};

/// Handlers that go on without a connection at once. Each has its message, and waits for a plugin or a server.
pub(super) const GO_ON: usize = 8192;

/// How many of them may be of one app. As many calls of a plugin may wait where the operator allows most.
pub(super) const OF_ONE_APP: usize = 1024;

/// The first try, whose connection drives the handler itself: handing it to another task, or
/// another thread, would cost each message more than its sandbox. When the connection ends, or has
/// waited long enough, a task drives it on.
pub(super) struct FirstTry<'a> {
    pub(super) handler: Option<Handler>,
    pub(super) deliveries: &'a Shared,
}

/// A handler that has not ended.
pub(super) struct Handler {
    pub(super) running: BoxFuture<'static, ()>,
    pub(super) fate: Fate,
    /// The delivery's: the app's name stands before the first `/`.
    pub(super) id: Arc<str>,
}

impl FirstTry<'_> {
    /// Runs the handler to its end; at once for a try that is not the first.
    pub(super) async fn drive(&mut self) {
        if let Some(handler) = &mut self.handler {
            handler.running.as_mut().await;
            self.handler = None;
        }
    }
}

impl Drop for FirstTry<'_> {
    fn drop(&mut self) {
        if let Some(handler) = self.handler.take() {
            self.deliveries.go_on(handler);
        }
    }
}

impl Shared {
    /// Has a task drive a handler to its end. Where too many go on already, it is ended instead, and there is no answer.
    fn go_on(&self, Handler { running, fate, id }: Handler) {
        let app = id.split('/').next().unwrap_or_default();
        if let Some(place) = self.room.place(app) {
            self.tasks.spawn(async move {
                running.await;
                drop(place);
            });
            return;
        }
        drop(running);
        self.tasks.spawn(async move { fate.answer_nothing().await });
        self.failures.tell(app, format_args!("handlers"), "too_many", || {
            tracing::error!(
                app,
                delivery = &*id,
                "no answer: {OF_ONE_APP} handlers of the app, or {GO_ON} of all apps, go on although their connections have \
                 ended: this one is ended"
            );
        });
    }
}
