//! GET /cgi-bin/user/get

use super::OpenidPage;
use crate::api::{Ability, Endpoint, Method};

/// Asks who follows the account, [`PAGE`](super::PAGE) at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GetUsers<'a> {
    /// Whom the page begins behind; empty for the first.
    pub next_openid: &'a str,
}

impl Endpoint for GetUsers<'_> {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/cgi-bin/user/get";
    const NEEDS: Ability = Ability::Users;
    const IDEMPOTENT: bool = true;
    type Answer = OpenidPage;

    fn query(&self) -> Vec<(&'static str, String)> {
        vec![("next_openid", self.next_openid.to_owned())]
    }
}
