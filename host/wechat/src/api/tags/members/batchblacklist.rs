//! POST /cgi-bin/tags/members/batchblacklist

use serde::Serialize;

use crate::api::{Ability, Body, Done, Endpoint, Method};

/// How many users one call takes.
pub const MAX_USERS: usize = 20;

/// Puts users on the blacklist: what they send reaches nobody. One openid that is not right makes WeChat refuse all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct BatchBlacklist<'a> {
    /// Which users; at most [`MAX_USERS`].
    pub openid_list: &'a [String],
}

impl Endpoint for BatchBlacklist<'_> {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/cgi-bin/tags/members/batchblacklist";
    const NEEDS: Ability = Ability::Users;
    const IDEMPOTENT: bool = true;
    type Answer = Done;

    fn body(&self) -> Result<Body, serde_json::Error> {
        Body::json(self)
    }
}
