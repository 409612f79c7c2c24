//! Turns: how many calls run at once, of one app in one plugin, of an app, of a plugin and in all; and who is next.
//!
//! A call that finds room takes it with a few atomic counters. One that does not waits in line: the apps that wait get
//! the turns one after another, so that one that sends much delays itself. A turn is all of its parts or nothing: who
//! waits for one holds no other. As every counter may stand in the way, there is one line for all; what is counted for
//! whoever waits tells those who end a call whether they have to look into it.

#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use tokio::sync::oneshot;

use crate::plugins::limits::{INSTANCES, LOADING, RESERVED};

/// This part of a plugin's turns is kept for apps that have none, where it serves several.
const KEPT_FOR_OTHER_APPS: usize = 8;

/// Calls that run and calls that wait.
#[derive(Default)]
struct Load {
    running: AtomicUsize,
    waiting: AtomicUsize,
}

/// The calls of one app in one plugin.
pub(in crate::plugins) struct Lane {
    own: Load,
    app: Arc<Load>,
    plugin: Arc<PluginLoad>,
}

#[derive(Default)]
struct PluginLoad {
    load: Load,
    /// That ever called it.
    apps: AtomicUsize,
    /// Calls that were refused because too many waited.
    shed: AtomicU64,
}

/// The calls of one plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crowd {
    /// That run now.
    pub running: usize,
    /// That wait for their turn now.
    pub waiting: usize,
    /// That were refused since the start because as many waited as may.
    pub shed: u64,
}

/// The lanes of one plugin, by app.
#[derive(Default)]
pub(in crate::plugins) struct Lanes {
    plugin: Arc<PluginLoad>,
    apps: ArcSwap<HashMap<Box<str>, Arc<Lane>>>,
}

/// How many calls may run at once, and how many may wait.
#[derive(Debug, Clone, Copy)]
pub(in crate::plugins) struct Bounds {
    /// Of the plugin.
    pub(in crate::plugins) plugin: usize,
    /// Of the app in the plugin.
    pub(in crate::plugins) lane: usize,
    /// Those of the app in the plugin that wait.
    pub(in crate::plugins) queue: usize,
}

/// All that runs and waits.
pub(in crate::plugins) struct Queue {
    free: AtomicUsize,
    waiting: AtomicUsize,
    /// Calls of one app at once.
    per_app: usize,
    apps: ArcSwap<HashMap<Box<str>, Arc<Load>>>,
    line: Mutex<VecDeque<AppLine>>,
}

/// What an app waits for. The app that is served goes to the end of the line, and so does the lane within it.
struct AppLine {
    app: Arc<Load>,
    lanes: VecDeque<(Arc<Lane>, VecDeque<Waiter>)>,
}

struct Waiter {
    bounds: Bounds,
    granted: oneshot::Sender<()>,
}

/// The right to run a call; given back when it is dropped.
pub(in crate::plugins) struct Turn<'q> {
    queue: &'q Queue,
    lane: Arc<Lane>,
}

/// Why there is no turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::plugins) enum NoTurn {
    /// As many calls wait as may; they are so many.
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

impl Lanes {
    /// The lane of an app.
    pub(in crate::plugins) fn of(&self, app: &str, queue: &Queue) -> Arc<Lane> {
        if let Some(lane) = self.apps.load().get(app) {
            return Arc::clone(lane);
        }
        let of_app = queue.load_of(app);
        let lane = Arc::new(Lane { own: Load::default(), app: of_app, plugin: Arc::clone(&self.plugin) });
        let lane = insert_once(&self.apps, app, &lane);
        self.plugin.apps.fetch_max(self.apps.load().len(), SeqCst);
        lane
    }

    /// The calls of the plugin.
    pub(in crate::plugins) fn crowd(&self) -> Crowd {
        let PluginLoad { load, shed, .. } = &*self.plugin;
        let (running, waiting) = (load.running.load(SeqCst), load.waiting.load(SeqCst));
        Crowd { running, waiting, shed: shed.load(SeqCst) }
    }
}

/// What stands under that name; `new` where nothing did.
fn insert_once<T>(map: &ArcSwap<HashMap<Box<str>, Arc<T>>>, name: &str, new: &Arc<T>) -> Arc<T> {
    map.rcu(|known| {
        let mut known = HashMap::clone(known);
        known.entry(name.into()).or_insert_with(|| Arc::clone(new));
        known
    });
    map.load().get(name).map_or_else(|| Arc::clone(new), Arc::clone)
}

