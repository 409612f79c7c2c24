//! Published articles, and publishing a draft without sending it to anybody.

pub mod batchget;
pub mod delete;
pub mod get;
pub mod getarticle;
pub mod submit;
