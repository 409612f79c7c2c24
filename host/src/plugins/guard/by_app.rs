//! What there is of a plugin, or of all plugins, for each app: read without a lock.

use std::{collections::HashMap, sync::Arc};

use arc_swap::ArcSwap;

/// One of them for each app that was ever asked for.
pub(in crate::plugins) struct ByApp<T>(ArcSwap<HashMap<Box<str>, Arc<T>>>);

impl<T> Default for ByApp<T> {
    fn default() -> Self {
        Self(ArcSwap::default())
    }
}

impl<T> ByApp<T> {
    /// That of an app; none when it was never asked for.
    pub(super) fn find(&self, app: &str) -> Option<Arc<T>> {
        self.0.load().get(app).map(Arc::clone)
    }

    /// That of an app; `new` makes it where there is none.
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

    /// How many apps there are.
    pub(super) fn len(&self) -> usize {
        self.0.load().len()
    }

    #[cfg(test)]
    pub(super) fn all(&self) -> Vec<Arc<T>> {
        self.0.load().values().map(Arc::clone).collect()
    }
}
