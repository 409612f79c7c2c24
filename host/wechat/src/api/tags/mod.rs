//! The tags that an account gives its users.

pub mod create;
pub mod delete;
pub mod get;
pub mod members;
pub mod update;

use serde::{Deserialize, Serialize};

/// The most characters of a tag's name.
pub const MAX_NAME: usize = 30;
/// The most tags that a user has.
pub const MAX_OF_USER: usize = 20;
/// The greatest id of the tags that are WeChat's own: nobody renames or deletes them.
pub const LAST_SYSTEM_TAG: u32 = 2;
/// The most users of a tag that can be deleted.
pub const MAX_USERS_TO_DELETE: u64 = 100_000;

/// A tag.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tag {
    /// Given by WeChat, which may give that of a deleted tag again.
    pub id: u32,
    /// What people see.
    pub name: String,
    /// How many users have it; left out where only one tag is told.
    pub count: u64,
}
