//! What became of a draft that was handed to WeChat to be published.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::words::words;

/// How far a publication has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PublicationState {
    /// WeChat has not said yet what becomes of it.
    Publishing,
    /// Readers see the articles.
    Published,
    /// Somebody else wrote it first.
    OriginalityFailed,
    /// It failed.
    Failed,
    /// WeChat does not allow what is in it.
    Rejected,
    /// It was published, and the author has deleted all of it.
    Deleted,
    /// It was published, and WeChat has taken all of it away.
    Banned,
}

// In the order of WeChat's numbers for them.
words!(PublicationState {
    Published: "published",
    Publishing: "publishing",
    OriginalityFailed: "originality_failed",
    Failed: "failed",
    Rejected: "rejected",
    Deleted: "deleted",
    Banned: "banned",
});

impl PublicationState {
    /// The state for WeChat's `publish_status`; a number that nobody knows is a failure.
    pub fn of_status(status: u32) -> Self {
        let at = usize::try_from(status).unwrap_or(usize::MAX);
        Self::ALL.get(at).copied().unwrap_or(Self::Failed)
    }
}

/// A publication. Times are seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// As WeChat gave it.
    pub publish_id: String,
    /// The draft; none when it was handed in elsewhere.
    pub media_id: Option<String>,
    /// The title of the draft's first article; may be empty.
    pub title: String,
    /// How far it has come.
    pub state: PublicationState,
    /// The articles together, when they were published.
    pub article_id: Option<String>,
    /// The places of the articles that stood against it; the first is 1.
    pub failed_indexes: Vec<u32>,
    /// When it was handed in.
    pub created_at: u64,
    /// When its state last changed.
    pub updated_at: u64,
}

/// What WeChat says of a publication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicationOutcome {
    /// Which.
    pub publish_id: String,
    /// How far it has come.
    pub state: PublicationState,
    /// The articles together, when they were published.
    pub article_id: Option<String>,
    /// The places of the articles that stood against it.
    pub failed_indexes: Vec<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wechats_numbers_stand_for_states() {
        let states: Vec<_> = (0..8).map(|status| PublicationState::of_status(status).as_str()).collect();
        let expected =
            ["published", "publishing", "originality_failed", "failed", "rejected", "deleted", "banned", "failed"];
        assert_eq!(states, expected);
        assert_eq!(PublicationState::of("banned"), Some(PublicationState::Banned));
    }
}
