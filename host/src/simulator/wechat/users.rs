//! `/cgi-bin/user/…`: who follows the account.

use serde_json::{Value, json};
use weft_wechat::api::user::info::UserProfile;

use super::{
    account::{Account, Answered, INVALID_OPENID, No, Reply, to_json},
    asked::Asked,
};

const MAX_USERS: usize = 100;

impl Account {
    pub(super) fn follow(&mut self, openid: &str, now: u64) {
        let user = self.users.entry(openid.to_owned()).or_insert_with(|| UserProfile {
            openid: openid.to_owned(),
            language: "zh_CN".to_owned(),
            subscribe_scene: "ADD_SCENE_SEARCH".to_owned(),
            ..UserProfile::default()
        });
        (user.subscribe, user.subscribe_time) = (1, now);
    }

    pub(super) fn unfollow(&mut self, openid: &str) {
        if let Some(user) = self.users.get_mut(openid) {
            user.subscribe = 0;
        }
    }
}

pub(super) fn info(account: &mut Account, asked: &Asked, _: u64) -> Answered {
    let openid = asked.parameter("openid");
    if openid.is_empty() {
        return Err(No(41009, "missing openid"));
    }
    account.users.get(openid).map(|user| Reply::Json(told(user))).ok_or(INVALID_OPENID)
}

pub(super) fn batchget(account: &mut Account, asked: &Asked, _: u64) -> Answered {
    let list = asked.json["user_list"].as_array().ok_or(No(40031, "invalid openid list"))?;
    if list.is_empty() || list.len() > MAX_USERS {
        return Err(No(40032, "invalid openid list size"));
    }
    let openids = list.iter().map(|user| user["openid"].as_str().unwrap_or_default());
    let users = openids.map(|openid| account.users.get(openid).map(told).ok_or(INVALID_OPENID));
    Ok(Reply::Json(json!({"user_info_list": users.collect::<Result<Vec<_>, _>>()?})))
}

/// WeChat tells nothing of those who do not follow.
fn told(user: &UserProfile) -> Value {
    if user.subscribe == 0 {
        return json!({"subscribe": 0, "openid": user.openid});
    }
    let mut told = to_json(user);
    if let Some(fields) = told.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    told
}
