//! `/cgi-bin/tags/…` and `/cgi-bin/user/tag/get`: the tags that the account gives its users, with WeChat's limits.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use weft_wechat::api::{
    tags::{LAST_SYSTEM_TAG, MAX_NAME, MAX_OF_USER, MAX_USERS_TO_DELETE, members::batchtagging},
    user::info::UserProfile,
};

use super::{
    Wechat,
    account::{Account, Answered, INVALID_OPENID, No, Reply, done},
    asked::Asked,
    users,
};

/// How many tags an account has beside WeChat's own.
const MOST: usize = 100;
/// Where the ids of an account's own tags begin.
const FIRST: u32 = 100;

const INVALID_TAG: No = No(45159, "invalid tag id");
const SYSTEM_TAG: No = No(45058, "can't modify sys tag");

/// The names of the tags, by id.
pub(super) struct Tags(BTreeMap<u32, String>);

impl Default for Tags {
    fn default() -> Self {
        Self(BTreeMap::from([(LAST_SYSTEM_TAG, "星标组".to_owned())]))
    }
}

impl Tags {
    /// An id that no tag has, perhaps that of one that is gone.
    fn add(&mut self, name: &str) -> u32 {
        let id = (FIRST..u32::MAX).find(|id| !self.0.contains_key(id)).unwrap_or_default();
        self.0.insert(id, name.to_owned());
        id
    }

    fn own(&self, id: u32) -> Result<(), No> {
        match id {
            ..=LAST_SYSTEM_TAG => Err(SYSTEM_TAG),
            id if self.0.contains_key(&id) => Ok(()),
            _ => Err(INVALID_TAG),
        }
    }

    fn check_name(&self, name: &str) -> Result<(), No> {
        if name.is_empty() || self.0.values().any(|taken| taken == name) {
            return Err(No(45157, "invalid tag name"));
        }
        if name.chars().count() > MAX_NAME { Err(No(45158, "tag name too long")) } else { Ok(()) }
    }
}

impl Account {
    pub(super) fn has_tag(&self, id: u32) -> bool {
        self.tags.0.contains_key(&id)
    }

    fn with_tag(&self, id: u32) -> impl Iterator<Item = &UserProfile> {
        let followers = self.users.followers("").into_iter().flatten();
        followers.filter(move |user| user.tagid_list.contains(&id))
    }

    fn drop_tag(&mut self, id: u32) {
        self.tags.0.remove(&id);
        for user in self.users.all_mut() {
            user.tagid_list.retain(|tag| *tag != id);
        }
    }
}

impl Wechat {
    /// Makes a tag in WeChat's console, and gives it to followers; gives its id.
    pub fn add_tag(&self, appid: &str, name: &str, openids: impl IntoIterator<Item = String>) -> u32 {
        self.with(appid, |account, _| {
            let id = account.tags.add(name);
            for openid in openids {
                if let Some(user) = account.users.get_mut(&openid) {
                    user.tagid_list.push(id);
                }
            }
            id
        })
    }

    /// Deletes a tag in WeChat's console. The next new one may have its id.
    pub fn delete_tag(&self, appid: &str, id: u32) {
        self.with(appid, |account, _| account.drop_tag(id));
    }

    /// The names of the account's tags, by id; WeChat's own among them.
    pub fn tags(&self, appid: &str) -> BTreeMap<u32, String> {
        self.with(appid, |account, _| account.tags.0.clone())
    }
}

pub(super) fn get(account: &Account) -> Reply {
    let tag = |(id, name): (&u32, &String)| json!({"id": id, "name": name, "count": account.with_tag(*id).count()});
    Reply::Json(json!({"tags": account.tags.0.iter().map(tag).collect::<Vec<_>>()}))
}

pub(super) fn create(account: &mut Account, asked: &Asked, _: u64) -> Answered {
    let name = asked.json["tag"]["name"].as_str().unwrap_or_default();
    account.tags.check_name(name)?;
    if account.tags.0.len() > MOST {
        return Err(No(45056, "too many tag now, no need to add new"));
    }
    let id = account.tags.add(name);
    Ok(Reply::Json(json!({"tag": {"id": id, "name": name}})))
}

