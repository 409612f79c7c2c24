//! Why articles are not as they should be.

use crate::{
    materials::{Use, named},
    model::FieldError,
    storage::StoreError,
    upstream::CallError,
};

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum ArticleError {
    /// WeChat would not take it.
    #[error("the articles cannot be sent to WeChat as they are")]
    Invalid(Vec<FieldError>),
    /// Another one works on the same draft.
    #[error("the draft is being changed or published already: try again when that is done")]
    Running,
    /// It was handed in, and WeChat has not said what becomes of it.
    #[error("the draft is being published already, as {publish_id}")]
    Publishing {
        /// The publication.
        publish_id: String,
    },
    /// Nobody knows them.
    #[error("there is no {kind} `{id}`")]
    NotFound {
        /// draft, article or publication.
        kind: &'static str,
        /// What was asked for.
        id: String,
    },
    /// Something would be without them.
    #[error("`{id}` is used by {}: take it out there first, or delete it with force", named(.uses))]
    InUse {
        /// What was to be deleted.
        id: String,
        /// What uses it.
        uses: Vec<Use>,
    },
    /// A change has failed on its way.
    #[error("articles[{index}] was not changed: {}. Those before it were", error.explained())]
    Unfinished {
        /// Its place; the first is 0.
        index: usize,
        /// Why.
        error: CallError,
    },
    /// WeChat did not do it.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A bug.
    #[error("the work has ended early")]
    Ended(#[source] tokio::task::JoinError),
}
