//! What runs, counted: the calls of one app in one plugin, of an app, of a plugin and all. With them, what waits is
//! counted, which tells those who end a call whether somebody does.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
};

use super::NoTurn;
use crate::plugins::{
    guard::{by_app::ByApp, weight::Weight},
    limits::{INSTANCES, LEFT_BY_PAGES, LOADING, RESERVED},
};

/// One of this many turns of a plugin is kept for apps that have none, where the plugin serves several.
const KEPT_FOR_OTHER_APPS: usize = 8;

/// How many calls run, and how many wait.
#[derive(Default)]
pub(super) struct Load {
    pub(super) running: AtomicUsize,
    pub(super) waiting: AtomicUsize,
}

/// The calls of one app in one plugin.
pub(in crate::plugins) struct Lane {
    pub(super) own: Arc<Load>,
    pub(super) app: Arc<Load>,
    pub(super) plugin: Arc<PluginLoad>,
    pub(super) weight: Weight,
}

#[derive(Default)]
pub(super) struct PluginLoad {
    pub(super) load: Load,
    /// The most apps of the plugin that were known at a time.
    apps: AtomicUsize,
    /// Calls that were refused because too many waited.
    pub(super) shed: AtomicU64,
}

/// How many calls of a plugin run, wait and were refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crowd {
    /// Calls that run now.
    pub running: usize,
    /// Calls that wait for their turn now.
    pub waiting: usize,
    /// Calls that were refused since the start because as many waited as may.
    pub shed: u64,
}

/// The lanes of one plugin, by app. Pages have lanes of their own, which share the turns of the others: who visits them
/// is anybody, and must not stand before WeChat.
#[derive(Default)]
pub(in crate::plugins) struct Lanes {
    plugin: Arc<PluginLoad>,
    pub(super) apps: ByApp<Lane>,
    pub(super) pages: ByApp<Lane>,
}

/// How many calls may run at once, and how many may wait.
#[derive(Debug, Clone, Copy)]
pub(in crate::plugins) struct Bounds {
    /// Calls of the plugin that may run at once.
    pub(in crate::plugins) plugin: usize,
    /// Calls of the app in the plugin that may run at once.
    pub(in crate::plugins) lane: usize,
    /// Calls of the app that may run at once, over all plugins.
    pub(in crate::plugins) app: usize,
    /// Calls of the app in the plugin that may wait.
    pub(in crate::plugins) queue: usize,
    /// Instances that must be free beside the one that is taken, over all plugins.
    pub(in crate::plugins) left: usize,
}

impl Bounds {
    /// The bounds of pages, where these are those of messages and events: a page begins while less than half of the turns
    /// are taken.
    pub(in crate::plugins) fn of_pages(self) -> Self {
        let half = |turns: usize| (turns / 2).max(1);
        Self {
            plugin: half(self.plugin),
            lane: half(self.lane),
            app: half(self.app),
            left: LEFT_BY_PAGES as usize,
            ..self
        }
    }
}

/// Room for calls of all plugins.
pub(super) struct Room {
    pub(super) free: AtomicUsize,
    apps: ByApp<Load>,
}

impl Lanes {
    /// The lane of an app's pages.
    pub(in crate::plugins) fn of_pages(&self, app: &str, queue: &super::Queue) -> Arc<Lane> {
        if let Some(lane) = self.pages.find(app) {
            return lane;
        }
        let others = self.of(app, queue);
        let Lane { own, app: of_app, plugin, .. } = &*others;
        let (own, of_app, plugin) = (Arc::clone(own), Arc::clone(of_app), Arc::clone(plugin));
        self.pages.of(app, || Lane { own, app: of_app, plugin, weight: Weight::default() })
    }

    /// The lane of all other calls of an app.
    pub(in crate::plugins) fn of(&self, app: &str, queue: &super::Queue) -> Arc<Lane> {
        if let Some(lane) = self.apps.find(app) {
            return lane;
        }
        let of_app = queue.room.apps.of(app, Load::default);
        let new =
            || Lane { own: Arc::default(), app: of_app, plugin: Arc::clone(&self.plugin), weight: Weight::default() };
        let lane = self.apps.of(app, new);
        self.plugin.apps.fetch_max(self.apps.len(), SeqCst);
        lane
    }

