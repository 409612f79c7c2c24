//! The app's users. Needs the grant `users`.
//!
//! [`find`] asks nobody; the other functions ask WeChat, and Weft's own record follows. A user whom neither knows is
//! [`Error::NotFound`]; what WeChat refuses for another reason is [`Error::Wechat`].
//!
//! ```
//! use weft_plugin::{prelude::*, testing::{self, TestHost}};
//!
//! fn is_member(openid: &str) -> Result<bool> {
//!     let user = users::find(openid)?;
//!     Ok(user.is_some_and(|user| user.tags.iter().any(|tag| tag.name == "member")))
//! }
//!
//! TestHost::new().grant_users().user(testing::user("o1"));
//! assert_eq!(is_member("o1"), Ok(false));
//! users::add_tag("o1", "member").unwrap();
//! assert_eq!(is_member("o1"), Ok(true));
//! ```

pub use crate::bindings::imported::users::{Tag, User};
use crate::{error::Error, imports};

/// The user as Weft knows them; asks nobody.
pub fn find(openid: &str) -> Result<Option<User>, Error> {
    imports::users::find(openid)
}

/// Asks WeChat for the user and stores what it says.
pub fn fetch(openid: &str) -> Result<User, Error> {
    imports::users::fetch(openid)
}

/// Sets the account's own name for the user; at most 30 characters.
pub fn set_remark(openid: &str, remark: &str) -> Result<(), Error> {
    imports::users::set_remark(openid, remark)
}

/// Gives the user a tag, which is created when there is none of that name. A name has at most 30
/// characters, and a user at most 20 tags.
pub fn add_tag(openid: &str, name: &str) -> Result<(), Error> {
    imports::users::add_tag(openid, name)
}

/// Takes a tag off the user.
pub fn remove_tag(openid: &str, name: &str) -> Result<(), Error> {
    imports::users::remove_tag(openid, name)
}
