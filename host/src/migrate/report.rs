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
    pub materials: Option<CopyReport>,
    /// None when they were not asked for.
    pub drafts: Option<CopyReport>,
    /// None when they were not asked for.
    pub handlers: Option<HandlerReport>,
    /// None when they were not asked for.
    pub menus: Option<MenuReport>,
    /// How many files were uploaded, or would be.
    pub uploaded: usize,
}

/// What became of materials, or of drafts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyReport {
    /// How many are new.
    pub copied: u64,
    /// How many are there already.
    pub unchanged: u64,
    /// How many cannot be copied.
    pub failed: u64,
    /// The first of them.
    pub failures: Vec<LeftCopy>,
    /// How far it is: when the last one that was looked at had changed, and its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) after: Option<(u64, String)>,
    /// Whether all were looked at.
    #[serde(default)]
    pub(super) is_over: bool,
}

/// Something that was not copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftCopy {
    /// In the other app.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// How many failures are told one by one.
const FAILURES: usize = 100;

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

impl MigrationReport {
    /// How many materials and drafts were looked at.
    pub(super) fn done(&self) -> u64 {
        let looked_at = |part: &CopyReport| part.copied + part.unchanged + part.failed;
        self.materials.iter().chain(&self.drafts).map(looked_at).sum()
    }

    /// What the operator reads: without where it goes on.
    pub(super) fn finished(mut self) -> Self {
        for part in self.materials.iter_mut().chain(&mut self.drafts) {
            part.after = None;
        }
        self
    }
}

impl CopyReport {
    pub(super) fn fail(&mut self, id: &str, name: &str, reason: String) {
        self.failed += 1;
        if self.failures.len() < FAILURES {
            self.failures.push(LeftCopy { id: id.to_owned(), name: name.to_owned(), reason });
        }
    }
}

impl HandlerReport {
    /// The ids of all that it tells of.
    pub(super) fn ids(&self) -> HashSet<String> {
        let there = self.copied.iter().chain(&self.unchanged).map(|handler| &handler.id);
        let left = self.kept.iter().chain(&self.failed).map(|handler| &handler.id);
        there.chain(left).cloned().collect()
    }
}
