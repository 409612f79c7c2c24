//! POST /cgi-bin/openapi/rid/get

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::api::{Ability, Body, Endpoint, Method};

/// Asks what WeChat knows of a request that it refused in the last days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RidGet<'a> {
    /// What stands behind `rid:` in `errmsg`.
    pub rid: &'a str,
}

/// WeChat's answer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RidAnswer {
    /// The request.
    pub request: RefusedRequest,
}

/// A request as WeChat remembers it. Its texts may hold tokens and secrets: they do not print.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct RefusedRequest {
    /// Seconds since 1970.
    pub invoke_time: u64,
    /// Milliseconds.
    pub cost_in_ms: u64,
    /// The query, or the whole URL.
    pub request_url: String,
    /// What was asked.
    pub request_body: String,
    /// What WeChat answered.
    pub response_body: String,
    /// Where the request came from.
    pub client_ip: String,
}

impl fmt::Debug for RefusedRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "RefusedRequest({})", self.invoke_time)
    }
}

impl Endpoint for RidGet<'_> {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/cgi-bin/openapi/rid/get";
    const NEEDS: Ability = Ability::Api;
    const IDEMPOTENT: bool = true;
    type Answer = RidAnswer;

    fn body(&self) -> Result<Body, serde_json::Error> {
        Body::json(self)
    }
}
