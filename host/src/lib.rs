//! Weft: a WebAssembly plugin host for WeChat.
//!
//! The modules stand on floors; each uses the floors below and none beside or above it
//! (`tests/it/floors.rs` keeps it so):
//!
//! 0. `weft-wechat`: WeChat's protocol without I/O, a crate of its own
//! 1. [`clock`], [`time`], [`secret`], [`model`], [`config`]: the nouns and the settings
//! 2. [`storage`]: SQL
//! 3. [`accounts`]: the apps in memory · [`plugins`]: the plugin platform
//! 4. [`dispatch`]: one message in, one reply out
//! 5. [`http`]: the doors
//! 6. [`server`]: everything put together · [`simulator`]: plays WeChat towards it
//! 7. [`cli`], [`telemetry`]: the command

pub mod accounts;
pub mod cli;
pub mod clock;
pub mod config;
pub mod dispatch;
pub mod http;
pub mod model;
pub mod plugins;
pub mod secret;
pub mod server;
pub mod simulator;
pub mod storage;
pub mod telemetry;
pub mod time;
