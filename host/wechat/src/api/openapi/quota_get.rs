//! POST /cgi-bin/openapi/quota/get

use serde::{Deserialize, Serialize};

use crate::api::{Ability, Body, Endpoint, Method};

/// Asks how often an API may be called today.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct QuotaGet<'a> {
    /// With the slash at the beginning, such as `/cgi-bin/user/info`.
    pub cgi_path: &'a str,
}

/// WeChat's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct QuotaAnswer {
    /// The day's.
    pub quota: Quota,
}

/// How often an API may be called in a day of China.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Quota {
    /// In all.
    pub daily_limit: u64,
    /// So far.
    pub used: u64,
    /// From now on.
    pub remain: u64,
}

impl Endpoint for QuotaGet<'_> {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/cgi-bin/openapi/quota/get";
    const NEEDS: Ability = Ability::Api;
    const IDEMPOTENT: bool = true;
    type Answer = QuotaAnswer;

    fn body(&self) -> Result<Body, serde_json::Error> {
        Body::json(self)
    }
}
