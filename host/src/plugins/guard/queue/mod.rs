//! Turns: how many calls run at once, of one app in one plugin, of an app, of a plugin and in all; and who is next.
//!
//! A call that finds `room` takes it with a few atomic counters. One that does not waits in `line`: the apps that wait
//! get the turns one after another, so that one that sends much delays itself. A turn is all of its parts or nothing: who
//! waits for one holds no other. As every counter may stand in the way, there is one line for all; what is counted for
//! whoever waits tells those who end a call whether they have to look into it.

mod line;
mod room;
#[cfg(test)]
mod tests;

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::oneshot;

use line::{Line, Waiter};
pub use room::Crowd;
use room::Room;
pub(in crate::plugins) use room::{Bounds, Lane, Lanes};

use super::weight::Weight;
use crate::plugins::limits::LEFT_BY_PAGES;

/// The calls of all plugins that run and that wait.
pub(in crate::plugins) struct Queue {
    room: Room,
    waiting: AtomicUsize,
    line: Mutex<Line>,
}

/// The right to run a call; given back when it is dropped.
pub(in crate::plugins) struct Turn<'q> {
    queue: &'q Queue,
    lane: Arc<Lane>,
    waited: Duration,
}

/// Why there is no turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::plugins) enum NoTurn {
    /// As many calls wait as may: this number.
    Shed(usize),
    /// The app has as many running as it may have in this plugin.
    AppInPlugin,
    /// The app has as many running as it may have in all.
    App,
    /// The plugin has as many running as it may have.
    Plugin,
    /// The plugins have taken every instance.
    Pool,
}

impl Queue {
    /// A queue with as many turns as there are instances for calls.
    pub(in crate::plugins) fn new() -> Self {
        Self { room: Room::new(), waiting: AtomicUsize::new(0), line: Mutex::default() }
    }

    /// Forgets all apps but `apps` that have no lane any more.
    pub(in crate::plugins) fn retain_apps(&self, apps: &HashSet<String>) {
        self.room.retain_apps(apps);
    }

    /// Waits for a turn of `lane`.
    ///
    /// # Errors
    /// At once when too many wait already; after `timeout` otherwise, with what stood in the way.
    pub(in crate::plugins) async fn turn(
        &self,
        lane: Arc<Lane>,
        bounds: Bounds,
        timeout: Duration,
    ) -> Result<Turn<'_>, NoTurn> {
        let others_wait = lane.app.waiting.load(SeqCst) > 0 || lane.plugin.load.waiting.load(SeqCst) > 0;
        if !others_wait && self.room.take(&lane, bounds).is_ok() {
            return Ok(Turn { queue: self, lane, waited: Duration::ZERO });
        }
        let began = Instant::now();
        let mut waiting = self.wait(lane, bounds)?;
        let granted = tokio::time::timeout(timeout, &mut waiting.granted).await;
        if let Ok(Ok(())) = granted {
            waiting.is_over = true;
            return Ok(Turn { queue: self, lane: Arc::clone(&waiting.lane), waited: began.elapsed() });
        }
        Err(Room::in_the_way(&waiting.lane, bounds))
    }

    fn wait(&self, lane: Arc<Lane>, bounds: Bounds) -> Result<Waiting<'_>, NoTurn> {
        let (granted, waiter) = oneshot::channel();
        let mut line = self.line();
        line.push(&lane, Waiter { bounds, granted });
        self.count(&lane, 1);
        self.serve(&mut line);
        let waiting = line.waiting_of(&lane);
        if waiting > bounds.queue {
            // The last one in the lane is ours.
            self.count_off(&lane, line.take_out(&lane, |waiters| drop(waiters.pop_back())));
            lane.plugin.shed.fetch_add(1, SeqCst);
            return Err(NoTurn::Shed(waiting - 1));
        }
        drop(line);
        Ok(Waiting { queue: self, lane, granted: waiter, is_over: false })
    }

    /// Gives the turns that are free to those who wait.
    fn serve(&self, line: &mut Line) {
        let mut at = 0;
        while let Some((lane, next)) = line.next(&mut at, |lane, bounds| self.room.take(lane, bounds).is_ok()) {
            self.count_off(&lane, 1);
            if next.granted.send(()).is_err() {
                // It has given up; the turn is still to be had.
                self.room.put_back(&lane);
            }
        }
    }

    fn count(&self, lane: &Lane, waiters: usize) {
        for waiting in [&lane.own.waiting, &lane.app.waiting, &lane.plugin.load.waiting, &self.waiting] {
            waiting.fetch_add(waiters, SeqCst);
        }
    }

    fn count_off(&self, lane: &Lane, waiters: usize) {
        for waiting in [&lane.own.waiting, &lane.app.waiting, &lane.plugin.load.waiting, &self.waiting] {
            waiting.fetch_sub(waiters, SeqCst);
        }
    }

    /// Gives a turn back, and to whoever waits for it.
    fn end(&self, lane: &Lane) {
        let free = self.room.put_back(lane);
        let somebody_waits = lane.plugin.load.waiting.load(SeqCst) > 0
            || lane.app.waiting.load(SeqCst) > 0
            // Only a pool of which as many are taken keeps others waiting.
            || (free <= LEFT_BY_PAGES as usize && self.waiting.load(SeqCst) > 0);
        if somebody_waits {
            self.serve(&mut self.line());
        }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock()
    }
}

/// A call that waits.
struct Waiting<'q> {
    queue: &'q Queue,
    lane: Arc<Lane>,
    granted: oneshot::Receiver<()>,
    is_over: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        self.granted.close();
        if self.granted.try_recv().is_ok() {
            self.queue.end(&self.lane);
        } else {
            let mut line = self.queue.line();
            let gone = line.take_out(&self.lane, |waiters| waiters.retain(|waiter| !waiter.granted.is_closed()));
            self.queue.count_off(&self.lane, gone);
        }
    }
}

impl Turn<'_> {
    /// How long the call has waited for the turn.
    pub(in crate::plugins) fn waited(&self) -> Duration {
        self.waited
    }

    /// How much calls of the turn's app and plugin compute.
    pub(in crate::plugins) fn weight(&self) -> &Weight {
        &self.lane.weight
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.queue.end(&self.lane);
    }
}
