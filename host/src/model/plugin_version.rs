//! Which version of a plugin runs, and where that was decided.

use serde::Serialize;
use utoipa::ToSchema;

use super::words::words;

/// What a plugin is to run, in every process that shares the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginDecision {
    /// The plugin's name.
    pub plugin: String,
    /// Of two decisions the one with the greater number is the newer one.
    pub revision: u64,
    /// The SHA-256 of the file that is to run, in hexadecimal; none for a plugin that was removed.
    pub digest: Option<String>,
    /// Where it comes from.
    pub source: PluginSource,
    /// The digest of the version that a rollback took back. While the folder has a file of this digest, it does not
    /// run.
    pub rolled_back: Option<String>,
    /// Seconds since 1970.
    pub decided_at: u64,
}

/// What changed a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PluginSource {
    /// A file in the plugins folder of some process.
    Folder,
    /// The admin API.
    Upload,
    /// The way back to an earlier version.
    Rollback,
    /// A canary that was promoted.
    Canary,
    /// The admin API took it out.
    Delete,
}

/// A version of a plugin that passed every check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginVersion {
    /// The SHA-256 of the file in hexadecimal.
    pub digest: String,
    /// As the plugin says.
    pub version: String,
    /// Bytes of the file.
    pub size: u64,
    /// Greater for those that came later.
    pub number: u64,
    /// Whether it was ever decided to run for all users; else it was a canary at most.
    pub ran_for_all: bool,
    /// Whether a rollback went behind it since it was last decided to run.
    pub rolled_back: bool,
    /// When it came first; seconds since 1970.
    pub first_at: u64,
}

words!(
    PluginSource { Folder: "folder", Upload: "upload", Rollback: "rollback", Canary: "canary", Delete: "delete" },
    UnknownPluginSource
);

/// A text that names no [`PluginSource`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("one of folder, upload, rollback, canary, delete · 可选 folder、upload、rollback、canary、delete")]
pub struct UnknownPluginSource;
