//! What WeChat tells of users, as the background asks for it.

use weft_wechat::api::user::{info::UserProfile, info_batchget::UserInfoBatchget};

use super::{FetchError, Users, error::INVALID_OPENID};
use crate::{
    model::{App, Profile},
    storage::with_causes,
    upstream::CallError,
};

impl Users {
    /// Has users looked up at WeChat, for as long as it is polled.
    pub async fn look_up(self) {
        let users = self.clone();
        self.fetch_profiles(move |app, openids| {
            let users = users.clone();
            async move {
                let app =
                    users.store.apps().find(&app).await.map_err(|error| FetchError::Failed(with_causes(&error)))?;
                let Some(app) = app else { return Ok(Vec::new()) };
                Ok(users.ask_about(&app, &openids).await?)
            }
        })
        .await;
    }

    /// What WeChat tells of users, 100 at most, and of nobody else.
    pub(super) async fn ask_about(&self, app: &App, openids: &[String]) -> Result<Vec<Profile>, CallError> {
        let asked = openids.iter().map(String::as_str).collect();
        let answer = self.wechat.call(app, &UserInfoBatchget { openids: asked }).await?;
        let mut profiles: Vec<_> = answer.user_info_list.into_iter().map(profile).collect();
        profiles.retain(|profile| openids.contains(&profile.openid));
        self.learn_tags(app, &profiles).await;
        Ok(profiles)
    }
}

impl From<CallError> for FetchError {
    fn from(error: CallError) -> Self {
        match &error {
            CallError::Unable(inability) => Self::Unable(inability.to_string()),
            _ if error.errcode() == Some(INVALID_OPENID) => Self::InvalidOpenid,
            _ => Self::Failed(with_causes(&error)),
        }
    }
}

/// Of somebody who does not follow WeChat tells little more than the openid: what it leaves out is not known, and not
/// empty.
pub(super) fn profile(user: UserProfile) -> Profile {
    let subscribed = user.subscribe == 1;
    let told = |text: String| (subscribed && !text.is_empty()).then_some(text);
    let qr_scene = match user.qr_scene_str {
        text if !text.is_empty() => Some(text),
        _ => Some(user.qr_scene).filter(|scene| *scene != 0).map(|scene| scene.to_string()),
    };
    Profile {
        openid: user.openid,
        unionid: user.unionid,
        subscribed,
        subscribed_at: Some(user.subscribe_time).filter(|at| *at != 0),
        subscribe_scene: told(user.subscribe_scene),
        qr_scene,
        nickname: told(user.nickname),
        avatar_url: told(user.headimgurl),
        language: told(user.language),
        remark: subscribed.then_some(user.remark),
        tag_ids: subscribed.then_some(user.tagid_list),
    }
}
