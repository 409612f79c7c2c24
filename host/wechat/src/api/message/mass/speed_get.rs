//! POST /cgi-bin/message/mass/speed/get

use serde::Deserialize;

use crate::api::{Ability, Body, Endpoint, Method};

/// Asks how fast mass messages go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MassSpeedGet;

/// How fast mass messages go out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct MassSpeed {
    /// One of [`super::SPEEDS`].
    pub speed: u8,
    /// The same in units of 10 000 messages a minute.
    pub realspeed: u32,
}

impl Endpoint for MassSpeedGet {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/cgi-bin/message/mass/speed/get";
    const NEEDS: Ability = Ability::MassMessages;
    const IDEMPOTENT: bool = true;
    type Answer = MassSpeed;

    fn body(&self) -> Result<Body, serde_json::Error> {
        Body::json(&serde_json::Map::new())
    }
}
