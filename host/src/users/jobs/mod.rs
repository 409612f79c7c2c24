//! What takes long with users and tags, as jobs.

mod blacklist;
mod bulk;
mod tag_deletion;
mod tag_users;
mod user_sync;
mod walk;

use crate::{jobs::Work, model::JobError};

use super::{UserError, Users};

pub use blacklist::BLACKLIST_SYNC;
pub use bulk::{BULK, BulkInput};
pub use tag_deletion::{TAG_DELETION, TagDeletionInput};
pub use tag_users::{TAG_USER_SYNC, TagUserSyncInput};
pub use user_sync::{USER_SYNC, UserSyncInput, UserSyncMode};

impl Users {
    /// The works of all kinds that there are for users.
    pub fn works(&self) -> Vec<Box<dyn Work>> {
        vec![
            Box::new(user_sync::UserSync(self.clone())),
            Box::new(tag_users::TagUserSync(self.clone())),
            Box::new(tag_deletion::TagDeletion(self.clone())),
            Box::new(blacklist::BlacklistSync(self.clone())),
            Box::new(bulk::Bulk(self.clone())),
        ]
    }
}

impl From<UserError> for JobError {
    fn from(error: UserError) -> Self {
        match error {
            UserError::Call(error) | UserError::Unfinished { error, .. } => error.into(),
            UserError::Store(error) => error.into(),
            error => Self::failed(error.to_string()),
        }
    }
}
