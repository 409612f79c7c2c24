//! POST /cgi-bin/message/custom/typing

use serde::Serialize;

use crate::api::{Ability, Body, Done, Endpoint, Method};

/// Shows or hides 「对方正在输入」 for a user who wrote in the last 30 seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CustomTyping {
    /// The user's openid.
    pub touser: String,
    /// Begin or end.
    pub command: Typing,
}

/// What the user sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Typing {
    /// Somebody is typing.
    #[serde(rename = "Typing")]
    Begins,
    /// Nobody is.
    #[serde(rename = "CancelTyping")]
    Ends,
}

impl Endpoint for CustomTyping {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/cgi-bin/message/custom/typing";
    const NEEDS: Ability = Ability::CustomerService;
    const IDEMPOTENT: bool = true;
    type Answer = Done;

    fn body(&self) -> Result<Body, serde_json::Error> {
        Body::json(self)
    }
}
