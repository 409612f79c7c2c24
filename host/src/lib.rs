//! Weft: a WebAssembly plugin host for WeChat.
//!
//! The modules stand on floors; each uses the floors below and none beside or above it
//! (`tests/it/floors.rs` keeps it so):
//!
//! | floor | |
//! |---|---|
//! | 10 | [`cli`], [`telemetry`]: the command |
//! | 9 | [`server`]: everything put together; [`simulator`]: plays WeChat towards it |
//! | 8 | [`http`]: the doors |
//! | 7 | [`dispatch`]: one message in, one reply out; [`migrate`]: from one app to another; [`missing_grants`]: what plugins ask for and apps have not granted; [`order_hooks`]: tells plugins and servers of changed orders |
//! | 6 | [`articles`]: from drafts to readers; [`audit_log`]: who changed what; [`handler_sync`]: WeChat's own auto-replies taken over; [`mass_messages`]: to many followers at once; [`menus`]: between here and WeChat; [`outcomes`]: what became of what was sent; [`plugins`]: the plugin platform; [`sends`]: messages made of templates; [`templates`]: between here and WeChat |
//! | 5 | [`materials`]: files at WeChat, and lists of what is there; [`message_log`]: takes entries and goes on; [`pay`]: orders between here and WeChat Pay; [`users`]: who writes, and the tags they have |
//! | 4 | [`accounts`]: the apps in memory; [`jobs`]: long work that goes on after a crash; [`upstream`]: the servers that we call: WeChat's API, and the operators' own |
//! | 3 | [`storage`]: SQL; [`rules`]: which handler a message is for |
//! | 2 | [`config`], [`model`]: settings, and the nouns of the database |
//! | 1 | [`bilingual`]: texts in two languages; [`clock`], [`histogram`], [`qr_code`], [`time`], [`secret`], [`turns`]; [`failure_lines`]: what failed, in the log, and not too often; [`json_object`]: JSON kept as text; [`losses`]: what is lost, counted for the log; [`newest`]: what has just come, remembered; [`plugin_limits`]: every limit of plugins; [`printable`]: texts of strangers, as they may be shown; [`shares`]: turns for each |
//! | 0 | `weft-wechat`, a crate of its own: WeChat's protocol without I/O |

pub mod accounts;
pub mod articles;
pub mod audit_log;
pub mod bilingual;
pub mod cli;
pub mod clock;
pub mod config;
pub mod dispatch;
pub mod failure_lines;
pub mod handler_sync;
pub mod histogram;
pub mod http;
pub mod jobs;
pub mod json_object;
pub mod losses;
pub mod machine;
pub mod mass_messages;
pub mod materials;
pub mod menus;
pub mod message_log;
pub mod migrate;
pub mod missing_grants;
pub mod model;
pub mod newest;
pub mod order_hooks;
pub mod outcomes;
pub mod pay;
pub mod plugin_limits;
pub mod plugins;
pub mod printable;
pub mod qr_code;
pub mod rules;
pub mod secret;
pub mod sends;
pub mod server;
pub mod shares;
pub mod simulator;
pub mod storage;
pub mod telemetry;
pub mod templates;
pub mod time;
pub mod turns;
pub mod upstream;
pub mod users;
