//! Remembers the newest of something.
//!
//! What has just come is what comes again, so nothing is weighed: what is kept stands in two generations, and when the
//! younger one is full, or old enough, it takes the place of the older one. To look for a key, and to put it there where
//! it is new, takes one hash and one short lock on one of many parts. (Caches that weigh what they keep take several times
//! as long, which was a tenth of what a message cost.)
//!
//! What is asked for again may be made new by that ([`Newest::renew`]), so that what is in use stays.
//!
//! All apps share it. Whoever sends much fills generations fast, and pushes out their own: when one goes, the entries of
//! those who have the fewest in it move into the next, as far as there is room and for as long as they are not too old.

use std::{
    borrow::Borrow,
    hash::{BuildHasher, Hash, RandomState},
    mem,
};

use hashbrown::HashTable;
use parking_lot::{Mutex, MutexGuard};

/// Parts, each with a lock of its own. A generation goes part by part, so that it holds nobody up for long.
const PARTS: usize = 128;

/// The newest values by their keys.
pub struct Newest<K, V> {
    parts: Box<[Mutex<Generations<K, V>>]>,
    /// Picks the part of a key, and its place there.
    hasher: RandomState,
    /// New entries that one generation of a part may have.
    most: usize,
    /// Whether a value must not be forgotten yet, however old it is.
    is_needed: fn(&V) -> bool,
}

struct Generations<K, V> {
    young: Generation<K, V>,
    old: Generation<K, V>,
    /// Entries that the younger one may have: new ones, and those that moved into it.
    room: usize,
    /// How often it was time to forget.
    time: u32,
}

type Generation<K, V> = HashTable<Entry<K, V>>;

struct Entry<K, V> {
    hash: u64,
    key: K,
    value: V,
    /// Whose it is.
    app: u32,
    /// When it came, in times to forget.
    time: u32,
}

impl<K: Eq + Hash, V: Clone> Newest<K, V> {
    /// Keeps the `at_least` newest entries, unless they grow old; and four times as many at most, beside those that are
    /// needed.
    pub fn new(at_least: usize, is_needed: fn(&V) -> bool) -> Self {
        // A quarter more: the parts do not fill evenly.
        let most = (at_least + at_least / 4).div_ceil(PARTS);
        let part = |_| {
            let (young, old) = (HashTable::new(), HashTable::new());
            Mutex::new(Generations { young, old, room: most, time: 0 })
        };
        Self { parts: (0..PARTS).map(part).collect(), hasher: RandomState::new(), most, is_needed }
    }

    /// What stands under `key`; where nothing does, `new` makes it for the app of that number. For one key that is done
    /// once.
    pub fn get_or_insert_with(&self, app: u32, key: K, new: impl FnOnce() -> V) -> V {
        let hash = self.hasher.hash_one(&key);
        let mut part = self.part(hash);
        let is_it = |entry: &Entry<K, V>| entry.key == key;
        if let Some(known) = part.young.find(hash, is_it).or_else(|| part.old.find(hash, is_it)) {
            return known.value.clone();
        }
        let value = new();
        let entry = Entry { hash, key, value: value.clone(), app, time: part.time };
        let gone = part.put(entry, self.most, self.is_needed);
        drop(part);
        // Freed only now that nobody waits for the lock.
        drop(gone);
        value
    }

