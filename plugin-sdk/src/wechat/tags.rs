//! Tags of users (标签), by their numbers. [`users`](crate::users) tags by name, and Weft's own record of
//! the user follows.
//!
//! ```
//! use weft_plugin::{prelude::*, wechat::tags};
//!
//! /// Tags many at once; WeChat takes 50 a call.
//! fn tag_all(name: &str, openids: &[&str]) -> Result<()> {
//!     let known = tags::list()?.into_iter().find(|tag| tag.name == name);
//!     let tag = known.map_or_else(|| tags::create(name), Ok)?;
//!     for some in openids.chunks(50) {
//!         tags::tag_users(tag.id, some)?;
//!     }
//!     Ok(())
//! }
//! ```

use serde::Deserialize;
use serde_json::json;

use super::{Openids, get, post, tell};
use crate::error::Error;

/// A tag; 0, 1 and 2 are WeChat's own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Tag {
    /// By which it is addressed.
    pub id: u32,
    /// At most 30 characters.
    pub name: String,
    /// How many users have it.
    #[serde(default)]
    pub count: u64,
}

/// All tags of the account: `/cgi-bin/tags/get`.
pub fn list() -> Result<Vec<Tag>, Error> {
    #[derive(Deserialize)]
    struct Tags {
        tags: Vec<Tag>,
    }
    Ok(get::<Tags>("/cgi-bin/tags/get", &[])?.tags)
}

/// Makes a tag, of which an account has at most 100: `/cgi-bin/tags/create`.
pub fn create(name: &str) -> Result<Tag, Error> {
    #[derive(Deserialize)]
    struct Created {
        tag: Tag,
    }
    Ok(post::<Created>("/cgi-bin/tags/create", &json!({"tag": {"name": name}}))?.tag)
}

/// Renames a tag: `/cgi-bin/tags/update`.
pub fn rename(id: u32, name: &str) -> Result<(), Error> {
    tell("/cgi-bin/tags/update", &json!({"tag": {"id": id, "name": name}}))
}

/// Deletes a tag; WeChat may use its number again: `/cgi-bin/tags/delete`.
pub fn delete(id: u32) -> Result<(), Error> {
    tell("/cgi-bin/tags/delete", &json!({"tag": {"id": id}}))
}

/// Gives a tag to at most 50 users: `/cgi-bin/tags/members/batchtagging`.
pub fn tag_users(id: u32, openids: &[&str]) -> Result<(), Error> {
    tell("/cgi-bin/tags/members/batchtagging", &json!({"tagid": id, "openid_list": openids}))
}

/// Takes a tag off at most 50 users: `/cgi-bin/tags/members/batchuntagging`.
pub fn untag_users(id: u32, openids: &[&str]) -> Result<(), Error> {
    tell("/cgi-bin/tags/members/batchuntagging", &json!({"tagid": id, "openid_list": openids}))
}

/// The numbers of a user's tags: `/cgi-bin/tags/getidlist`.
pub fn of_user(openid: &str) -> Result<Vec<u32>, Error> {
    #[derive(Deserialize)]
    struct Ids {
        tagid_list: Vec<u32>,
    }
    Ok(post::<Ids>("/cgi-bin/tags/getidlist", &json!({"openid": openid}))?.tagid_list)
}

/// One page of the users who have a tag, from behind `after` on; the first with an empty one:
/// `/cgi-bin/user/tag/get`.
pub fn users(id: u32, after: &str) -> Result<Openids, Error> {
    post("/cgi-bin/user/tag/get", &json!({"tagid": id, "next_openid": after}))
}
