//! Takes over who is on the blacklist.

use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::{
    super::Users,
    walk::{List, Walk},
};
use crate::{
    jobs::{Running, Work},
    model::JobError,
};

/// The kind of the job.
pub const BLACKLIST_SYNC: &str = "blacklist_sync";

pub(super) struct BlacklistSync(pub(super) Users);

impl Work for BlacklistSync {
    fn kind(&self) -> &'static str {
        BLACKLIST_SYNC
    }

    fn run<'a>(&'a self, job: &'a Running) -> BoxFuture<'a, Result<Value, JobError>> {
        Box::pin(self.sync(job))
    }
}

impl BlacklistSync {
    async fn sync(&self, job: &Running) -> Result<Value, JobError> {
        let users = &self.0;
        let app = job.app().await?;
        let mut walk = match job.checkpoint() {
            Some(walk) => walk,
            None => Walk::begin(users, &app, String::new()).await?,
        };
        walk.go_through(users, &app, job, List::Blacklist, false).await?;
        users.store.users().unblacklist_before(&app.name, walk.run).await?;
        Ok(json!({"listed": walk.done}))
    }
}
