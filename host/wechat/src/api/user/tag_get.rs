//! POST /cgi-bin/user/tag/get

use serde::Serialize;

use super::OpenidPage;
use crate::api::{Ability, Body, Endpoint, Method};

/// Asks who has a tag, [`PAGE`](super::PAGE) at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct GetTagUsers<'a> {
    /// Which tag.
    pub tagid: u32,
    /// Whom the page begins behind; empty for the first.
    pub next_openid: &'a str,
}

impl Endpoint for GetTagUsers<'_> {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/cgi-bin/user/tag/get";
    const NEEDS: Ability = Ability::Users;
    const IDEMPOTENT: bool = true;
    type Answer = OpenidPage;

    fn body(&self) -> Result<Body, serde_json::Error> {
        Body::json(self)
    }
}
