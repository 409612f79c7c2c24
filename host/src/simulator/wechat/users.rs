//! `/cgi-bin/user/…`: who follows the account, in the order in which they began to.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use weft_wechat::api::user::{PAGE, info::UserProfile, info_batchget::MAX_USERS, info_updateremark::MAX_REMARK};

use super::{
    Wechat,
    account::{Account, Answered, INVALID_OPENID, INVALID_PARAMETER, No, Reply, done, to_json},
    asked::Asked,
};

const DAY: u64 = 24 * 3600;

/// The users of an account.
#[derive(Default)]
pub(super) struct Users {
    known: BTreeMap<String, Known>,
    /// Followers, by their places.
    followers: BTreeMap<u64, String>,
    last_place: u64,
}

/// A user, who may have left.
struct Known {
    profile: UserProfile,
    /// Later followers have greater ones.
    place: u64,
}

impl Users {
    pub(super) fn get(&self, openid: &str) -> Option<&UserProfile> {
        self.known.get(openid).map(|known| &known.profile)
    }

    pub(super) fn get_mut(&mut self, openid: &str) -> Option<&mut UserProfile> {
        self.known.get_mut(openid).map(|known| &mut known.profile)
    }

    /// All users, those who have left too.
    pub(super) fn all_mut(&mut self) -> impl Iterator<Item = &mut UserProfile> {
        self.known.values_mut().map(|known| &mut known.profile)
    }

    /// Followers, from behind `openid` on, or all when it is empty. None when nobody has ever had that openid.
    pub(super) fn followers(&self, behind: &str) -> Option<impl Iterator<Item = &UserProfile>> {
        let place = if behind.is_empty() { 0 } else { self.known.get(behind)?.place };
        Some(self.followers.range(place + 1..).filter_map(|(_, openid)| self.get(openid)))
    }

    fn insert(&mut self, profile: UserProfile) {
        let openid = profile.openid.clone();
        self.leave(&openid);
        self.last_place += 1;
        if profile.subscribe == 1 {
            self.followers.insert(self.last_place, openid.clone());
        }
        self.known.insert(openid, Known { profile, place: self.last_place });
    }

    pub(super) fn leave(&mut self, openid: &str) {
        if let Some(known) = self.known.get_mut(openid) {
            known.profile.subscribe = 0;
            self.followers.remove(&known.place);
        }
    }
}

impl Account {
    pub(super) fn follow(&mut self, openid: &str, now: u64) {
        let before = self.users.get(openid).cloned().unwrap_or_else(|| UserProfile {
            openid: openid.to_owned(),
            language: "zh_CN".to_owned(),
            subscribe_scene: "ADD_SCENE_SEARCH".to_owned(),
            ..UserProfile::default()
        });
        self.users.insert(UserProfile { subscribe: 1, subscribe_time: now, ..before });
    }
}

/// Of everybody who follows through [`Wechat::follow_many`], by number.
pub fn openid(number: u64) -> String {
    format!("oSimulated{number:018}")
}

impl Wechat {
    /// A user follows the account.
    pub fn follow(&self, appid: &str, openid: &str) {
        self.with(appid, |account, now| account.follow(openid, now));
    }

    /// Many users follow the account, one after the other, since a day; their openids are made from their numbers
    /// ([`openid`]).
    pub fn follow_many(&self, appid: &str, numbers: impl IntoIterator<Item = u64>) {
        self.with(appid, |account, now| {
            for number in numbers {
                account.follow(&openid(number), now.saturating_sub(DAY));
            }
        });
    }

    /// A user leaves the account.
    pub fn unfollow(&self, appid: &str, openid: &str) {
        self.with(appid, |account, _| account.users.leave(openid));
    }

    /// Adds a user with everything that WeChat tells of them, in the place of one with this openid.
    pub fn add_user(&self, appid: &str, user: UserProfile) {
        self.with(appid, |account, _| account.users.insert(user));
    }

    /// What the account knows of a user.
    pub fn user(&self, appid: &str, openid: &str) -> Option<UserProfile> {
        self.with(appid, |account, _| account.users.get(openid).cloned())
    }

    /// The openids of all followers, in the order in which they began to follow.
    pub fn followers(&self, appid: &str) -> Vec<String> {
        self.with(appid, |account, _| account.users.followers.values().cloned().collect())
    }
}

/// A page of a list, of which there may be more.
pub(super) fn page<'a>(total: usize, openids: impl Iterator<Item = &'a str>) -> Reply {
    let openids: Vec<_> = openids.take(PAGE).collect();
    let mut page = json!({
        "total": total, "count": openids.len(), "next_openid": openids.last().copied().unwrap_or_default(),
    });
    if !openids.is_empty() {
        page["data"] = json!({"openid": openids});
    }
    Reply::Json(page)
}

pub(super) fn get(account: &mut Account, asked: &Asked, _: u64) -> Answered {
    let users = &account.users;
    let behind = users.followers(asked.parameter("next_openid")).ok_or(INVALID_OPENID)?;
    Ok(page(users.followers.len(), behind.map(|user| user.openid.as_str())))
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

pub(super) fn update_remark(account: &mut Account, asked: &Asked, _: u64) -> Answered {
    let remark = asked.text("remark");
    if remark.chars().count() > MAX_REMARK {
        return Err(INVALID_PARAMETER);
    }
    let user = account.users.get_mut(asked.text("openid")).filter(|user| user.subscribe == 1);
    remark.clone_into(&mut user.ok_or(INVALID_OPENID)?.remark);
    Ok(done())
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
