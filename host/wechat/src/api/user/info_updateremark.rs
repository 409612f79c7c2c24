//! POST /cgi-bin/user/info/updateremark

use serde::Serialize;

use crate::api::{Ability, Body, Done, Endpoint, Method};

/// The most characters of a remark.
pub const MAX_REMARK: usize = 30;

/// Sets the account's own name for a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct UpdateRemark<'a> {
    /// Who.
    pub openid: &'a str,
    /// Empty takes the one before away.
    pub remark: &'a str,
}

impl Endpoint for UpdateRemark<'_> {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/cgi-bin/user/info/updateremark";
    const NEEDS: Ability = Ability::Users;
    const IDEMPOTENT: bool = true;
    type Answer = Done;

    fn body(&self) -> Result<Body, serde_json::Error> {
        Body::json(self)
    }
}
