//! Users in JSON, and what they are found by.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    http::{AppState, error::Problem},
    model::{User, UserFilter},
    time,
};

/// The most characters of what is searched for.
const SEARCH_CHARACTERS: usize = 128;

/// What is known of a user.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http::admin) struct UserView {
    /// Names the user in this app alone.
    openid: String,
    /// Names the user in all apps of one owner.
    unionid: Option<String>,
    /// Whether they follow the account now, as far as is known.
    subscribed: bool,
    /// RFC 3339: when they last began to follow.
    subscribed_at: Option<String>,
    /// RFC 3339: when they last left.
    unsubscribed_at: Option<String>,
    /// RFC 3339: when they followed for the first time that is known.
    first_subscribed_at: Option<String>,
    /// How they came to follow, such as `ADD_SCENE_QR_CODE`.
    subscribe_scene: Option<String>,
    /// The scene of the QR code by which they came.
    qr_scene: Option<String>,
    nickname: Option<String>,
    avatar_url: Option<String>,
    language: Option<String>,
    /// The account's own name for the user, which WeChat keeps.
    remark: String,
    /// The tags that the account gave the user.
    tags: Vec<UserTagView>,
    /// Whether what they send reaches nobody.
    blacklisted: bool,
    /// A name for the user that WeChat does not know.
    alias: String,
    /// Notes that WeChat does not know.
    comment: String,
    /// RFC 3339: when WeChat last answered a question about the user.
    profile_fetched_at: Option<String>,
    /// RFC 3339: when they were first seen.
    created_at: String,
    /// RFC 3339.
    updated_at: String,
}

/// A tag of a user.
#[derive(Debug, Serialize, ToSchema)]
struct UserTagView {
    id: u32,
    /// Null when the tag is not known here: sync the tags.
    name: Option<String>,
}

/// How users are shown.
pub(super) struct Views {
    names: HashMap<u32, String>,
}

impl Views {
    /// With the tags of the app as they are now.
    pub(super) async fn of(state: &AppState, app: &str) -> Result<Self, Problem> {
        let tags = state.store.tags().list(app).await?;
        Ok(Self { names: tags.into_iter().map(|tag| (tag.id, tag.name)).collect() })
    }

    pub(super) fn view(&self, user: User) -> UserView {
        let tag = |id| UserTagView { id, name: self.names.get(&id).cloned() };
        UserView {
            openid: user.openid,
            unionid: user.unionid,
            subscribed: user.subscribed,
            subscribed_at: user.subscribed_at.map(time::rfc3339),
            unsubscribed_at: user.unsubscribed_at.map(time::rfc3339),
            first_subscribed_at: user.first_subscribed_at.map(time::rfc3339),
            subscribe_scene: user.subscribe_scene,
            qr_scene: user.qr_scene,
            nickname: user.nickname,
            avatar_url: user.avatar_url,
            language: user.language,
            remark: user.remark,
            tags: user.tag_ids.into_iter().map(tag).collect(),
            blacklisted: user.blacklisted,
            alias: user.alias,
            comment: user.comment,
            profile_fetched_at: user.profile_fetched_at.map(time::rfc3339),
            created_at: time::rfc3339(user.created_at),
            updated_at: time::rfc3339(user.updated_at),
        }
    }
}

/// Which users to list; all that is given must fit.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http::admin) struct UserQuery {
    /// The openid, or its beginning.
    openid: Option<String>,
    /// The whole unionid.
    unionid: Option<String>,
    /// A part of the alias.
    alias: Option<String>,
    /// A part of the nickname.
    nickname: Option<String>,
    /// A part of the remark.
    remark: Option<String>,
    /// Whether they follow the account now.
    subscribed: Option<bool>,
    /// Whether they are on the blacklist.
    blacklisted: Option<bool>,
    /// The id of a tag that they have.
    tag: Option<u32>,
    /// The beginning of the openid, the whole unionid, or a part of nickname, remark, alias or comment.
    search: Option<String>,
}

impl UserQuery {
    /// What is empty does not matter: forms send it so.
    pub(super) fn filter(self) -> Result<UserFilter, Problem> {
        let mut errors = Vec::new();
        let mut text = |field: &str, text: Option<String>| {
            let text = text.filter(|text| !text.is_empty())?;
            if text.chars().count() > SEARCH_CHARACTERS {
                errors.push((
                    field.to_owned(),
                    format!("at most {SEARCH_CHARACTERS} characters · 最多 {SEARCH_CHARACTERS} 个字符"),
                ));
            }
            Some(text)
        };
        let filter = UserFilter {
            openid: text("openid", self.openid),
            unionid: text("unionid", self.unionid),
            alias: text("alias", self.alias),
            nickname: text("nickname", self.nickname),
            remark: text("remark", self.remark),
            subscribed: self.subscribed,
            blacklisted: self.blacklisted,
            tag_id: self.tag,
            search: text("search", self.search),
        };
        if errors.is_empty() { Ok(filter) } else { Err(Problem::invalid(errors)) }
    }
}
