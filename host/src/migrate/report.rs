//! What a migration has done, or would do. It is also the checkpoint of its job.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

/// What was copied, what was there already, and what could not be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationReport {
    /// The name of the other app.
    pub from: String,
    /// Whether nothing was changed.
    pub dry_run: bool,
    /// None when they were not asked for.
    pub handlers: Option<HandlerReport>,
    /// None when they were not asked for.
    pub menus: Option<MenuReport>,
    /// How many files were uploaded, or would be.
    pub uploaded: usize,
}

/// What became of the handlers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandlerReport {
    /// New ones.
    pub copied: Vec<MigratedHandler>,
    /// They are there, and the same.
    pub unchanged: Vec<MigratedHandler>,
    /// They are there, and different: they stay as they are.
    pub kept: Vec<LeftHandler>,
    /// They cannot be copied.
    pub failed: Vec<LeftHandler>,
}

/// A handler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigratedHandler {
    /// The same in both apps.
    pub id: String,
    /// What it is called.
    pub name: String,
}

/// A handler that was not copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftHandler {
    /// In the other app.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// What became of the draft of the menus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MenuReport {
    /// In a word.
    pub outcome: MenuOutcome,
    /// Why it was not copied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Buttons and menus that are not in the copy.
    pub left_out: Vec<LeftOut>,
}

/// What became of the draft of the menus, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MenuOutcome {
    /// It is the draft now.
    Copied,
    /// It was the draft already.
    Unchanged,
    /// There is another draft, which stays.
    Kept,
    /// It cannot be copied.
    Failed,
}

/// A part of the menus that is not in the copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Its path in the other app's draft.
    pub field: String,
    /// Why.
    pub reason: String,
}

impl HandlerReport {
    /// The ids of all that it tells of.
    pub(super) fn ids(&self) -> HashSet<String> {
        let there = self.copied.iter().chain(&self.unchanged).map(|handler| &handler.id);
        let left = self.kept.iter().chain(&self.failed).map(|handler| &handler.id);
        there.chain(left).cloned().collect()
    }
}
