//! An access token: what opens WeChat's API for one app.

use crate::secret::Secret;

/// An access token, as it was fetched.
#[derive(Debug, Clone, PartialEq)]
pub struct AccessToken {
    /// The token itself.
    pub token: Secret,
    /// Counts the tokens of the app: a later one has a higher number.
    pub version: u64,
    /// When it should be replaced, in seconds since 1970.
    pub refresh_at: u64,
    /// When it ends, in seconds since 1970.
    pub expires_at: u64,
}