pub(super) fn update(account: &mut Account, asked: &Asked, _: u64) -> Answered {
    let (id, name) = (number(&asked.json["tag"]["id"]), asked.json["tag"]["name"].as_str().unwrap_or_default());
    account.tags.own(id)?;
    if account.tags.0.get(&id).is_none_or(|before| before != name) {
        account.tags.check_name(name)?;
    }
    account.tags.0.insert(id, name.to_owned());
    Ok(done())
}

pub(super) fn delete(account: &mut Account, asked: &Asked, _: u64) -> Answered {
    let id = number(&asked.json["tag"]["id"]);
    account.tags.own(id)?;
    if account.with_tag(id).count() as u64 > MAX_USERS_TO_DELETE {
        return Err(No(45057, "this tag's fans too much, can't delete"));
    }
    account.drop_tag(id);
    Ok(done())
}

pub(super) fn users(account: &mut Account, asked: &Asked, _: u64) -> Answered {
    let id = number(&asked.json["tagid"]);
    if !account.tags.0.contains_key(&id) {
        return Err(INVALID_TAG);
    }
    let behind = account.users.followers(asked.text("next_openid")).ok_or(INVALID_OPENID)?;
    let openids = behind.filter(|user| user.tagid_list.contains(&id)).map(|user| user.openid.as_str());
    Ok(users::page(account.with_tag(id).count(), openids))
}

pub(super) fn batchtagging(account: &mut Account, asked: &Asked, _: u64) -> Answered {
    let (id, openids) = members(account, asked)?;
    let full = |openid: &String| {
        let user = account.users.get(openid);
        user.is_some_and(|user| user.tagid_list.len() >= MAX_OF_USER && !user.tagid_list.contains(&id))
    };
    if openids.iter().any(full) {
        return Err(No(45059, "has too many tags"));
    }
    for openid in openids {
        if let Some(user) = account.users.get_mut(&openid)
            && !user.tagid_list.contains(&id)
        {
            user.tagid_list.push(id);
        }
    }
    Ok(done())
}

pub(super) fn batchuntagging(account: &mut Account, asked: &Asked, _: u64) -> Answered {
    let (id, openids) = members(account, asked)?;
    for openid in openids {
        if let Some(user) = account.users.get_mut(&openid) {
            user.tagid_list.retain(|tag| *tag != id);
        }
    }
    Ok(done())
}

/// The tag and the users of a request, when WeChat would take them.
fn members(account: &Account, asked: &Asked) -> Result<(u32, Vec<String>), No> {
    let id = number(&asked.json["tagid"]);
    let openids = followers(account, asked, batchtagging::MAX_USERS)?;
    if account.tags.0.contains_key(&id) { Ok((id, openids)) } else { Err(INVALID_TAG) }
}

/// The `openid_list` of a request, at most `most`, when all of it is right.
pub(super) fn followers(account: &Account, asked: &Asked, most: usize) -> Result<Vec<String>, No> {
    let list = asked.json["openid_list"].as_array().ok_or(No(40031, "invalid openid list"))?;
    if list.is_empty() || list.len() > most {
        return Err(No(40032, "invalid openid list size"));
    }
    let follower = |openid: &Value| {
        let openid = openid.as_str().filter(|openid| openid.starts_with('o')).ok_or(INVALID_OPENID)?;
        match account.users.get(openid) {
            Some(user) if user.subscribe == 1 => Ok(openid.to_owned()),
            Some(_) => Err(INVALID_OPENID),
            None => Err(No(49003, "not match openid with appid")),
        }
    };
    list.iter().map(follower).collect()
}

fn number(value: &Value) -> u32 {
    value.as_u64().and_then(|number| u32::try_from(number).ok()).unwrap_or(u32::MAX)
}
