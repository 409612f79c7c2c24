//! What WeChat says of users. [`users`](crate::users) has what Weft knows of them, by the grant `users`.
//!
//! ```
//! use weft_plugin::{prelude::*, wechat::user};
//!
//! /// The first followers, 10 000 at most.
//! fn first() -> Result<Vec<String>> {
//!     Ok(user::followers("")?.openids)
//! }
//! ```

use serde::Deserialize;
use serde_json::json;

use super::{Openids, get, post, tell};
use crate::error::Error;

/// A user, as WeChat tells; names and pictures are empty since 2021.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Info {
    /// 1 while they follow; who does not has no more than openid and maybe unionid.
    pub subscribe: u8,
    /// Of the account.
    pub openid: String,
    /// The same for all accounts of one owner.
    pub unionid: Option<String>,
    /// Such as `zh_CN`.
    pub language: String,
    /// Seconds since 1970.
    pub subscribe_time: u64,
    /// The account's own name for them.
    pub remark: String,
    /// The numbers of their tags.
    pub tagid_list: Vec<u32>,
    /// How they came, such as `ADD_SCENE_QR_CODE`.
    pub subscribe_scene: String,
    /// The number in the code that they scanned.
    pub qr_scene: u32,
    /// The text in the code that they scanned.
    pub qr_scene_str: String,
}

impl Info {
    /// Whether they follow the account.
    pub fn is_subscribed(&self) -> bool {
        self.subscribe == 1
    }
}

/// One user: `/cgi-bin/user/info`.
pub fn info(openid: &str) -> Result<Info, Error> {
    get("/cgi-bin/user/info", &[("openid", openid), ("lang", "zh_CN")])
}

/// At most 100 users: `/cgi-bin/user/info/batchget`.
pub fn info_of(openids: &[&str]) -> Result<Vec<Info>, Error> {
    #[derive(Deserialize)]
    struct Infos {
        user_info_list: Vec<Info>,
    }
    let users: Vec<_> = openids.iter().map(|openid| json!({"openid": openid, "lang": "zh_CN"})).collect();
    Ok(post::<Infos>("/cgi-bin/user/info/batchget", &json!({"user_list": users}))?.user_info_list)
}

/// One page of all followers, from behind `after` on; the first with an empty one: `/cgi-bin/user/get`.
pub fn followers(after: &str) -> Result<Openids, Error> {
    let next = [("next_openid", after)];
    get("/cgi-bin/user/get", if after.is_empty() { &[] } else { &next })
}

/// Sets the account's own name for a user; at most 30 characters. Weft's own record of the user follows only when it is
/// set by [`users::set_remark`](crate::users::set_remark): `/cgi-bin/user/info/updateremark`.
pub fn set_remark(openid: &str, remark: &str) -> Result<(), Error> {
    tell("/cgi-bin/user/info/updateremark", &json!({"openid": openid, "remark": remark}))
}
