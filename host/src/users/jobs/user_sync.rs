//! Takes the followers of an account over.

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{
    super::Users,
    walk::{List, Walk},
};
use crate::{
    jobs::{Running, Work},
    model::JobError,
};

/// The kind of the job.
pub const USER_SYNC: &str = "user_sync";

/// What to take over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserSyncInput {
    /// incremental without.
    #[serde(default)]
    pub mode: UserSyncMode,
    /// Whether WeChat is asked about each of them, too; yes where this is left out.
    #[serde(default = "yes")]
    pub details: bool,
}

impl Default for UserSyncInput {
    fn default() -> Self {
        Self { mode: UserSyncMode::default(), details: yes() }
    }
}

fn yes() -> bool {
    true
}

/// Which followers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UserSyncMode {
    /// Those who came since the last sync.
    #[default]
    Incremental,
    /// All. Whoever is not among them follows no more.
    Full,
}

pub(super) struct UserSync(pub(super) Users);

impl Work for UserSync {
    fn kind(&self) -> &'static str {
        USER_SYNC
    }

    fn run<'a>(&'a self, job: &'a Running) -> BoxFuture<'a, Result<Value, JobError>> {
        Box::pin(self.sync(job))
    }
}

impl UserSync {
    async fn sync(&self, job: &Running) -> Result<Value, JobError> {
        let users = &self.0;
        let UserSyncInput { mode, details } = job.input()?;
        let app = job.app().await?;
        let behind = match mode {
            UserSyncMode::Incremental => users.store.users().last_synced(&app.name).await?,
            UserSyncMode::Full => String::new(),
        };
        let mut walk = match job.checkpoint() {
            Some(walk) => walk,
            None => Walk::begin(users, &app, behind).await?,
        };
        walk.go_through(users, &app, job, List::Followers, details).await?;
        let unfollowed = match mode {
            UserSyncMode::Incremental => 0,
            UserSyncMode::Full => users.store.users().unfollow_unseen(&app.name, walk.run, walk.began_at).await?,
        };
        users.store.users().set_last_synced(&app.name, &walk.behind).await?;
        Ok(json!({"listed": walk.done, "unfollowed": unfollowed}))
    }
}
