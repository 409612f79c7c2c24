//! POST /cgi-bin/draft/add

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::DraftArticle;
use crate::api::{Ability, Body, Endpoint, Method};

/// Makes a draft. A call of unknown outcome is not repeated: there would be two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct AddDraft<'a> {
    /// 1 to 8.
    pub articles: &'a [DraftArticle<'a>],
}

/// The draft that was made.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AddedDraft {
    /// Names it until it is published or deleted.
    pub media_id: String,
}

impl Endpoint for AddDraft<'_> {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/cgi-bin/draft/add";
    const NEEDS: Ability = Ability::Materials;
    const TIMEOUT: Duration = Duration::from_secs(30);
    type Answer = AddedDraft;

    fn body(&self) -> Result<Body, serde_json::Error> {
        Body::json(self)
    }
}
