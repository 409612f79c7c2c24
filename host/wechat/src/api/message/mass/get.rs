//! POST /cgi-bin/message/mass/get

use serde::{Deserialize, Serialize};

use crate::api::{Ability, Body, Endpoint, Method};

/// Asks how far the sending of a mass message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct MassGet {
    /// The message.
    pub msg_id: u64,
}

/// How far it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct MassStatus {
    /// `SEND_SUCCESS`, `SENDING`, `SEND_FAIL` or `DELETE`.
    pub msg_status: String,
}

impl Endpoint for MassGet {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/cgi-bin/message/mass/get";
    const NEEDS: Ability = Ability::MassMessages;
    const IDEMPOTENT: bool = true;
    type Answer = MassStatus;

    fn body(&self) -> Result<Body, serde_json::Error> {
        Body::json(self)
    }
}
