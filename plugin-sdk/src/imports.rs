//! Where calls to the host go: out of the component, or to the host that stands in for it in the
//! tests of plugins.

#[cfg(target_family = "wasm")]
pub(crate) use crate::bindings::imported::{config, context, http, kv, log, messages, orders, pay, users, wechat};
#[cfg(not(target_family = "wasm"))]
pub(crate) use crate::testing::imports::{config, context, http, kv, log, messages, orders, pay, users, wechat};
