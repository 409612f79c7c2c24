//! Changes of many users, as many in a call as WeChat takes. WeChat hears of them first.

use serde::{Deserialize, Serialize};
use weft_wechat::api::tags::members::{
    batchblacklist::{self, BatchBlacklist},
    batchtagging::{self, BatchTagging},
    batchunblacklist::BatchUnblacklist,
    batchuntagging::BatchUntagging,
};

use super::{
    UserError, Users,
    error::{about_tag, is_about_a_user},
    halves::Halves,
};
use crate::{
    model::{App, FieldError, is_openid},
    storage::StoreError,
    upstream::CallError,
};

/// What to do with each of many users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum BulkChange {
    /// Gives them a tag.
    Tag {
        /// Which.
        tag_id: u32,
    },
    /// Takes a tag off them.
    Untag {
        /// Which.
        tag_id: u32,
    },
    /// Puts them on the blacklist: what they send reaches nobody.
    Blacklist,
    /// Takes them off the blacklist.
    Unblacklist,
}

/// What has come of it.
#[derive(Debug, Default)]
pub struct BulkOutcome {
    /// How many users were changed.
    pub done: usize,
    /// Whom WeChat has refused.
    pub failed: Vec<RefusedUser>,
}

/// A user whom WeChat has refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedUser {
    /// Who.
    pub openid: String,
    /// WeChat's code.
    pub errcode: i64,
    /// What it means, in both languages.
    pub error: String,
}

impl BulkChange {
    /// How many users one call takes.
    pub fn batch(self) -> usize {
        match self {
            Self::Tag { .. } | Self::Untag { .. } => batchtagging::MAX_USERS,
            Self::Blacklist | Self::Unblacklist => batchblacklist::MAX_USERS,
        }
    }

    fn tag_id(self) -> Option<u32> {
        match self {
            Self::Tag { tag_id } | Self::Untag { tag_id } => Some(tag_id),
            Self::Blacklist | Self::Unblacklist => None,
        }
    }
}

impl Users {
    /// Changes users, one after the other as far as it goes.
    ///
    /// # Errors
    /// Why nothing has changed, or not all.
    pub async fn change_many(
        &self,
        app: &App,
        change: BulkChange,
        openids: &[String],
    ) -> Result<BulkOutcome, UserError> {
        self.check_many(app, change, openids).await?;
        let mut outcome = BulkOutcome::default();
        for batch in openids.chunks(change.batch()) {
            match self.change_batch(app, change, batch).await {
                Ok(failed) => {
                    outcome.done += batch.len() - failed.len();
                    outcome.failed.extend(failed);
                }
                Err(UserError::Call(error)) if outcome.done > 0 => {
                    let (done, total) = (outcome.done, openids.len());
                    return Err(UserError::Unfinished { done, total, error });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(outcome)
    }

    /// Whether the change may be begun.
    ///
    /// # Errors
    /// What stands against it.
    pub async fn check_many(&self, app: &App, change: BulkChange, openids: &[String]) -> Result<(), UserError> {
        if openids.is_empty() {
            return Err(UserError::Invalid(vec![FieldError::new("openids", "one at least")]));
        }
        if let Some(wrong) = openids.iter().position(|openid| !is_openid(openid)) {
            return Err(UserError::Invalid(vec![FieldError::new(format!("openids[{wrong}]"), "not an openid")]));
        }
        if let Some(tag_id) = change.tag_id() {
            self.known_tag(app, tag_id).await?;
        }
        Ok(())
    }

    /// Changes at most [`batch`](BulkChange::batch) users; gives those whom WeChat refuses.
    pub(super) async fn change_batch(
        &self,
        app: &App,
        change: BulkChange,
        openids: &[String],
    ) -> Result<Vec<RefusedUser>, UserError> {
        let mut refused = Vec::new();
        let mut halves = Halves::of(openids.to_vec());
        while let Some(batch) = halves.next() {
            match self.call_for(app, change, &batch).await {
                Ok(()) => self.store_change(app, change, &batch).await?,
                Err(error) if is_about_a_user(&error) => {
                    refused.extend(halves.split(batch).map(|openid| RefusedUser {
                        openid,
                        errcode: error.errcode().unwrap_or_default(),
                        error: error.explained(),
                    }));
                }
                Err(error) => {
                    return Err(match change.tag_id() {
                        Some(id) => about_tag(id)(error),
                        None => UserError::Call(error),
                    });
                }
            }
        }
        Ok(refused)
    }

    async fn call_for(&self, app: &App, change: BulkChange, openid_list: &[String]) -> Result<(), CallError> {
        let wechat = &self.wechat;
        match change {
            BulkChange::Tag { tag_id: tagid } => wechat.call(app, &BatchTagging { openid_list, tagid }).await,
            BulkChange::Untag { tag_id: tagid } => wechat.call(app, &BatchUntagging { openid_list, tagid }).await,
            BulkChange::Blacklist => wechat.call(app, &BatchBlacklist { openid_list }).await,
            BulkChange::Unblacklist => wechat.call(app, &BatchUnblacklist { openid_list }).await,
        }
        .map(drop)
    }

    async fn store_change(&self, app: &App, change: BulkChange, openids: &[String]) -> Result<(), StoreError> {
        let users = self.store.users();
        match change {
            BulkChange::Tag { tag_id } => users.tag(&app.name, tag_id, openids).await,
            BulkChange::Untag { tag_id } => users.untag(&app.name, tag_id, openids).await,
            BulkChange::Blacklist => users.blacklist(&app.name, openids).await,
            BulkChange::Unblacklist => users.unblacklist(&app.name, openids).await,
        }
    }
}
