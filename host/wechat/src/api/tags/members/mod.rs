//! Giving tags to users, and the blacklist.

pub mod batchblacklist;
pub mod batchtagging;
pub mod batchunblacklist;
pub mod batchuntagging;
pub mod getblacklist;
