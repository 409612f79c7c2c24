//! POST /cgi-bin/draft/get

use std::time::Duration;

use serde::Serialize;

use crate::api::material::batchget_material::NewsContent;
use crate::api::{Ability, Body, Endpoint, Method};

/// Asks for a draft. WeChat refuses with 40007 when there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct GetDraft<'a> {
    /// Which.
    pub media_id: &'a str,
}

impl Endpoint for GetDraft<'_> {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/cgi-bin/draft/get";
    const NEEDS: Ability = Ability::Materials;
    const IDEMPOTENT: bool = true;
    const TIMEOUT: Duration = Duration::from_secs(30);
    // Eight articles with all their text.
    const MAX_ANSWER: usize = 16 << 20;
    type Answer = NewsContent;

    fn body(&self) -> Result<Body, serde_json::Error> {
        Body::json(self)
    }
}
