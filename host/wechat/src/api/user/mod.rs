//! Users of an account.

pub mod get;
pub mod info;
pub mod info_batchget;
pub mod info_updateremark;
pub mod tag_get;

use serde::Deserialize;

/// How many openids WeChat puts on a page.
pub const PAGE: usize = 10_000;

/// A part of a list of users: of all followers, of those who have a tag, or of the blacklist. The list has ended when a
/// page is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct OpenidPage {
    /// How many there are on all pages; 0 where WeChat leaves it out.
    pub total: u64,
    /// Who is on this one; left out when it is nobody.
    pub data: Openids,
    /// Who is the last one on this page; empty when it is nobody.
    pub next_openid: String,
}

/// Some openids.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Openids {
    /// In the order in which they began to follow, as far as is known.
    pub openid: Vec<String>,
}