    /// Forgets all apps but `apps` that have no call.
    pub(in crate::plugins) fn retain_apps(&self, apps: &HashSet<String>) {
        self.pages.retain_apps(apps);
        self.apps.retain_apps(apps);
    }

    /// How many apps have called the plugin since the process started; of those that were deleted meanwhile some may not
    /// count.
    pub(in crate::plugins) fn callers(&self) -> usize {
        self.plugin.apps.load(SeqCst)
    }

    /// How many calls of the plugin run, wait and were refused.
    pub(in crate::plugins) fn crowd(&self) -> Crowd {
        let PluginLoad { load, shed, .. } = &*self.plugin;
        let (running, waiting) = (load.running.load(SeqCst), load.waiting.load(SeqCst));
        Crowd { running, waiting, shed: shed.load(SeqCst) }
    }
}

impl PluginLoad {
    /// How many of the plugin's `turns` are kept from an app that has one already.
    fn kept(&self, turns: usize, first_of_app: bool) -> usize {
        if first_of_app || self.apps.load(SeqCst) < 2 { 0 } else { turns / KEPT_FOR_OTHER_APPS }
    }
}

impl Room {
    /// Room for as many calls as there are instances for them.
    pub(super) fn new() -> Self {
        Self { free: AtomicUsize::new((INSTANCES - LOADING) as usize), apps: ByApp::default() }
    }

    /// Forgets all apps but `apps` that have no lane.
    pub(super) fn retain_apps(&self, apps: &HashSet<String>) {
        self.apps.retain_apps(apps);
    }

    /// Takes a turn of the app in the plugin, of the app, of the plugin and of the pool, or none of them. Who fails
    /// must look into the line afterwards: for a moment it stood in the way of others.
    pub(super) fn take(&self, lane: &Lane, bounds: Bounds) -> Result<(), NoTurn> {
        let own = take_below(&lane.own.running, bounds.lane).ok_or(NoTurn::AppInPlugin)?;
        let taken = self.take_of_others(lane, bounds, own == 0);
        if taken.is_err() {
            lane.own.running.fetch_sub(1, SeqCst);
        }
        taken
    }

    fn take_of_others(&self, lane: &Lane, bounds: Bounds, first_of_app: bool) -> Result<(), NoTurn> {
        take_below(&lane.app.running, bounds.app).ok_or(NoTurn::App)?;
        let kept = lane.plugin.kept(bounds.plugin, first_of_app);
        let Some(before) = take_below(&lane.plugin.load.running, bounds.plugin - kept) else {
            lane.app.running.fetch_sub(1, SeqCst);
            return Err(NoTurn::Plugin);
        };
        // The first call of a plugin may take what is kept for such, so that no number of busy plugins keeps another
        // from answering.
        let reserved = if before == 0 { 0 } else { RESERVED as usize };
        let least = reserved.max(bounds.left);
        let free = self.free.fetch_update(SeqCst, SeqCst, |free| (free > least).then(|| free - 1));
        if free.is_err() {
            lane.app.running.fetch_sub(1, SeqCst);
            lane.plugin.load.running.fetch_sub(1, SeqCst);
            return Err(NoTurn::Pool);
        }
        Ok(())
    }

    /// The bound that would keep a call from running now.
    pub(super) fn in_the_way(lane: &Lane, bounds: Bounds) -> NoTurn {
        let own = lane.own.running.load(SeqCst);
        if own >= bounds.lane && bounds.lane < bounds.plugin {
            NoTurn::AppInPlugin
        } else if lane.app.running.load(SeqCst) >= bounds.app {
            NoTurn::App
        } else if lane.plugin.load.running.load(SeqCst) >= bounds.plugin - lane.plugin.kept(bounds.plugin, own == 0) {
            NoTurn::Plugin
        } else {
            NoTurn::Pool
        }
    }

    /// Gives a turn back; tells how many of the pool were free before.
    pub(super) fn put_back(&self, lane: &Lane) -> usize {
        lane.own.running.fetch_sub(1, SeqCst);
        lane.app.running.fetch_sub(1, SeqCst);
        lane.plugin.load.running.fetch_sub(1, SeqCst);
        self.free.fetch_add(1, SeqCst)
    }
}

/// Adds one to `count` where that keeps to the bound, and returns what it was before.
fn take_below(count: &AtomicUsize, bound: usize) -> Option<usize> {
    count.fetch_update(SeqCst, SeqCst, |count| (count < bound).then_some(count + 1)).ok()
}
