//! POST /cgi-bin/user/info/batchget

use serde::{Deserialize, Serialize};

use super::info::UserProfile;
use crate::api::{Ability, Body, Endpoint, Method};

/// How many users one call may ask for.
pub const MAX_USERS: usize = 100;

/// Asks what WeChat tells of several users; at most [`MAX_USERS`]. One openid that is not of the account makes WeChat
/// refuse all of them (40003).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserInfoBatchget<'a> {
    /// Their openids.
    pub openids: Vec<&'a str>,
}

/// What WeChat tells of several users.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct UserProfiles {
    /// As they were asked for; nobody promises the order.
    pub user_info_list: Vec<UserProfile>,
}

impl Endpoint for UserInfoBatchget<'_> {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/cgi-bin/user/info/batchget";
    const NEEDS: Ability = Ability::Users;
    const IDEMPOTENT: bool = true;
    type Answer = UserProfiles;

    fn body(&self) -> Result<Body, serde_json::Error> {
        #[derive(Serialize)]
        struct List<'a> {
            user_list: Vec<User<'a>>,
        }
        #[derive(Serialize)]
        struct User<'a> {
            openid: &'a str,
            lang: &'static str,
        }
        let user_list = self.openids.iter().map(|openid| User { openid, lang: "zh_CN" }).collect();
        Body::json(&List { user_list })
    }
}
