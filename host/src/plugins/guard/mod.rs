//! What stands between a plugin and those who call it: its limits, its turns, how much it may log, and a breaker for
//! what keeps failing. `weight` tells which calls compute for long. What else has calls wait is in "Who waits for what" of
//! `ARCHITECTURE.md`.

mod allowance;
mod breaker;
mod by_app;
mod openings;
mod queue;
mod weight;

use std::{collections::HashSet, sync::Arc};

use arc_swap::ArcSwap;

pub(super) use self::allowance::{Allowance, Allowances, Verdict};
pub use self::breaker::Breaking;
pub(super) use self::breaker::{Breakers, Pauses, Whose};
pub(super) use self::by_app::ByApp;
pub use self::openings::BreakerStatistics;
use self::openings::Openings;
pub use self::queue::Crowd;
pub(super) use self::queue::{Bounds, Lanes, NoTurn, Queue, Turn};
use super::limits::count;
use crate::{
    model::AppPlugin,
    plugin_limits::{LimitChanges, PluginLimits},
};

/// The limits of one plugin, whichever app it is called for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OwnLimits {
    /// The limits that the operator has set for this plugin alone.
    pub(super) own: LimitChanges,
    /// All limits, as they hold for every app for which nothing else is set.
    pub(super) effective: PluginLimits,
}

/// What one call of a plugin for an app may use, and how many of them may run and wait.
#[derive(Debug, Clone, Copy)]
pub(super) struct CallLimits {
    pub(super) limits: PluginLimits,
    pub(super) bounds: Bounds,
}

/// What bounds the calls of a plugin, over all its versions.
pub(super) struct Guard {
    limits: ArcSwap<OwnLimits>,
    pub(super) lanes: Lanes,
    pub(super) log: Arc<Allowances>,
    pub(super) openings: Openings,
}

impl Guard {
    pub(super) fn new(limits: OwnLimits) -> Self {
        let log = Arc::<Allowances>::default();
        log.set(limits.effective.log_lines_per_second);
        Self { limits: ArcSwap::from_pointee(limits), lanes: Lanes::default(), log, openings: Openings::default() }
    }

    pub(super) fn limits(&self) -> Arc<OwnLimits> {
        self.limits.load_full()
    }

    pub(super) fn set_limits(&self, limits: OwnLimits) {
        if *self.limits() != limits {
            self.log.set(limits.effective.log_lines_per_second);
            self.limits.store(Arc::new(limits));
        }
    }

    /// Forgets all apps but `apps` that have nothing here now.
    pub(super) fn retain_apps(&self, apps: &HashSet<String>) {
        self.lanes.retain_apps(apps);
        self.log.retain_apps(apps);
    }

    /// What a call may use for the app for which `set` is set, and how many calls may run and wait; `of_app` of the app
    /// may run over all plugins.
    pub(super) fn limits_for(&self, set: Option<&AppPlugin>, ceilings: &PluginLimits, of_app: usize) -> CallLimits {
        let plugin = self.limits.load().effective;
        let limits = set.map_or(plugin, |set| plugin.with_clamped(&set.limits, ceilings));
        let bounds = Bounds {
            plugin: count(plugin.max_concurrency),
            lane: count(limits.max_concurrency),
            app: of_app,
            queue: count(limits.max_queue),
            left: 0,
        };
        CallLimits { limits, bounds }
    }
}
