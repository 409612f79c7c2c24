//! POST /cgi-bin/draft/delete

use serde::Serialize;

use crate::api::{Ability, Body, Done, Endpoint, Method};

/// Deletes a draft for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DeleteDraft<'a> {
    /// Which.
    pub media_id: &'a str,
}

impl Endpoint for DeleteDraft<'_> {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/cgi-bin/draft/delete";
    const NEEDS: Ability = Ability::Materials;
    const IDEMPOTENT: bool = true;
    type Answer = Done;

    fn body(&self) -> Result<Body, serde_json::Error> {
        Body::json(self)
    }
}
