//! A plugin of many functions, called as the host calls it.

mod calls;
mod grants;
mod shop;
mod wechat;
mod wechat_api;
