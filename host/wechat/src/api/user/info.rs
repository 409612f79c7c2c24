//! GET /cgi-bin/user/info

use serde::{Deserialize, Serialize};

use crate::api::{Ability, Endpoint, Method};

/// Asks what WeChat tells of one user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserInfo<'a> {
    /// The user's openid.
    pub openid: &'a str,
}

/// What WeChat tells of a user. Texts that it leaves out are empty: of users who do not follow there is little more
/// than `openid`, and since 2021 names and pictures are left out for all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UserProfile {
    /// 1 for a follower, 0 for everybody else.
    pub subscribe: u8,
    /// Who it is.
    pub openid: String,
    /// The same person for all accounts of one owner.
    pub unionid: Option<String>,
    /// The name.
    pub nickname: String,
    /// 1 male, 2 female, 0 unknown.
    pub sex: u8,
    /// `zh_CN`
    pub language: String,
    /// The city.
    pub city: String,
    /// The province.
    pub province: String,
    /// The country.
    pub country: String,
    /// The picture.
    pub headimgurl: String,
    /// When they followed, in seconds since 1970; 0 when they do not.
    pub subscribe_time: u64,
    /// The account's remark on the user.
    pub remark: String,
    /// An old way of grouping.
    pub groupid: u32,
    /// The tags.
    pub tagid_list: Vec<u32>,
    /// Where they came from, `ADD_SCENE_…`.
    pub subscribe_scene: String,
    /// The number of the QR code.
    pub qr_scene: u64,
    /// The text of the QR code.
    pub qr_scene_str: String,
}

impl Endpoint for UserInfo<'_> {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/cgi-bin/user/info";
    const NEEDS: Ability = Ability::Users;
    const IDEMPOTENT: bool = true;
    type Answer = UserProfile;

    fn query(&self) -> Vec<(&'static str, String)> {
        vec![("openid", self.openid.to_owned()), ("lang", "zh_CN".to_owned())]
    }
}
