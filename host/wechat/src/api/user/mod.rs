//! Users of an account.

pub mod info;
pub mod info_batchget;
