//! Takes over who has a tag.

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    super::Users,
    walk::{List, Walk},
};
use crate::{
    jobs::{Running, Work},
    model::JobError,
};

/// The kind of the job. Its key is the tag's id.
pub const TAG_USER_SYNC: &str = "tag_user_sync";

/// What to take over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagUserSyncInput {
    /// Which tag.
    pub tag_id: u32,
    /// Whether WeChat is asked about each of them, too.
    pub details: bool,
}

pub(super) struct TagUserSync(pub(super) Users);

impl Work for TagUserSync {
    fn kind(&self) -> &'static str {
        TAG_USER_SYNC
    }

    fn run<'a>(&'a self, job: &'a Running) -> BoxFuture<'a, Result<Value, JobError>> {
        Box::pin(self.sync(job))
    }
}

impl TagUserSync {
    async fn sync(&self, job: &Running) -> Result<Value, JobError> {
        let users = &self.0;
        let TagUserSyncInput { tag_id, details } = job.input()?;
        let app = job.app().await?;
        users.known_tag(&app, tag_id).await?;
        let mut walk = match job.checkpoint() {
            Some(walk) => walk,
            None => Walk::begin(users, &app, String::new()).await?,
        };
        walk.go_through(users, &app, job, List::WithTag(tag_id), details).await?;
        users.store.users().untag_all(&app.name, tag_id, Some(walk.run)).await?;
        Ok(json!({"listed": walk.done}))
    }
}
