//! `[wechat]`: where WeChat is.

use serde::Deserialize;

use super::key::{Expects, Key};
use crate::secret::Secret;

/// The hosts of WeChat's API; tests point them at a simulator.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WechatConfig {
    /// Calls of the API.
    pub api_base: String,
    /// Pages of web authorization.
    pub open_base: String,
    /// Pictures of QR codes.
    pub mp_base: String,
    /// What calls of these go through, with its password: an http, https or socks5 URL.
    pub proxy: Option<Secret>,
}

pub(super) const KEYS: &[Key] = &[
    Key::new("wechat.api_base", Expects::BaseUrl),
    Key::new("wechat.open_base", Expects::BaseUrl),
    Key::new("wechat.mp_base", Expects::BaseUrl),
    Key::new("wechat.proxy", Expects::ProxyUrl),
];

impl Default for WechatConfig {
    fn default() -> Self {
        Self {
            api_base: "https://api.weixin.qq.com".to_owned(),
            open_base: "https://open.weixin.qq.com".to_owned(),
            mp_base: "https://mp.weixin.qq.com".to_owned(),
            proxy: None,
        }
    }
}
