//! `[pay]`: where WeChat Pay is.

use serde::Deserialize;

use super::key::{Expects, Key};

/// The host of WeChat Pay; tests point it at a simulator.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PayConfig {
    /// Calls of WeChat Pay, v2 and v3.
    pub api_base: String,
}

pub(super) const KEYS: &[Key] = &[Key::new("pay.api_base", Expects::BaseUrl)];

impl Default for PayConfig {
    fn default() -> Self {
        Self { api_base: "https://api.mch.weixin.qq.com".to_owned() }
    }
}
