//! Changes of one user. WeChat hears of them first.

use weft_wechat::api::{
    tags::{
        MAX_OF_USER,
        members::{batchtagging::BatchTagging, batchuntagging::BatchUntagging},
    },
    user::{info::UserInfo, info_updateremark::UpdateRemark},
};

use super::{
    UserError, Users,
    at_wechat::profile,
    error::{about_tag, about_user},
};
use crate::{
    model::{App, User, UserChange, is_openid},
    storage::StoreError,
    upstream::CallError,
};

impl Users {
    /// Sets the account's own name for a user, at most 30 characters; empty takes it away.
    ///
    /// # Errors
    /// Why nothing has changed.
    pub async fn set_remark(&self, app: &App, openid: &str, remark: &str) -> Result<User, UserError> {
        let change = UserChange { remark: Some(remark.to_owned()), ..UserChange::default() };
        self.change(app, openid, &change).await
    }

    /// Changes what is noted of a user: the remark at WeChat, too.
    ///
    /// # Errors
    /// Why nothing has changed.
    pub async fn change(&self, app: &App, openid: &str, change: &UserChange) -> Result<User, UserError> {
        let wrong = change.check();
        if !wrong.is_empty() {
            return Err(UserError::Invalid(wrong));
        }
        self.known(app, openid).await?;
        if let Some(remark) = &change.remark {
            let told = self.wechat.call(app, &UpdateRemark { openid, remark }).await;
            self.when_unsure(app, openid, told).await?.map_err(about_user(openid))?;
        }
        let changed = self.in_turn.ask(self.store.users().change(&app.name, openid, change)).await?;
        changed.ok_or_else(|| UserError::UnknownUser(openid.to_owned()))
    }

    /// Gives a user a tag.
    ///
    /// # Errors
    /// Why nothing has changed.
    pub async fn add_tag(&self, app: &App, openid: &str, tag_id: u32) -> Result<User, UserError> {
        let user = self.known(app, openid).await?;
        self.known_tag(app, tag_id).await?;
        if user.tag_ids.len() >= MAX_OF_USER && !user.tag_ids.contains(&tag_id) {
            return Err(UserError::TooManyTags);
        }
        let openid_list = &[openid.to_owned()][..];
        let told = self.wechat.call(app, &BatchTagging { openid_list, tagid: tag_id }).await;
        self.when_unsure(app, openid, told).await?.map_err(about_tag_of(openid, tag_id))?;
        self.in_turn.ask(self.store.users().tag(&app.name, tag_id, openid_list)).await?;
        self.known(app, openid).await
    }

    /// Takes a tag off a user.
    ///
    /// # Errors
    /// Why nothing has changed.
    pub async fn remove_tag(&self, app: &App, openid: &str, tag_id: u32) -> Result<User, UserError> {
        self.known(app, openid).await?;
        self.known_tag(app, tag_id).await?;
        let openid_list = &[openid.to_owned()][..];
        let told = self.wechat.call(app, &BatchUntagging { openid_list, tagid: tag_id }).await;
        self.when_unsure(app, openid, told).await?.map_err(about_tag_of(openid, tag_id))?;
        self.in_turn.ask(self.store.users().untag(&app.name, tag_id, openid_list)).await?;
        self.known(app, openid).await
    }

    /// Asks WeChat about a user, whether or not they are known, and stores what it tells.
    ///
    /// # Errors
    /// Why nothing is known but what was.
    pub async fn fetch(&self, app: &App, openid: &str) -> Result<User, UserError> {
        if !is_openid(openid) {
            return Err(UserError::UnknownUser(openid.to_owned()));
        }
        let asked_at = self.clock.now();
        let told = self.wechat.call(app, &UserInfo { openid }).await.map_err(about_user(openid))?;
        let told = [profile(told)];
        self.learn_tags(app, &told).await;
        let users = self.store.users();
        self.in_turn.ask(users.seen(&app.name, openid, false)).await?;
        self.in_turn.ask(users.apply_profiles(&app.name, asked_at, &told)).await?;
        self.known(app, openid).await
    }

    async fn known(&self, app: &App, openid: &str) -> Result<User, UserError> {
        let user = self.in_turn.ask(self.store.users().find(&app.name, openid)).await?;
        user.ok_or_else(|| UserError::UnknownUser(openid.to_owned()))
    }

    /// WeChat may have done what was asked without saying so: then it is asked what is so.
    async fn when_unsure<T>(
        &self,
        app: &App,
        openid: &str,
        told: Result<T, CallError>,
    ) -> Result<Result<T, CallError>, StoreError> {
        if told.as_ref().is_err_and(CallError::outcome_is_unknown) {
            self.in_turn.ask(self.store.users().modified(&app.name, openid)).await?;
        }
        Ok(told)
    }
}

fn about_tag_of(openid: &str, tag_id: u32) -> impl FnOnce(CallError) -> UserError {
    move |error| match about_user(openid)(error) {
        UserError::Call(error) => about_tag(tag_id)(error),
        error => error,
    }
}
