//! POST /cgi-bin/message/mass/speed/set

use serde::Serialize;

use crate::api::{Ability, Body, Done, Endpoint, Method};

/// Sets how fast mass messages go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct MassSpeedSet {
    /// One of [`super::SPEEDS`].
    pub speed: u8,
}

impl Endpoint for MassSpeedSet {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/cgi-bin/message/mass/speed/set";
    const NEEDS: Ability = Ability::MassMessages;
    const IDEMPOTENT: bool = true;
    type Answer = Done;

    fn body(&self) -> Result<Body, serde_json::Error> {
        Body::json(self)
    }
}
