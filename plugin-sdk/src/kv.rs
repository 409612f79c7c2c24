//! A key-value store of the plugin's own for each app. Needs the grant `kv`.
//!
//! Calls run at the same time as others: what is read, changed and written back goes through
//! [`compare_and_set`].
//!
//! ```
//! use std::time::Duration;
//! use weft_plugin::{prelude::*, testing::Host};
//!
//! fn visits(openid: &str) -> Result<u32> {
//!     let key = format!("visits/{openid}");
//!     let before = kv::get(&key)?;
//!     let visits = before.as_ref().map_or(Ok(0), kv::Entry::json)? + 1;
//!     kv::compare_and_set(&key, before.map(|entry| entry.version), visits.to_string(), Duration::from_hours(24))?;
//!     Ok(visits)
//! }
//!
//! let host = Host::new().grant_kv();
//! assert_eq!((visits("o1"), visits("o1")), (Ok(1), Ok(2)));
//! host.advance(Duration::from_hours(24));
//! assert_eq!(visits("o1"), Ok(1));
//! ```

use std::time::Duration;

use serde::de::DeserializeOwned;

pub use crate::bindings::imported::kv::Entry;
use crate::{error::Error, imports};

impl Entry {
    /// The value as text, if it is one.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.value).ok()
    }

    /// The value read as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        Ok(serde_json::from_slice(&self.value)?)
    }
}

/// None when there is no such key or its time is over.
pub fn get(key: &str) -> Result<Option<Entry>, Error> {
    imports::kv::get(key)
}

/// Writes whatever was there before, to be kept for `ttl`, or for good with `None`. Returns the
/// new version.
pub fn set(key: &str, value: impl AsRef<[u8]>, ttl: impl Into<Option<Duration>>) -> Result<u64, Error> {
    imports::kv::set(key, value.as_ref(), ttl.into().map(seconds))
}

/// Writes only if the key is at version `expected`, or absent for `None`; fails with
/// [`Error::Conflict`] otherwise. Returns the new version.
pub fn compare_and_set(
    key: &str,
    expected: Option<u64>,
    value: impl AsRef<[u8]>,
    ttl: impl Into<Option<Duration>>,
) -> Result<u64, Error> {
    imports::kv::compare_and_set(key, expected, value.as_ref(), ttl.into().map(seconds))
}

/// True when there was something to delete.
pub fn delete(key: &str) -> Result<bool, Error> {
    imports::kv::delete(key)
}

/// The keys that begin with `prefix`, in the order of their bytes, from behind `after` on; at most
/// `limit` and never more than 1000.
pub fn keys(prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>, Error> {
    imports::kv::keys(prefix, after, limit)
}

/// Whole seconds, rounded up: nothing is gone earlier than was asked for.
fn seconds(ttl: Duration) -> u32 {
    let seconds = ttl.as_secs().saturating_add(u64::from(ttl.subsec_nanos() > 0));
    u32::try_from(seconds).unwrap_or(u32::MAX)
}
