//! The tags of an account. WeChat hears of changes first.

use std::collections::BTreeSet;

use weft_wechat::api::{
    self,
    tags::{create::CreateTag, delete::DeleteTag, get::GetTags, update::UpdateTag},
};

use super::{UserError, Users, error::about_tag};
use crate::model::{App, Profile, Tag, check_tag_name, is_system_tag};
use crate::storage::with_causes;

/// How long, in seconds, WeChat is not asked again when it did not know a tag either. Each time twice as long.
const ASK_AGAIN: u64 = 60;

/// What a sync of the tags has done.
#[derive(Debug)]
pub struct TagSync {
    /// The tags as they are now.
    pub tags: Vec<Tag>,
    /// Tags that were known before, and are gone or have another name now. WeChat gives the ids of deleted tags again,
    /// so nobody has them any more as far as is known here.
    pub dropped: Vec<Tag>,
}

impl Users {
    /// Makes a tag.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn create_tag(&self, app: &App, name: &str) -> Result<Tag, UserError> {
        checked(name)?;
        let created = self.wechat.call(app, &CreateTag { name }).await.map_err(UserError::Call)?;
        Ok(self.in_turn.ask(self.store.tags().add(&app.name, created.tag.id, &created.tag.name)).await?)
    }

    /// Gives a tag another name.
    ///
    /// # Errors
    /// Why it has the one it had.
    pub async fn rename_tag(&self, app: &App, id: u32, name: &str) -> Result<Tag, UserError> {
        checked(name)?;
        self.changeable_tag(app, id).await?;
        let told = self.wechat.call(app, &UpdateTag { id, name }).await.map_err(about_tag(id));
        if let Err(UserError::UnknownTag(id)) = told {
            self.store.tags().delete(&app.name, id).await?;
        }
        told?;
        let renamed = self.store.tags().rename(&app.name, id, name).await?;
        renamed.ok_or(UserError::UnknownTag(id))
    }

    /// Deletes a tag, and takes it off its users.
    ///
    /// # Errors
    /// Why it is still there; [`UserError::TooManyUsers`] when WeChat wants it to be taken off users first.
    pub async fn delete_tag(&self, app: &App, id: u32) -> Result<(), UserError> {
        self.changeable_tag(app, id).await?;
        match self.wechat.call(app, &DeleteTag { id }).await.map_err(about_tag(id)) {
            // It is gone already.
            Ok(_) | Err(UserError::UnknownTag(_)) => Ok(self.store.tags().delete(&app.name, id).await?),
            Err(error) => Err(error),
        }
    }

    /// Takes all tags over from WeChat.
    ///
    /// # Errors
    /// Why nothing has changed.
    pub async fn sync_tags(&self, app: &App) -> Result<TagSync, UserError> {
        let told = self.wechat.call(app, &GetTags).await.map_err(UserError::Call)?;
        let synced_at = self.clock.now();
        let tag = |tag: api::tags::Tag| Tag {
            id: tag.id,
            name: tag.name.replace('\0', ""),
            user_count: tag.count,
            synced_at,
        };
        let mut tags: Vec<_> = told.tags.into_iter().map(tag).collect();
        tags.sort_by_key(|tag| tag.id);
        let dropped = self.in_turn.ask(self.store.tags().replace(&app.name, &tags)).await?;
        Ok(TagSync { tags, dropped })
    }

    /// Takes the tags over when a user has one that is not known. A failure costs a name, and the log says so.
    pub(super) async fn learn_tags(&self, app: &App, profiles: &[Profile]) {
        let ids: BTreeSet<u32> =
            profiles.iter().flat_map(|profile| profile.tag_ids.iter().flatten()).copied().collect();
        let learnt = async {
            let known = self.in_turn.ask(self.store.tags().list(&app.name)).await?;
            let unknown = ids.into_iter().find(|id| !known.iter().any(|tag| tag.id == *id));
            if let Some(id) = unknown {
                self.known_tag(app, id).await?;
            }
            Ok(())
        };
        match learnt.await {
            Ok(()) | Err(UserError::UnknownTag(_)) => {}
            Err(error) => {
                let error = with_causes(&error);
                tracing::warn!(app = app.name, %error, "users have a tag that is not known, and the tags cannot be synced");
            }
        }
    }

    /// The tag of that id. WeChat is asked for one that is not known, less often while that helps nothing.
    pub(super) async fn known_tag(&self, app: &App, id: u32) -> Result<Tag, UserError> {
        if let Some(tag) = self.in_turn.ask(self.store.tags().find(&app.name, id)).await? {
            return Ok(tag);
        }
        if self.tag_pauses.holds(&app.name, self.clock.now()) {
            return Err(UserError::UnknownTag(id));
        }
        self.tag_pauses.begin(&app.name, self.clock.now(), ASK_AGAIN);
        let synced = self.sync_tags(app).await?;
        let tag = synced.tags.into_iter().find(|tag| tag.id == id).ok_or(UserError::UnknownTag(id))?;
        self.tag_pauses.end(&app.name);
        Ok(tag)
    }

    async fn changeable_tag(&self, app: &App, id: u32) -> Result<Tag, UserError> {
        if is_system_tag(id) {
            return Err(UserError::SystemTag(id));
        }
        self.known_tag(app, id).await
    }
}

fn checked(name: &str) -> Result<(), UserError> {
    let wrong = check_tag_name(name);
    if wrong.is_empty() { Ok(()) } else { Err(UserError::Invalid(wrong)) }
}
