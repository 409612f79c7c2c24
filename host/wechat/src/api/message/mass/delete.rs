//! POST /cgi-bin/message/mass/delete

use serde::Serialize;

use crate::api::{Ability, Body, Done, Endpoint, Method};

/// Takes the page of an article, or a video, of a mass message away. The message itself stays with who got it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct MassDelete {
    /// The message.
    pub msg_id: u64,
    /// The article, from 1; all of them with 0.
    pub article_idx: u32,
}

impl Endpoint for MassDelete {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/cgi-bin/message/mass/delete";
    const NEEDS: Ability = Ability::MassMessages;
    const IDEMPOTENT: bool = true;
    type Answer = Done;

    fn body(&self) -> Result<Body, serde_json::Error> {
        Body::json(self)
    }
}
