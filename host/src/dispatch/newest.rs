//! Remembers the newest of something.
//!
//! What has just come is what comes again, so nothing is weighed: what is kept stands in two generations, and when the
//! younger one is full, or old enough, it takes the place of the older one. To look for a key, and to put it there where
//! it is new, takes one hash and one short lock on one of many parts. (Caches that weigh what they keep take several times
//! as long, which was a tenth of what a message cost.)

use std::{
    hash::{BuildHasher, Hash, RandomState},
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
};

use hashbrown::HashTable;

/// Parts, each with a lock of its own. A generation goes part by part, so that it holds nobody up for long.
const PARTS: usize = 128;

/// The newest values by their keys.
pub(super) struct Newest<K, V> {
    parts: Box<[Mutex<Generations<K, V>>]>,
    /// Picks the part of a key, and its place there.
    hasher: RandomState,
    /// Entries that one generation of a part may have.
    most: usize,
    /// Whether a value must not be forgotten yet, however old it is.
    is_needed: fn(&V) -> bool,
}

struct Generations<K, V> {
    young: Generation<K, V>,
    old: Generation<K, V>,
}

/// The entries, each with its key's hash.
type Generation<K, V> = HashTable<(u64, K, V)>;

impl<K: Eq + Hash, V: Clone> Newest<K, V> {
    /// Keeps the `at_least` newest entries, unless they grow old, and not many more than twice as many beside those that
    /// are needed.
    pub(super) fn new(at_least: usize, is_needed: fn(&V) -> bool) -> Self {
        let part = |_| Mutex::new(Generations { young: HashTable::new(), old: HashTable::new() });
        Self {
            parts: (0..PARTS).map(part).collect(),
            hasher: RandomState::new(),
            // A quarter more: the parts do not fill evenly.
            most: (at_least + at_least / 4).div_ceil(PARTS),
            is_needed,
        }
    }

    /// What stands under `key`; where nothing does, `new` makes it. For one key that is done once.
    pub(super) fn get_or_insert_with(&self, key: K, new: impl FnOnce() -> V) -> V {
        let hash = self.hasher.hash_one(&key);
        let mut part = self.part(hash);
        let is_it = |(_, known, _): &(u64, K, V)| *known == key;
        if let Some((_, _, known)) = part.young.find(hash, is_it).or_else(|| part.old.find(hash, is_it)) {
            return known.clone();
        }
        let gone = if part.young.len() < self.most { HashTable::new() } else { part.grow_old(self.is_needed) };
        let value = new();
        part.young.insert_unique(hash, (hash, key, value.clone()), |(hash, _, _)| *hash);
        drop(part);
        // Now that nobody waits for it.
        drop(gone);
        value
    }

    /// Puts another value where `key` has one.
    pub(super) fn replace(&self, key: &K, value: V) {
        let hash = self.hasher.hash_one(key);
        let is_it = |(_, known, _): &(u64, K, V)| known == key;
        let mut part = self.part(hash);
        let Generations { young, old } = &mut *part;
        let entry = young.find_mut(hash, is_it).or_else(|| old.find_mut(hash, is_it));
        let gone = entry.map(|(_, _, known)| mem::replace(known, value));
        drop(part);
        drop(gone);
    }

    /// Forgets what was young when this was called before, or older.
    pub(super) fn grow_old(&self) {
        for part in &self.parts {
            let gone = lock(part).grow_old(self.is_needed);
            drop(gone);
        }
    }

    fn part(&self, hash: u64) -> MutexGuard<'_, Generations<K, V>> {
        // Bits of the middle: a table takes the lowest for places and the highest for tags. The remainder is below the
        // number of parts.
        let part = (hash >> 32) % PARTS as u64;
        lock(&self.parts[usize::try_from(part).unwrap_or_default()])
    }
}

impl<K, V> Generations<K, V> {
    /// Gives back what is forgotten. The next generation has room for as many as this one from the start.
    fn grow_old(&mut self, is_needed: fn(&V) -> bool) -> Generation<K, V> {
        let mut next = HashTable::with_capacity(self.young.len());
        for (hash, key, value) in self.old.extract_if(|(_, _, value)| is_needed(value)) {
            next.insert_unique(hash, (hash, key, value), |(hash, _, _)| *hash);
        }
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
        let newest = Newest::new(100_000, |()| false);
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
        let newest = Newest::new(10, |_| false);
        assert_eq!(newest.get_or_insert_with("key", || 1), 1);
        assert_eq!(newest.get_or_insert_with("key", || 2), 1);
        newest.grow_old();
        assert_eq!(newest.get_or_insert_with("key", || 3), 1, "it is old");
        newest.grow_old();
        assert_eq!(newest.get_or_insert_with("key", || 4), 4, "it was forgotten");
        newest.replace(&"key", 5);
        newest.grow_old();
        newest.replace(&"nobody's", 6);
        assert_eq!(newest.get_or_insert_with("key", || 7), 5, "it was replaced");
    }

    #[test]
    fn what_is_needed_is_kept_however_much_comes_after_it() {
        let newest = Newest::new(1000, |value| *value == "needed");
        newest.get_or_insert_with(0, || "needed");
        for key in 1..100_000 {
            newest.get_or_insert_with(key, || "not needed");
        }
        newest.grow_old();
        assert_eq!(newest.get_or_insert_with(0, || "anew"), "needed");
        assert_eq!(newest.get_or_insert_with(1, || "anew"), "anew");
    }
}
