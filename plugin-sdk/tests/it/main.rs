//! A plugin of many functions, called as the host calls it.

#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod calls;
mod documents;
mod grants;
mod outside;
mod refusals;
mod shop;
mod wechat;
mod wechat_api;
