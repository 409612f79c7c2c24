//! A secret in JSON: it can be written and not read.

use serde::Serialize;
use utoipa::ToSchema;

use crate::secret::Secret;

/// A secret can be written and not read.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SecretView {
    /// Whether there is one.
    set: bool,
}

impl From<&Option<Secret>> for SecretView {
    fn from(secret: &Option<Secret>) -> Self {
        Self { set: secret.is_some() }
    }
}
