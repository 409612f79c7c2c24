//! The key-value store in memory.

use std::{collections::BTreeMap, time::Duration};

use super::state::{Part, State, denied, with};
use crate::{error::Error, kv::Entry};

#[derive(Default)]
pub(super) struct Store {
    pub(super) granted: bool,
    /// The version last given to any key: none is used twice.
    last_version: u64,
    /// The entry, and when its time is over.
    entries: BTreeMap<String, (Entry, Option<Duration>)>,
}

/// Looks into the store when it is granted and `key` is one.
fn store<T>(key: Option<&str>, look: impl FnOnce(&mut Store, Duration) -> Result<T, Error>) -> Result<T, Error> {
    with(|state| {
        if !state.kv.granted {
            return Err(denied("kv"));
        }
        state.meets(Part::Kv)?;
        let State { kv, now, .. } = state;
        if key.is_some_and(|key| !(1..=512).contains(&key.len()) || key.contains('\0')) {
            return Err(no_key());
        }
        kv.entries.retain(|_, (_, ends)| ends.is_none_or(|ends| *now < ends));
        look(kv, *now)
    })
}

impl Store {
    fn write(&mut self, key: &str, value: &[u8], ends: Option<Duration>) -> u64 {
        self.last_version += 1;
        let entry = Entry { value: value.to_vec(), version: self.last_version };
        self.entries.insert(key.to_owned(), (entry, ends));
        self.last_version
    }
}

fn no_key() -> Error {
    Error::Invalid("a key is 1 to 512 bytes and holds no U+0000".to_owned())
}

fn end(now: Duration, ttl_seconds: Option<u32>) -> Option<Duration> {
    ttl_seconds.map(|ttl| now + Duration::from_secs(ttl.into()))
}

pub(crate) fn get(key: &str) -> Result<Option<Entry>, Error> {
    store(Some(key), |store, _| Ok(store.entries.get(key).map(|(entry, _)| entry.clone())))
}

pub(crate) fn set(key: &str, value: &[u8], ttl_seconds: Option<u32>) -> Result<u64, Error> {
    store(Some(key), |store, now| Ok(store.write(key, value, end(now, ttl_seconds))))
}

pub(crate) fn compare_and_set(
    key: &str,
    expected: Option<u64>,
    value: &[u8],
    ttl_seconds: Option<u32>,
) -> Result<u64, Error> {
    store(Some(key), |store, now| {
        if store.entries.get(key).map(|(entry, _)| entry.version) == expected {
            Ok(store.write(key, value, end(now, ttl_seconds)))
        } else {
            Err(Error::Conflict("the key has changed since it was read".to_owned()))
        }
    })
}

pub(crate) fn delete(key: &str) -> Result<bool, Error> {
    store(Some(key), |store, _| Ok(store.entries.remove(key).is_some()))
}

pub(crate) fn keys(prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>, Error> {
    store(None, |store, _| {
        if prefix.contains('\0') || after.is_some_and(|after| after.contains('\0')) {
            return Err(no_key());
        }
        let found = store
            .entries
            .keys()
            .filter(|key| key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after));
        Ok(found.take(limit.min(1000) as usize).cloned().collect())
    })
}