    /// Whether something stands under `key`, which is then as new as what has just come.
    pub fn renew<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        let hash = self.hasher.hash_one(key);
        let is_it = |entry: &Entry<K, V>| key.eq(entry.key.borrow());
        let mut part = self.part(hash);
        if part.young.find(hash, is_it).is_some() {
            return true;
        }
        let Generations { old, time, .. } = &mut *part;
        let Ok(entry) = old.find_entry(hash, is_it) else { return false };
        let entry = Entry { time: *time, ..entry.remove().0 };
        let gone = part.put(entry, self.most, self.is_needed);
        drop(part);
        drop(gone);
        true
    }

    /// Puts another value where `key` has one.
    pub fn replace(&self, key: &K, value: V) {
        let hash = self.hasher.hash_one(key);
        let is_it = |entry: &Entry<K, V>| entry.key == *key;
        let mut part = self.part(hash);
        let Generations { young, old, .. } = &mut *part;
        let entry = young.find_mut(hash, is_it).or_else(|| old.find_mut(hash, is_it));
        let gone = entry.map(|entry| mem::replace(&mut entry.value, value));
        drop(part);
        drop(gone);
    }

    /// Forgets what was young when this was called before, or older.
    pub fn grow_old(&self) {
        for part in &self.parts {
            let mut part = part.lock();
            part.time += 1;
            let gone = part.grow_old(self.most, self.is_needed);
            drop(part);
            drop(gone);
        }
    }

    fn part(&self, hash: u64) -> MutexGuard<'_, Generations<K, V>> {
        // Bits from the middle: the tables use the lowest for places and the highest for tags.
        let part = (hash >> 32) % PARTS as u64;
        self.parts[usize::try_from(part).unwrap_or_default()].lock()
    }
}

impl<K, V> Generations<K, V> {
    /// Gives back what is forgotten for it.
    fn put(&mut self, entry: Entry<K, V>, most: usize, is_needed: fn(&V) -> bool) -> Generation<K, V> {
        let gone = if self.young.len() < self.room { HashTable::new() } else { self.grow_old(most, is_needed) };
        self.young.insert_unique(entry.hash, entry, |entry| entry.hash);
        gone
    }

    /// Gives back what is forgotten. The next generation has room for `most` new entries, and for as many as this one from
    /// the start.
    fn grow_old(&mut self, most: usize, is_needed: fn(&V) -> bool) -> Generation<K, V> {
        let (time, mut shares) = (self.time, self.shares(most / 2));
        let mut next = HashTable::with_capacity(self.young.len());
        let mut has_share = |app: u32| {
            let place = shares.binary_search_by_key(&app, |(app, _)| *app).ok();
            let Some((_, left)) = place.and_then(|place| shares.get_mut(place)) else { return false };
            let has_one = *left > 0;
            *left = left.saturating_sub(1);
            has_one
        };
        let stays = |entry: &mut Entry<K, V>| is_needed(&entry.value) || entry.is_of_use(time) && has_share(entry.app);
        for entry in self.old.extract_if(stays) {
            next.insert_unique(entry.hash, entry, |entry| entry.hash);
        }
        self.room = most + next.len();
        mem::replace(&mut self.old, mem::replace(&mut self.young, next))
    }

    /// How many entries of each app move on from the older generation, by app: all of those who have the fewest, and of the
    /// next one what there is room for, `most` together. Whoever has more than that has nobody to keep it from.
    fn shares(&self, most: usize) -> Vec<(u32, usize)> {
        let of_use = self.old.iter().filter(|entry| entry.is_of_use(self.time));
        let mut apps: Vec<u32> = of_use.map(|entry| entry.app).collect();
        apps.sort_unstable();
        let of_each = apps.chunk_by(|one, other| one == other);
        let mut counts: Vec<(usize, u32)> = of_each.map(|entries| (entries.len(), entries[0])).collect();
        counts.sort_unstable();
        if let [(alone, _)] = counts[..]
            && alone > most
        {
            return Vec::new();
        }
        let mut room = most;
        let share = |(count, app): (usize, u32)| {
            let share = count.min(room);
            room -= share;
            (app, share)
        };
        let mut shares: Vec<(u32, usize)> = counts.into_iter().map(share).collect();
        shares.sort_unstable();
        shares
    }
}

