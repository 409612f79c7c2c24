//! GET /cgi-bin/token

use std::fmt;

use serde::Deserialize;
use zeroize::ZeroizeOnDrop;

use super::{Ability, Endpoint, Method};

/// Asks for a new access token. Every call ends the token before it, five minutes later.
#[derive(Clone, Copy)]
pub struct Token<'a> {
    /// The account.
    pub appid: &'a str,
    /// Its secret.
    pub secret: &'a str,
}

impl fmt::Debug for Token<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Token({})", self.appid)
    }
}

impl Endpoint for Token<'_> {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/cgi-bin/token";
    const NEEDS: Ability = Ability::Api;
    const IDEMPOTENT: bool = true;
    const MAX_ANSWER: usize = 64 << 10;
    type Answer = TokenAnswer;

    fn query(&self) -> Vec<(&'static str, String)> {
        vec![
            ("grant_type", "client_credential".to_owned()),
            ("appid", self.appid.to_owned()),
            ("secret", self.secret.to_owned()),
        ]
    }
}

/// An access token. It does not print, and is wiped from memory on drop.
#[derive(Clone, PartialEq, Eq, Deserialize, ZeroizeOnDrop)]
pub struct TokenAnswer {
    /// The token; 512 bytes and more must fit.
    pub access_token: String,
    /// Seconds until it ends.
    pub expires_in: u64,
}

impl fmt::Debug for TokenAnswer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "TokenAnswer(***, {} s)", self.expires_in)
    }
}
