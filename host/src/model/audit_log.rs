//! The audit log: who changed what.

use serde_json::{Value, json};

/// How large what was before, and after, may be as JSON, in bytes. Of what is larger only the size is kept.
const DOCUMENT_BYTES: usize = 16 << 10;

/// One change, or something that was handed out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AuditEntry {
    /// Who it was: the name of the token.
    pub actor: String,
    /// The id of the token; none for the command line.
    pub actor_id: Option<String>,
    /// The app that it was done to; none for what belongs to no app.
    pub app: Option<String>,
    /// What was done, as the OpenAPI document names the call: `patch_app`.
    pub action: String,
    /// The path of the request, without its query.
    pub path: String,
    /// The HTTP status that was answered.
    pub status: Option<u16>,
    /// Names the request in the log of the process.
    pub request_id: String,
    /// What was there before, as the API shows it: without secrets.
    pub before: Option<Value>,
    /// What is there now.
    pub after: Option<Value>,
}

/// An entry that was written down.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditRecord {
    /// UUIDs of version 7, so that newer ones are greater.
    pub id: String,
    /// Seconds since 1970.
    pub at: u64,
    /// What happened.
    pub entry: AuditEntry,
}

/// Which entries: those that are all of this.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Of this app.
    pub app: Option<String>,
    /// By a token of this name or id.
    pub actor: Option<String>,
    /// Of this action.
    pub action: Option<String>,
    /// From this time on; seconds since 1970.
    pub since: Option<u64>,
    /// Before this time; seconds since 1970.
    pub until: Option<u64>,
    /// Older than the one with this id.
    pub behind: Option<String>,
}

impl AuditEntry {
    /// The entry with documents that are not too large.
    #[must_use]
    pub fn fitted(self) -> Self {
        Self { before: self.before.map(fitted), after: self.after.map(fitted), ..self }
    }
}

fn fitted(document: Value) -> Value {
    match document.to_string().len() {
        bytes if bytes > DOCUMENT_BYTES => json!({ "bytes": bytes }),
        _ => document,
    }
}
