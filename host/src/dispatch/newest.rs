//! Remembers the newest of something.
//!
//! What has just come is what comes again, so nothing is weighed: what is kept stands in two generations, and when the
//! younger one is full, or old enough, it takes the place of the older one. To look for a key, and to put it there where
//! it is new, takes one short lock on one of many parts. (Caches that weigh what they keep take several times as long,
//! which was a tenth of what a message cost.)

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Parts, each with a lock of its own. A generation goes part by part, so that freeing it holds nobody up for long.
const PARTS: usize = 64;

/// The newest values by their keys.
pub(super) struct Newest<K, V> {
    parts: Box<[Mutex<Generations<K, V>>]>,
    /// Picks the part of a key.
    hasher: RandomState,
    /// Entries that one generation of a part may have.
    most: usize,
}

struct Generations<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K: Eq + Hash, V: Clone> Newest<K, V> {
    /// Keeps the `at_least` newest entries, unless they grow old, and not many more than twice as many.
    pub(super) fn new(at_least: usize) -> Self {
        let part = |_| Mutex::new(Generations { young: HashMap::new(), old: HashMap::new() });
        Self {
            parts: (0..PARTS).map(part).collect(),
            hasher: RandomState::new(),
            // A quarter more: the parts do not fill evenly.
            most: (at_least + at_least / 4).div_ceil(PARTS),
        }
    }

    /// What stands under `key`; where nothing does, `new` makes it. For one key that is done once.
    pub(super) fn get_or_insert_with(&self, key: K, new: impl FnOnce() -> V) -> V {
        let mut part = self.part(&key);
        if let Some(known) = part.young.get(&key).or_else(|| part.old.get(&key)) {
            return known.clone();
        }
        let gone = if part.young.len() < self.most { HashMap::new() } else { part.grow_old() };
        let value = new();
        part.young.insert(key, value.clone());
        drop(part);
        // Now that nobody waits for it.
        drop(gone);
        value
    }

    /// Forgets what was young when this was called before, or older.
    pub(super) fn grow_old(&self) {
        for part in &self.parts {
            let gone = lock(part).grow_old();
            drop(gone);
        }
    }

    fn part(&self, key: &K) -> MutexGuard<'_, Generations<K, V>> {
        // The remainder is below the number of parts.
        let part = self.hasher.hash_one(key) % PARTS as u64;
        lock(&self.parts[usize::try_from(part).unwrap_or_default()])
    }
}

impl<K, V> Generations<K, V> {
    /// Gives back what is forgotten. The next generation has room for as many as this one from the start.
    fn grow_old(&mut self) -> HashMap<K, V> {
        let next = HashMap::with_capacity(self.young.len());
        mem::replace(&mut self.old, mem::replace(&mut self.young, next))
    }
}

fn lock<T>(part: &Mutex<T>) -> MutexGuard<'_, T> {
    part.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn knows(newest: &Newest<u32, ()>, key: u32) -> bool {
        let mut known = true;
        newest.get_or_insert_with(key, || known = false);
        known
    }

    #[test]
    fn what_came_last_is_remembered_however_much_came_before() {
        let newest = Newest::new(100_000);
        for key in 0..350_000 {
            newest.get_or_insert_with(key, || ());
        }
        let kept: usize =
            newest.parts.iter().map(|part| lock(part)).map(|part| part.young.len() + part.old.len()).sum();
        assert!(kept < 251_000, "{kept} are kept");
        let lost = (250_000..350_000).filter(|key| !knows(&newest, *key)).count();
        assert_eq!(lost, 0, "of the last 100000");
    }

    #[test]
    fn a_key_that_is_known_keeps_its_value() {
        let newest = Newest::new(10);
        assert_eq!(newest.get_or_insert_with("key", || 1), 1);
        assert_eq!(newest.get_or_insert_with("key", || 2), 1);
        newest.grow_old();
        assert_eq!(newest.get_or_insert_with("key", || 3), 1, "it is old");
        newest.grow_old();
        assert_eq!(newest.get_or_insert_with("key", || 4), 4, "it was forgotten");
    }
}
