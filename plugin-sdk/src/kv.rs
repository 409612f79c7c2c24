//! A key-value store of the plugin's own for each app. Needs the grant `kv`.
//!
//! Calls run at the same time as others: what is read, changed and written back goes through
//! [`update`], or through [`compare_and_set`] where it is no JSON.
//!
//! What is written stays until it is deleted or written again. Each function that writes has another one, whose name ends
//! in `_for`, for what is to be gone by itself after some time.
//!
//! A key is 1 to 512 bytes of UTF-8 without U+0000; another one is [`Error::Invalid`]. A value has at most 256 KiB,
//! and there are at most 100 000 keys with 64 MiB together, unless the operator has set something else: what is beyond
//! is [`Error::Limited`]. [`Error::Unavailable`] may work later.
//!
//! ```
//! use std::time::Duration;
//! use weft_plugin::{prelude::*, testing::TestHost};
//!
//! fn visits(openid: &str) -> Result<u32> {
//!     let key = format!("visits/{openid}");
//!     let visits = kv::update_for(&key, Duration::from_hours(24), |before: Option<u32>| Ok(before.unwrap_or(0) + 1))?;
//!     Ok(visits)
//! }
//!
//! let host = TestHost::new().grant_kv();
//! assert_eq!((visits("o1"), visits("o1")), (Ok(1), Ok(2)));
//! host.advance(Duration::from_hours(24));
//! assert_eq!(visits("o1"), Ok(1));
//! ```

use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};

pub use crate::bindings::imported::kv::Entry;
use crate::{error::Error, imports};

/// How often [`update`] tries: whoever is late so often has many rivals.
const ROUNDS: usize = 64;

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

/// The value and its version; `None` when there is no such key or its time is over.
///
/// ```
/// use weft_plugin::{prelude::*, testing::TestHost};
///
/// TestHost::new().grant_kv();
/// kv::set("motto", "茶香")?;
/// assert_eq!(kv::get("motto")?.map(|entry| entry.value), Some("茶香".into()));
/// assert_eq!(kv::get("another")?, None);
/// # Ok::<(), Error>(())
/// ```
pub fn get(key: &str) -> Result<Option<Entry>, Error> {
    imports::kv::get(key)
}

/// The value as text; none when there is no such key or its time is over. A value that is no UTF-8 is an error, as one
/// that is no JSON is for [`get_json`]. Where it may be either, [`get`] has the bytes, and [`Entry::text`] says whether
/// they are text.
///
/// ```
/// use weft_plugin::{prelude::*, testing::TestHost};
///
/// TestHost::new().grant_kv();
/// kv::set("motto", "茶香")?;
/// assert_eq!(kv::get_text("motto")?.as_deref(), Some("茶香"));
/// assert_eq!(kv::get_text("another")?, None);
/// kv::set("picture", b"\xff\xd8")?;
/// assert!(kv::get_text("picture").is_err());
/// # Ok::<(), Error>(())
/// ```
pub fn get_text(key: &str) -> Result<Option<String>, Error> {
    Ok(get(key)?.map(|entry| String::from_utf8(entry.value)).transpose()?)
}

/// Writes, whatever was there before, to be kept for good: also where what was there had a time. Returns the new
/// version.
pub fn set(key: &str, value: impl AsRef<[u8]>) -> Result<u64, Error> {
    imports::kv::set(key, value.as_ref(), None)
}

/// As [`set`], to be kept for `ttl` from now on.
pub fn set_for(key: &str, value: impl AsRef<[u8]>, ttl: Duration) -> Result<u64, Error> {
    imports::kv::set(key, value.as_ref(), Some(seconds(ttl)))
}

/// The value read as JSON; none when there is no such key or its time is over.
pub fn get_json<T: DeserializeOwned>(key: &str) -> Result<Option<T>, Error> {
    get(key)?.as_ref().map(Entry::json).transpose()
}

/// Writes a value as JSON, as [`set`] does.
///
/// ```
/// use weft_plugin::{prelude::*, testing::TestHost};
///
/// TestHost::new().grant_kv();
/// kv::set_json("open", &["09:00", "18:00"])?;
/// let open: Option<Vec<String>> = kv::get_json("open")?;
/// assert_eq!(open.unwrap()[1], "18:00");
/// # Ok::<(), Error>(())
/// ```
pub fn set_json(key: &str, value: &(impl Serialize + ?Sized)) -> Result<u64, Error> {
    set(key, serde_json::to_vec(value)?)
}

/// As [`set_json`], to be kept for `ttl` from now on.
pub fn set_json_for(key: &str, value: &(impl Serialize + ?Sized), ttl: Duration) -> Result<u64, Error> {
    set_for(key, serde_json::to_vec(value)?, ttl)
}

