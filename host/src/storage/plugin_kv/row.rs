//! A write on its way to the database.

use tokio::sync::OwnedSemaphorePermit;

use super::{KvError, KvQuota};

/// A write on its way to the database.
#[derive(Debug)]
pub(super) struct KvRow {
    pub(super) app: String,
    pub(super) plugin: String,
    pub(super) key: String,
    pub(super) change: Change,
    /// Its places among the writes of the app; free again when it is written.
    pub(super) _turn: Option<OwnedSemaphorePermit>,
}

/// What becomes of the key.
#[derive(Debug)]
pub(super) enum Change {
    Put { value: Vec<u8>, ttl_seconds: Option<u32>, condition: Condition, quota: KvQuota },
    Delete,
}

/// When a value is written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Condition {
    Always,
    /// Only at this version, or only when absent.
    At(Option<u64>),
}

/// What a write did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Written {
    /// Its version. A deletion takes one too.
    pub(super) version: u64,
    /// There was something before, whose time was not over.
    pub(super) existed: bool,
}

/// What came of a write.
#[derive(Debug)]
pub(super) struct Outcome {
    /// What it did, or why it was refused.
    pub(super) result: Result<Written, KvError>,
    /// It was refused for want of room, and there is more that is over: another time it may pass.
    pub(super) may_pass: bool,
}

impl KvRow {
    /// Bytes of key and value together.
    pub(super) fn size(&self) -> usize {
        let value = if let Change::Put { value, .. } = &self.change { value.len() } else { 0 };
        self.key.len().saturating_add(value)
    }
}
