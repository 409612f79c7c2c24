//! POST /cgi-bin/stable_token

use std::fmt;

use serde::Serialize;

use super::token::TokenAnswer;
use super::{Ability, Body, Endpoint, Method};

/// Asks for the account's stable access token: the same one until five minutes before it ends. It leaves tokens of
/// [`Token`](super::token::Token) alone.
#[derive(Clone, Copy, Serialize)]
pub struct StableToken<'a> {
    grant_type: &'static str,
    appid: &'a str,
    secret: &'a str,
    force_refresh: bool,
}

impl<'a> StableToken<'a> {
    /// The token as it is.
    pub fn new(appid: &'a str, secret: &'a str) -> Self {
        Self { grant_type: "client_credential", appid, secret, force_refresh: false }
    }

    /// Ends the token and asks for another; 20 times a day and every 30 seconds at most.
    #[must_use]
    pub fn forced(self) -> Self {
        Self { force_refresh: true, ..self }
    }
}

impl fmt::Debug for StableToken<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "StableToken({}, forced: {})", self.appid, self.force_refresh)
    }
}

impl Endpoint for StableToken<'_> {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/cgi-bin/stable_token";
    const NEEDS: Ability = Ability::Api;
    const IDEMPOTENT: bool = true;
    const MAX_ANSWER: usize = 64 << 10;
    type Answer = TokenAnswer;

    fn body(&self) -> Result<Body, serde_json::Error> {
        Body::json(self)
    }
}
