//! POST /cgi-bin/tags/members/batchuntagging

use serde::Serialize;

use crate::api::{Ability, Body, Done, Endpoint, Method};

/// How many users one call takes.
pub const MAX_USERS: usize = 50;

/// Takes a tag off users. One openid that is not right makes WeChat refuse all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct BatchUntagging<'a> {
    /// Which users; at most [`MAX_USERS`].
    pub openid_list: &'a [String],
    /// Which tag.
    pub tagid: u32,
}

impl Endpoint for BatchUntagging<'_> {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/cgi-bin/tags/members/batchuntagging";
    const NEEDS: Ability = Ability::Users;
    const IDEMPOTENT: bool = true;
    type Answer = Done;

    fn body(&self) -> Result<Body, serde_json::Error> {
        Body::json(self)
    }
}
