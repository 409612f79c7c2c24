//! Whether a plugin is called.

use serde::Serialize;
use utoipa::ToSchema;

/// What becomes of calls of a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PluginState {
    /// A version of it answers them.
    Ready,
    /// None of its versions is good.
    Failed,
    /// The operator has switched it off.
    Disabled,
}

impl PluginState {
    /// The text in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Failed => "failed",
            Self::Disabled => "disabled",
        }
    }
}