impl Queue {
    /// As many turns as there are instances for calls.
    pub(in crate::plugins) fn new(per_app: usize) -> Self {
        Self {
            free: AtomicUsize::new((INSTANCES - LOADING) as usize),
            waiting: AtomicUsize::new(0),
            per_app,
            apps: ArcSwap::default(),
            line: Mutex::default(),
        }
    }

    fn load_of(&self, app: &str) -> Arc<Load> {
        let known = self.apps.load().get(app).map(Arc::clone);
        known.unwrap_or_else(|| insert_once(&self.apps, app, &Arc::default()))
    }

    /// Waits for a turn.
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
        if !others_wait && self.take(&lane, bounds).is_ok() {
            return Ok(Turn { queue: self, lane });
        }
        let mut waiting = self.wait(lane, bounds)?;
        let granted = tokio::time::timeout(timeout, &mut waiting.granted).await;
        if let Ok(Ok(())) = granted {
            waiting.is_over = true;
            return Ok(Turn { queue: self, lane: Arc::clone(&waiting.lane) });
        }
        Err(self.in_the_way(&waiting.lane, bounds))
    }

    /// Takes every part of a turn, or none. Who fails must look into the line afterwards: for a moment it stood in the
    /// way of others.
    fn take(&self, lane: &Lane, bounds: Bounds) -> Result<(), NoTurn> {
        let own = take_below(&lane.own.running, bounds.lane).ok_or(NoTurn::AppInPlugin)?;
        let taken = self.take_of_others(lane, bounds, own == 0);
        if taken.is_err() {
            lane.own.running.fetch_sub(1, SeqCst);
        }
        taken
    }

    fn take_of_others(&self, lane: &Lane, bounds: Bounds, first_of_app: bool) -> Result<(), NoTurn> {
        take_below(&lane.app.running, self.per_app).ok_or(NoTurn::App)?;
        let kept = lane.plugin.kept(bounds.plugin, first_of_app);
        let Some(before) = take_below(&lane.plugin.load.running, bounds.plugin - kept) else {
            lane.app.running.fetch_sub(1, SeqCst);
            return Err(NoTurn::Plugin);
        };
        // The first call of a plugin may take what is kept for such, so that no number of busy plugins keeps another
        // from answering.
        let least = if before == 0 { 0 } else { RESERVED as usize };
        let free = self.free.fetch_update(SeqCst, SeqCst, |free| (free > least).then(|| free - 1));
        if free.is_err() {
            lane.app.running.fetch_sub(1, SeqCst);
            lane.plugin.load.running.fetch_sub(1, SeqCst);
            return Err(NoTurn::Pool);
        }
        Ok(())
    }

    /// What would keep a call from running now.
    fn in_the_way(&self, lane: &Lane, bounds: Bounds) -> NoTurn {
        let own = lane.own.running.load(SeqCst);
        if own >= bounds.lane && bounds.lane < bounds.plugin {
            NoTurn::AppInPlugin
        } else if lane.app.running.load(SeqCst) >= self.per_app {
            NoTurn::App
        } else if lane.plugin.load.running.load(SeqCst) >= bounds.plugin - lane.plugin.kept(bounds.plugin, own == 0) {
            NoTurn::Plugin
        } else {
            NoTurn::Pool
        }
    }

    fn wait(&self, lane: Arc<Lane>, bounds: Bounds) -> Result<Waiting<'_>, NoTurn> {
        let (granted, waiter) = oneshot::channel();
        let mut line = self.line();
        let at = line.iter().position(|line| Arc::ptr_eq(&line.app, &lane.app)).unwrap_or_else(|| {
            line.push_back(AppLine { app: Arc::clone(&lane.app), lanes: VecDeque::new() });
            line.len() - 1
        });
        if let Some(app) = line.get_mut(at) {
            app.waiters_of(&lane).push_back(Waiter { bounds, granted });
        }
        self.count(&lane, 1);
        self.serve(&mut line);
        let waiting = waiting_of(&line, &lane);
        if waiting > bounds.queue {
            // The last of the lane is this one.
            self.forget(&mut line, &lane, |waiters| drop(waiters.pop_back()));
            lane.plugin.shed.fetch_add(1, SeqCst);
            return Err(NoTurn::Shed(waiting - 1));
        }
        drop(line);
        Ok(Waiting { queue: self, lane, granted: waiter, is_over: false })
    }

    /// Gives away what there is to give.
    fn serve(&self, line: &mut VecDeque<AppLine>) {
        let mut at = 0;
        while let Some(app) = line.get_mut(at) {
            if !self.serve_one(app) {
                at += 1;
                continue;
            }
            if let Some(served) = line.remove(at)
                && !served.lanes.is_empty()
            {
                line.push_back(served);
            }
        }
    }

    /// Gives a turn to one call of an app.
    fn serve_one(&self, app: &mut AppLine) -> bool {
        for at in 0..app.lanes.len() {
            let Some((lane, waiters)) = app.lanes.get_mut(at) else { return false };
            let Some(next) = waiters.front() else { continue };
            if self.take(lane, next.bounds).is_err() {
                continue;
            }
            let lane = Arc::clone(lane);
            let next = waiters.pop_front();
            let is_last = waiters.is_empty();
            if let Some(served) = app.lanes.remove(at)
                && !is_last
            {
                app.lanes.push_back(served);
            }
            self.count_off(&lane, 1);
            if next.is_some_and(|next| next.granted.send(()).is_err()) {
                // It has given up; the turn is still to be had.
                self.put_back(&lane);
            }
            return true;
        }
        false
    }

    /// Takes waiters of a lane out.
    fn forget(&self, line: &mut VecDeque<AppLine>, lane: &Arc<Lane>, out: impl FnOnce(&mut VecDeque<Waiter>)) {
        let Some(at) = line.iter().position(|line| Arc::ptr_eq(&line.app, &lane.app)) else { return };
        let Some(app) = line.get_mut(at) else { return };
        let waiters = app.waiters_of(lane);
        let before = waiters.len();
        out(waiters);
        let gone = before - waiters.len();
        app.lanes.retain(|(_, waiters)| !waiters.is_empty());
        if app.lanes.is_empty() {
            line.remove(at);
        }
        self.count_off(lane, gone);
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

    /// Gives a turn back, to whoever waits for it.
    fn end(&self, lane: &Lane) {
        let free = self.put_back(lane);
        let somebody_waits = lane.plugin.load.waiting.load(SeqCst) > 0
            || lane.app.waiting.load(SeqCst) > 0
            // Only a pool that was exhausted keeps others waiting.
            || (free <= RESERVED as usize && self.waiting.load(SeqCst) > 0);
        if somebody_waits {
            self.serve(&mut self.line());
        }
    }

    /// How many were free before.
    fn put_back(&self, lane: &Lane) -> usize {
        lane.own.running.fetch_sub(1, SeqCst);
        lane.app.running.fetch_sub(1, SeqCst);
        lane.plugin.load.running.fetch_sub(1, SeqCst);
        self.free.fetch_add(1, SeqCst)
    }

    fn line(&self) -> MutexGuard<'_, VecDeque<AppLine>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PluginLoad {
    /// How many of so many turns are not for an app that has some already.
    fn kept(&self, turns: usize, first_of_app: bool) -> usize {
        if first_of_app || self.apps.load(SeqCst) < 2 { 0 } else { turns / KEPT_FOR_OTHER_APPS }
    }
}

impl AppLine {
    fn waiters_of(&mut self, lane: &Arc<Lane>) -> &mut VecDeque<Waiter> {
        let at = self.lanes.iter().position(|(known, _)| Arc::ptr_eq(known, lane)).unwrap_or_else(|| {
            self.lanes.push_back((Arc::clone(lane), VecDeque::new()));
            self.lanes.len() - 1
        });
        &mut self.lanes[at].1
    }
}

fn waiting_of(line: &VecDeque<AppLine>, lane: &Arc<Lane>) -> usize {
    let lanes = line.iter().flat_map(|app| &app.lanes);
    lanes.filter(|(known, _)| Arc::ptr_eq(known, lane)).map(|(_, waiters)| waiters.len()).sum()
}

/// Adds one where that keeps to the bound, and gives what was there before.
fn take_below(count: &AtomicUsize, bound: usize) -> Option<usize> {
    count.fetch_update(SeqCst, SeqCst, |count| (count < bound).then_some(count + 1)).ok()
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
            self.queue.forget(&mut line, &self.lane, |waiters| waiters.retain(|waiter| !waiter.granted.is_closed()));
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.queue.end(&self.lane);
    }
}
