//! A share for each who uses something together with others, so that none takes all of it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::Semaphore;

/// As many turns for each. Clones share them.
#[derive(Debug, Clone)]
pub struct Shares {
    of_one: usize,
    all: Arc<Mutex<HashMap<Box<str>, Arc<Semaphore>>>>,
}

impl Shares {
    /// Each has so many turns.
    pub fn new(of_one: usize) -> Self {
        Self { of_one, all: Arc::default() }
    }

    /// The turns of who is called that.
    pub fn of(&self, name: &str) -> Arc<Semaphore> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turns) = all.get(name) {
            return Arc::clone(turns);
        }
        let turns = Arc::new(Semaphore::new(self.of_one));
        all.insert(name.into(), Arc::clone(&turns));
        turns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_own_turns_and_no_more() {
        let shares = Shares::new(2);
        let taken: Vec<_> = (0..3).filter_map(|_| shares.of("a").try_acquire_owned().ok()).collect();
        assert_eq!(taken.len(), 2);
        assert!(shares.clone().of("a").try_acquire_owned().is_err() && shares.of("b").try_acquire_owned().is_ok());
        drop(taken);
        assert!(shares.of("a").try_acquire_owned().is_ok());
    }
}
