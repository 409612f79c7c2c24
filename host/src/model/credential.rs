//! What WeChat hands out for a while: access tokens, and the tickets of the JS-SDK.

use weft_wechat::api::ticket::TicketType;

use crate::secret::Secret;

/// What a credential opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CredentialKind {
    /// WeChat's API.
    AccessToken,
    /// The JS-SDK.
    Ticket(TicketType),
}

impl CredentialKind {
    /// The text in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AccessToken => "access_token",
            Self::Ticket(ticket_type) => ticket_type.as_str(),
        }
    }
}

/// A credential, as it was fetched.
#[derive(Debug, Clone, PartialEq)]
pub struct Credential {
    /// The token or ticket itself.
    pub secret: Secret,
    /// Counts those of the app and kind: a later one has a higher number.
    pub version: u64,
    /// When it should be replaced, in seconds since 1970.
    pub refresh_at: u64,
    /// When it ends, in seconds since 1970.
    pub expires_at: u64,
}