/// Changes a value that is JSON, whoever else changes it at the same time: writes what `change` makes
/// of it, which gets `None` when there is no such key, and returns that. When somebody else was
/// faster, `change` gets what they have written; an error of its own ends it, and nothing is written.
/// What is written is kept for good, as [`set`] keeps it.
///
/// It fails with an [`Error`] and with no other type: `?` takes in it what turns into one, which are texts, the errors of this
/// crate, of the standard library and of `serde_json`, and boxed ones. Others do with `.map_err(Error::other)?`.
///
/// Fails with [`Error::Conflict`] when others are faster again and again.
///
/// ```
/// use weft_plugin::{prelude::*, testing::TestHost};
///
/// /// Takes one of ten away, and not the eleventh.
/// fn take() -> Result<u32> {
///     let left = kv::update("left", |left: Option<u32>| match left.unwrap_or(10) {
///         0 => Err("sold out".into()),
///         left => Ok(left - 1),
///     })?;
///     Ok(left)
/// }
///
/// TestHost::new().grant_kv();
/// assert_eq!((take(), take()), (Ok(9), Ok(8)));
/// kv::set_json("left", &0)?;
/// assert_eq!(take().unwrap_err().to_string(), "sold out");
/// # Ok::<(), Error>(())
/// ```
pub fn update<T: Serialize + DeserializeOwned>(
    key: &str,
    change: impl FnMut(Option<T>) -> Result<T, Error>,
) -> Result<T, Error> {
    change_json(key, None, change)
}

/// As [`update`], where what is written is kept for `ttl` from now on.
pub fn update_for<T: Serialize + DeserializeOwned>(
    key: &str,
    ttl: Duration,
    change: impl FnMut(Option<T>) -> Result<T, Error>,
) -> Result<T, Error> {
    change_json(key, Some(seconds(ttl)), change)
}

fn change_json<T: Serialize + DeserializeOwned>(
    key: &str,
    ttl_seconds: Option<u32>,
    mut change: impl FnMut(Option<T>) -> Result<T, Error>,
) -> Result<T, Error> {
    let mut round = 1;
    loop {
        let before = get(key)?;
        let version = before.as_ref().map(|entry| entry.version);
        let value = change(before.as_ref().map(Entry::json).transpose()?)?;
        match imports::kv::compare_and_set(key, version, &serde_json::to_vec(&value)?, ttl_seconds) {
            Err(Error::Conflict(_)) if round < ROUNDS => round += 1,
            written => return written.map(|_| value),
        }
    }
}

/// Writes only if the key is at version `expected`, or absent for `None`; fails with
/// [`Error::Conflict`] otherwise. What is written is kept for good, as [`set`] keeps it. Returns the new version.
///
/// ```
/// use weft_plugin::{prelude::*, testing::TestHost};
///
/// /// Whether this user is the first one.
/// fn wins(openid: &str) -> Result<bool> {
///     match kv::compare_and_set("winner", None, openid) {
///         Err(Error::Conflict(_)) => Ok(false),
///         set => Ok(set.map(|_| true)?),
///     }
/// }
///
/// TestHost::new().grant_kv();
/// assert_eq!((wins("o1"), wins("o2")), (Ok(true), Ok(false)));
/// ```
pub fn compare_and_set(key: &str, expected: Option<u64>, value: impl AsRef<[u8]>) -> Result<u64, Error> {
    imports::kv::compare_and_set(key, expected, value.as_ref(), None)
}

/// As [`compare_and_set`], where what is written is kept for `ttl` from now on.
pub fn compare_and_set_for(
    key: &str,
    expected: Option<u64>,
    value: impl AsRef<[u8]>,
    ttl: Duration,
) -> Result<u64, Error> {
    imports::kv::compare_and_set(key, expected, value.as_ref(), Some(seconds(ttl)))
}

/// True when there was something to delete.
pub fn delete(key: &str) -> Result<bool, Error> {
    imports::kv::delete(key)
}

/// The keys that begin with `prefix`, in the order of their bytes, from behind `after` on; at most
/// `limit` and never more than 1000.
///
/// ```
/// use weft_plugin::{prelude::*, testing::TestHost};
///
/// fn count(prefix: &str) -> Result<usize> {
///     let (mut count, mut last) = (0, None::<String>);
///     loop {
///         let keys = kv::keys(prefix, last.as_deref(), 1000)?;
///         count += keys.len();
///         match keys.into_iter().last() {
///             None => return Ok(count),
///             key => last = key,
///         }
///     }
/// }
///
/// TestHost::new().grant_kv();
/// for openid in ["o1", "o2"] {
///     kv::set(&format!("visits/{openid}"), "1").unwrap();
/// }
/// assert_eq!(count("visits/"), Ok(2));
/// ```
pub fn keys(prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>, Error> {
    imports::kv::keys(prefix, after, limit)
}

/// Whole seconds, rounded up: nothing is gone earlier than was asked for.
fn seconds(ttl: Duration) -> u32 {
    let seconds = ttl.as_secs().saturating_add(u64::from(ttl.subsec_nanos() > 0));
    u32::try_from(seconds).unwrap_or(u32::MAX)
}
