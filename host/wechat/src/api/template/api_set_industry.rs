//! POST /cgi-bin/template/api_set_industry

use serde::Serialize;

use crate::api::{Ability, Body, Done, Endpoint, Method};

/// Sets the industries (行业) of the account, which decide what templates its library has. WeChat takes one change a
/// month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SetIndustry<'a> {
    /// WeChat's number of the first industry, such as `1`.
    pub industry_id1: &'a str,
    /// WeChat's number of the second.
    pub industry_id2: &'a str,
}

impl Endpoint for SetIndustry<'_> {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/cgi-bin/template/api_set_industry";
    const NEEDS: Ability = Ability::Templates;
    const IDEMPOTENT: bool = true;
    type Answer = Done;

    fn body(&self) -> Result<Body, serde_json::Error> {
        Body::json(self)
    }
}
