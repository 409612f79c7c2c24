//! POST /cgi-bin/draft/batchget

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::api::material::batchget_material::MaterialPage;
use crate::api::{Ability, Body, Endpoint, Method};

/// Asks for a page of the drafts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchgetDrafts {
    /// How many to pass over.
    pub offset: u32,
    /// 1 to 20.
    pub count: u8,
    /// 1 leaves the texts out.
    pub no_content: u8,
}

impl Endpoint for BatchgetDrafts {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/cgi-bin/draft/batchget";
    const NEEDS: Ability = Ability::Materials;
    const IDEMPOTENT: bool = true;
    const TIMEOUT: Duration = Duration::from_secs(30);
    // Twenty times eight articles with all their text.
    const MAX_ANSWER: usize = 32 << 20;
    type Answer = MaterialPage;

    fn body(&self) -> Result<Body, serde_json::Error> {
        Body::json(self)
    }
}