impl<K, V> Entry<K, V> {
    /// Whether it came since the time to forget before the last one.
    fn is_of_use(&self, time: u32) -> bool {
        self.time + 1 >= time
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::*;

    fn knows(newest: &Newest<u32, ()>, app: u32, key: u32) -> bool {
        let mut known = true;
        newest.get_or_insert_with(app, key, || known = false);
        known
    }

    fn kept(newest: &Newest<u32, ()>) -> usize {
        newest.parts.iter().map(|part| part.lock()).map(|part| part.young.len() + part.old.len()).sum()
    }

    #[test]
    fn what_came_last_is_remembered_however_much_came_before() {
        let newest = Newest::new(100_000, |()| false);
        for key in 0..350_000 {
            newest.get_or_insert_with(1, key, || ());
        }
        assert!(kept(&newest) < 251_000, "{} are kept", kept(&newest));
        let lost = (250_000..350_000).filter(|key| !knows(&newest, 1, *key)).count();
        assert_eq!(lost, 0, "of the last 100000");
    }

    #[test]
    fn a_key_that_is_known_keeps_its_value() {
        let newest = Newest::new(10, |_| false);
        assert_eq!(newest.get_or_insert_with(1, "key", || 1), 1);
        assert_eq!(newest.get_or_insert_with(1, "key", || 2), 1);
        newest.grow_old();
        assert_eq!(newest.get_or_insert_with(1, "key", || 3), 1, "it is old");
        newest.grow_old();
        assert_eq!(newest.get_or_insert_with(1, "key", || 4), 4, "it was forgotten");
        newest.replace(&"key", 5);
        newest.grow_old();
        newest.replace(&"nobody's", 6);
        assert_eq!(newest.get_or_insert_with(1, "key", || 7), 5, "it was replaced");
    }

    #[test]
    fn what_is_needed_is_kept_however_much_comes_after_it() {
        let newest = Newest::new(1000, |value| *value == "needed");
        newest.get_or_insert_with(1, 0, || "needed");
        for key in 1..100_000 {
            newest.get_or_insert_with(1, key, || "not needed");
        }
        newest.grow_old();
        assert_eq!(newest.get_or_insert_with(1, 0, || "anew"), "needed");
        assert_eq!(newest.get_or_insert_with(1, 1, || "anew"), "anew");
    }

    #[test]
    fn who_sends_much_pushes_out_their_own_and_of_others_nothing_before_its_time() {
        let newest = Newest::new(10_000, |()| false);
        let forgotten = |app, keys: Range<u32>| keys.filter(|key| !knows(&newest, app, *key)).count();
        let flood = |keys: Range<u32>| keys.for_each(|key| newest.get_or_insert_with(2, key, || ()));
        assert_eq!(forgotten(1, 0..300), 300, "all are new");
        flood(1000..41_000);
        assert_eq!(forgotten(1, 0..300), 0);
        assert!(forgotten(2, 1000..2000) > 400);
        newest.grow_old();
        flood(41_000..82_000);
        assert_eq!(forgotten(1, 0..300), 0, "their time is not over");
        newest.grow_old();
        flood(82_000..123_000);
        assert_eq!(forgotten(1, 0..300), 300, "it is over");
    }

    #[test]
    fn who_has_much_keeps_a_share_beside_who_sends_more() {
        let newest = Newest::new(10_000, |()| false);
        for key in 0..8000 {
            newest.get_or_insert_with(1, key, || ());
        }
        for key in 8000..80_000 {
            newest.get_or_insert_with(2, key, || ());
        }
        let lost = (0..8000).filter(|key| !knows(&newest, 1, *key)).count();
        assert!((5500..7000).contains(&lost), "{lost}");
    }

    #[test]
    fn many_who_send_little_have_no_more_than_there_is_room_for() {
        let newest = Newest::new(10_000, |()| false);
        for key in 0..100_000 {
            newest.get_or_insert_with(key % 1000, key, || ());
        }
        assert!(kept(&newest) < 38_000, "{} are kept", kept(&newest));
        let lost = (95_000..100_000).filter(|key| !knows(&newest, key % 1000, *key)).count();
        assert_eq!(lost, 0, "of the last 5000");
    }
}
