//! POST /cgi-bin/tags/members/getblacklist

use serde::Serialize;

use crate::api::user::OpenidPage;
use crate::api::{Ability, Body, Endpoint, Method};

/// Asks who is on the blacklist, 10 000 at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct GetBlacklist<'a> {
    /// The [`OpenidPage::next_openid`] of the page before; empty for the first.
    pub begin_openid: &'a str,
}

impl Endpoint for GetBlacklist<'_> {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/cgi-bin/tags/members/getblacklist";
    const NEEDS: Ability = Ability::Users;
    const IDEMPOTENT: bool = true;
    type Answer = OpenidPage;

    fn body(&self) -> Result<Body, serde_json::Error> {
        Body::json(self)
    }
}
