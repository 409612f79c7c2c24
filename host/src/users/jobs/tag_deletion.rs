//! Deletes a tag with so many users that WeChat wants it to be taken off them first.

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use weft_wechat::api::user::{OpenidPage, tag_get::GetTagUsers};

use super::super::{BulkChange, UserError, Users};
use crate::{
    jobs::{Running, Work},
    model::JobError,
};

/// The kind of the job. Its key is the tag's id.
pub const TAG_DELETION: &str = "tag_deletion";

/// What to delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagDeletionInput {
    /// Which tag.
    pub tag_id: u32,
}

pub(super) struct TagDeletion(pub(super) Users);

impl Work for TagDeletion {
    fn kind(&self) -> &'static str {
        TAG_DELETION
    }

    fn run<'a>(&'a self, job: &'a Running) -> BoxFuture<'a, Result<Value, JobError>> {
        Box::pin(self.delete(job))
    }
}

impl TagDeletion {
    /// The first page shows each time who is left, so there is nothing to remember but how much is done.
    async fn delete(&self, job: &Running) -> Result<Value, JobError> {
        let users = &self.0;
        let TagDeletionInput { tag_id } = job.input()?;
        let app = job.app().await?;
        let mut done: u64 = job.checkpoint().unwrap_or_default();
        loop {
            match users.delete_tag(&app, tag_id).await {
                // Somebody else may have deleted it.
                Ok(()) | Err(UserError::UnknownTag(_)) => return Ok(json!({"untagged": done})),
                Err(UserError::TooManyUsers) => {}
                Err(error) => return Err(error.into()),
            }
            let OpenidPage { total, data, .. } =
                users.wechat.call(&app, &GetTagUsers { tagid: tag_id, next_openid: "" }).await?;
            let total = (total > 0).then(|| done + total);
            let before = done;
            let change = BulkChange::Untag { tag_id };
            for batch in data.openid.chunks(change.batch()) {
                let refused = users.change_batch(&app, change, batch).await?;
                done += (batch.len() - refused.len()) as u64;
                job.save(&done, done, total).await?;
            }
            if done == before {
                return Err(JobError::failed(
                    "WeChat takes the tag off none of the users whom it lists · 微信列出的用户，标签一个也没有取消",
                ));
            }
        }
    }
}
