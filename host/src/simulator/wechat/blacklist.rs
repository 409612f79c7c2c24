//! `/cgi-bin/tags/members/…blacklist`: whose messages reach nobody.

use std::{
    collections::BTreeSet,
    ops::Bound::{Excluded, Unbounded},
};

use weft_wechat::api::tags::members::batchblacklist::MAX_USERS;

use super::{
    Wechat,
    account::{Account, Answered, Reply, done},
    asked::Asked,
    tags::followers,
    users::page,
};

impl Wechat {
    /// Who is on the blacklist.
    pub fn blacklist(&self, appid: &str) -> BTreeSet<String> {
        self.with(appid, |account, _| account.blacklist.clone())
    }

    /// Puts somebody on the blacklist in WeChat's console, or takes them off it.
    pub fn set_blacklisted(&self, appid: &str, openid: &str, blacklisted: bool) {
        self.with(appid, |account, _| {
            if blacklisted { account.blacklist.insert(openid.to_owned()) } else { account.blacklist.remove(openid) }
        });
    }
}

pub(super) fn get(account: &Account, asked: &Asked) -> Reply {
    let begin = match asked.text("begin_openid") {
        "" => Unbounded,
        openid => Excluded(openid),
    };
    let behind = account.blacklist.range::<str, _>((begin, Unbounded));
    page(account.blacklist.len(), behind.map(String::as_str))
}

pub(super) fn add(account: &mut Account, asked: &Asked, _: u64) -> Answered {
    let openids = followers(account, asked, MAX_USERS)?;
    account.blacklist.extend(openids);
    Ok(done())
}

pub(super) fn remove(account: &mut Account, asked: &Asked, _: u64) -> Answered {
    for openid in followers(account, asked, MAX_USERS)? {
        account.blacklist.remove(&openid);
    }
    Ok(done())
}
