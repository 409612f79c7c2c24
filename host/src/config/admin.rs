//! `[admin]`: the console.

use serde::Deserialize;

use super::key::{Expects, Key};

/// The console's sessions.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdminConfig {
    /// Whether session cookies go over plain HTTP too; they are Secure otherwise.
    pub allow_insecure_http: bool,
}

pub(super) const KEYS: &[Key] = &[Key::new("admin.allow_insecure_http", Expects::Flag)];
