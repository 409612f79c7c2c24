//! What WeChat tells of calls of its API.

pub mod quota_get;
pub mod rid_get;
