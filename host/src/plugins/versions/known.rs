//! What this process knows of each plugin: what is decided, whether the database has heard of what runs here, and when
//! what is decided is tried again.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use parking_lot::Mutex;

use crate::model::PluginDecision;

/// All plugins by name, whether they are there or not.
#[derive(Default)]
pub(super) struct KnownPlugins(Mutex<BTreeMap<String, Known>>);

/// What is known of one.
#[derive(Default)]
struct Known {
    /// The newest decision.
    decision: Option<PluginDecision>,
    told: Told,
    /// When what is decided, and has not taken effect here, is tried again.
    retry_at: Option<Instant>,
}

/// Whether the database has been told what runs here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Told {
    /// It has, or there is nothing to tell.
    #[default]
    Yes,
    /// The plugin changed here, and the database does not know it yet.
    No,
    /// As `No`, and it may be no change at all: its file lay in a folder that nobody knew, at a start that could not
    /// ask what was decided.
    Unsure,
}

impl KnownPlugins {
    pub(super) fn decision(&self, plugin: &str) -> Option<PluginDecision> {
        self.0.lock().get(plugin)?.decision.clone()
    }

    /// Notes a decision, unless a newer one is known.
    pub(super) fn note(&self, decision: PluginDecision) {
        let mut all = self.0.lock();
        let known = all.entry(decision.plugin.clone()).or_default();
        if known.decision.as_ref().is_none_or(|before| before.revision < decision.revision) {
            known.decision = Some(decision);
        }
    }

    /// The plugins of which anything is decided.
    pub(super) fn decided(&self) -> Vec<String> {
        self.names(|known| known.decision.is_some())
    }

    pub(super) fn told(&self, plugin: &str) -> Told {
        self.0.lock().get(plugin).map(|known| known.told).unwrap_or_default()
    }

    pub(super) fn set_told(&self, plugin: &str, told: Told) {
        self.change(plugin, |known| known.told = told);
    }

    /// Notes that the plugin changed here. Of whose file it is not known whether it is a change, that stays so.
    pub(super) fn mark_changed(&self, plugin: &str) {
        self.change(plugin, |known| {
            if known.told == Told::Yes {
                known.told = Told::No;
            }
        });
    }

    /// The plugins of which the database is to be told.
    pub(super) fn untold(&self) -> BTreeSet<String> {
        self.names(|known| known.told != Told::Yes)
    }

    /// Has what is decided of a plugin tried again at that moment; never, when it has taken effect.
    pub(super) fn set_retry(&self, plugin: &str, at: Option<Instant>) {
        self.change(plugin, |known| known.retry_at = at);
    }

    /// Whether what is decided of a plugin is to be tried again at any time.
    pub(super) fn awaits_retry(&self, plugin: &str) -> bool {
        self.0.lock().get(plugin).is_some_and(|known| known.retry_at.is_some())
    }

    /// The plugins for which it is time to try again.
    pub(super) fn due(&self, now: Instant) -> Vec<String> {
        self.names(|known| known.retry_at.is_some_and(|at| at <= now))
    }

    fn change(&self, plugin: &str, change: impl FnOnce(&mut Known)) {
        change(self.0.lock().entry(plugin.to_owned()).or_default());
    }

    /// The names of those that are so, in their order.
    fn names<T: FromIterator<String>>(&self, is: impl Fn(&Known) -> bool) -> T {
        self.0.lock().iter().filter(|(_, known)| is(known)).map(|(name, _)| name.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::PluginSource;

    fn decision(revision: u64) -> PluginDecision {
        PluginDecision {
            plugin: "greeter".to_owned(),
            revision,
            digest: Some(revision.to_string()),
            source: PluginSource::Upload,
            rolled_back: None,
            decided_at: 0,
        }
    }

    #[test]
    fn the_newest_decision_counts_in_whatever_order_they_are_heard_of() {
        let known = KnownPlugins::default();
        known.set_told("other", Told::No);
        for (heard, newest) in [(2, 2), (1, 2), (3, 3), (3, 3)] {
            known.note(decision(heard));
            assert_eq!(known.decision("greeter").map(|decision| decision.revision), Some(newest));
        }
        assert_eq!((known.decided(), known.decision("other").is_none()), (vec!["greeter".to_owned()], true));
    }

    #[test]
    fn what_changes_is_to_be_told_until_it_is_and_stays_unsure_until_somebody_knows() {
        let known = KnownPlugins::default();
        known.mark_changed("greeter");
        assert_eq!((known.told("greeter"), known.told("other")), (Told::No, Told::Yes));
        known.set_told("greeter", Told::Unsure);
        known.mark_changed("greeter");
        assert_eq!(known.told("greeter"), Told::Unsure);
        assert_eq!(known.untold(), BTreeSet::from(["greeter".to_owned()]));
        known.set_told("greeter", Told::Yes);
        assert_eq!(known.untold(), BTreeSet::new());
        known.mark_changed("greeter");
        assert_eq!(known.told("greeter"), Told::No, "what nobody knew is over");
    }

    #[test]
    fn what_is_to_be_tried_again_is_due_at_its_time_and_not_when_it_has_taken_effect() {
        let (known, now) = (KnownPlugins::default(), Instant::now());
        let later = now + Duration::from_secs(5);
        known.set_retry("slow", Some(later));
        known.set_retry("greeter", Some(now));
        known.note(decision(1));
        assert_eq!(known.due(now), ["greeter"]);
        assert_eq!(known.due(later), ["greeter", "slow"]);
        known.set_retry("greeter", None);
        assert_eq!((known.awaits_retry("greeter"), known.awaits_retry("slow")), (false, true));
        assert_eq!(known.due(later), ["slow"]);
    }
}
