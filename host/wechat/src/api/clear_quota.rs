//! POST /cgi-bin/clear_quota

use serde::Serialize;

use super::{Ability, Body, Done, Endpoint, Method};

/// Lets all APIs be called as if the day had just begun. WeChat allows it ten times a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ClearQuota<'a> {
    /// The account.
    pub appid: &'a str,
}

impl Endpoint for ClearQuota<'_> {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/cgi-bin/clear_quota";
    const NEEDS: Ability = Ability::Api;
    type Answer = Done;

    fn body(&self) -> Result<Body, serde_json::Error> {
        Body::json(self)
    }
}
