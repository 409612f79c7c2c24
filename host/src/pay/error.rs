//! Why what was asked for with an order was not done.

use crate::model::FieldError;
use crate::storage::StoreError;
use crate::upstream::PayError;

/// Why nothing became of a wish about an order.
#[derive(Debug, thiserror::Error)]
pub enum PayActionError {
    /// The order is not where it would have to be.
    #[error("{0}")]
    State(String),
    /// Something that was asked for cannot be.
    #[error("what was asked for cannot be")]
    Invalid(Vec<FieldError>),
    /// There is another one of that number.
    #[error("{0}")]
    Conflict(String),
    /// WeChat Pay.
    #[error(transparent)]
    Gateway(#[from] PayError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}
