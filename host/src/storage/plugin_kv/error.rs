//! Why a call on a key-value store failed.

use super::key::MAX_KEY_BYTES;
use crate::storage::{BatchError, StoreError};

/// Why a call on the key-value store failed.
#[derive(Debug, thiserror::Error)]
pub enum KvError {
    /// The key cannot be one.
    #[error("a key is 1 to {MAX_KEY_BYTES} bytes and holds no U+0000")]
    InvalidKey,
    /// The key is not at the expected version.
    #[error("the key is at another version")]
    Conflict,
    /// The value is too long.
    #[error("a value has at most {0} bytes")]
    ValueTooLong(u64),
    /// There are too many keys.
    #[error("at most {0} keys may be kept")]
    TooManyKeys(u64),
    /// Everything together is too long.
    #[error("at most {0} bytes may be kept, keys and values together")]
    TotalTooLong(u64),
    /// Another process began to write there and does not go on.
    #[error("another process holds the key-value store, and does not go on")]
    Held,
    /// The storage failed, or there is no such app ([`StoreError::NotFound`]).
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The storage failed for all that was to be written together.
    #[error(transparent)]
    Batch(#[from] BatchError),
}

impl From<sqlx::Error> for KvError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}
