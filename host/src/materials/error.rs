//! Why a file is not where it should be.

use super::Use;
use crate::{model::FieldError, storage::StoreError, upstream::CallError};

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum MaterialError {
    /// WeChat would not take the file.
    #[error("the file cannot be uploaded as it is")]
    Invalid(Vec<FieldError>),
    /// The same content is on its way.
    #[error("the same file is being uploaded already: ask again when that is done")]
    Running,
    /// Nobody knows such a material.
    #[error("there is no material `{media_id}`")]
    NotFound {
        /// What was asked for.
        media_id: String,
    },
    /// It is no file.
    #[error("there is no file: {reason}")]
    NoFile {
        /// What it is instead.
        reason: String,
        /// Whether that may be another time although nobody changes anything.
        may_pass: bool,
    },
    /// Something would be without it.
    #[error("the material `{media_id}` is used by {}: take it out there first, or delete it with force", named(.uses))]
    InUse {
        /// Which material.
        media_id: String,
        /// What uses it.
        uses: Vec<Use>,
    },
    /// WeChat did not do it.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A bug.
    #[error("the upload has ended early")]
    Ended(#[source] tokio::task::JoinError),
}

/// What uses something, for people: the first few, and how many more.
pub fn named(uses: &[Use]) -> String {
    const SHOWN: usize = 5;
    let mut names: Vec<String> = uses.iter().take(SHOWN).map(ToString::to_string).collect();
    if uses.len() > SHOWN {
        names.push(format!("{} more", uses.len() - SHOWN));
    }
    names.join(", ")
}
