//! Whether a plugin is called.

use serde::Serialize;
use utoipa::ToSchema;

use super::words::words;

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

words!(PluginState { Ready: "ready", Failed: "failed", Disabled: "disabled" });
