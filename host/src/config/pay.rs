//! `[pay]`: where WeChat Pay is.

use serde::Deserialize;

use super::key::{Expects, Key};

/// Where WeChat Pay is, and what is done there by itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PayConfig {
    /// Calls of WeChat Pay, v2 and v3; tests point it at a simulator.
    pub api_base: String,
    /// Whether the bills of each day are compared with what is here.
    pub reconcile_daily: bool,
}

pub(super) const KEYS: &[Key] =
    &[Key::new("pay.api_base", Expects::BaseUrl), Key::new("pay.reconcile_daily", Expects::Flag)];

impl Default for PayConfig {
    fn default() -> Self {
        Self { api_base: "https://api.mch.weixin.qq.com".to_owned(), reconcile_daily: true }
    }
}
