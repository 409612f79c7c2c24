//! What there is of a plugin, or of all plugins, for each app: read without a lock.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use arc_swap::ArcSwap;

/// A value for each app that was asked for.
pub(in crate::plugins) struct ByApp<T>(ArcSwap<HashMap<Box<str>, Arc<T>>>);

impl<T> Default for ByApp<T> {
    fn default() -> Self {
        Self(ArcSwap::default())
    }
}

impl<T> ByApp<T> {
    /// The value of an app; none when it was never asked for.
    pub(super) fn find(&self, app: &str) -> Option<Arc<T>> {
        self.0.load().get(app).map(Arc::clone)
    }

    /// The value of an app; `new` makes it where there is none.
    pub(in crate::plugins) fn of(&self, app: &str, new: impl FnOnce() -> T) -> Arc<T> {
        if let Some(known) = self.find(app) {
            return known;
        }
        let new = Arc::new(new());
        self.0.rcu(|known| {
            let mut known = HashMap::clone(known);
            known.entry(app.into()).or_insert_with(|| Arc::clone(&new));
            known
        });
        // Somebody else may have been first.
        self.find(app).unwrap_or(new)
    }

    /// Forgets the values of all apps but `apps` that nobody holds.
    pub(in crate::plugins) fn retain_apps(&self, apps: &HashSet<String>) {
        let stays = |app: &str, one: &Arc<T>| apps.contains(app) || Arc::strong_count(one) > 1;
        if self.0.load().iter().all(|(app, one)| stays(app, one)) {
            return;
        }
        self.0.rcu(|known| {
            let stay = known.iter().filter(|(app, one)| stays(app, one));
            stay.map(|(app, one)| (app.clone(), Arc::clone(one))).collect::<HashMap<_, _>>()
        });
    }

    /// How many apps have a value.
    pub(super) fn len(&self) -> usize {
        self.0.load().len()
    }

    #[cfg(test)]
    pub(super) fn all(&self) -> Vec<Arc<T>> {
        self.0.load().values().map(Arc::clone).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apps_that_are_gone_are_forgotten_once_nobody_holds_anything_of_them() {
        let numbers = ByApp::default();
        let held = numbers.of("held", || 1);
        numbers.of("there", || 2);
        numbers.of("gone", || 3);
        numbers.retain_apps(&HashSet::from(["there".to_owned()]));
        assert_eq!(
            ["held", "there", "gone"].map(|app| numbers.find(app).as_deref().copied()),
            [Some(1), Some(2), None]
        );
        drop(held);
        numbers.retain_apps(&HashSet::from(["there".to_owned()]));
        assert_eq!((numbers.len(), numbers.find("there").as_deref()), (1, Some(&2)));
    }
}
