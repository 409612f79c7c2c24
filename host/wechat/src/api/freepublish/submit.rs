//! POST /cgi-bin/freepublish/submit

use serde::{Deserialize, Serialize};

use crate::api::answer::text;
use crate::api::{Ability, Body, Endpoint, Method};

/// Publishes a draft. What becomes of it is told by the event PUBLISHJOBFINISH, and by [`get`](super::get).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SubmitPublish<'a> {
    /// The draft.
    pub media_id: &'a str,
}

/// WeChat has begun.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SubmittedPublish {
    /// Names the publication.
    #[serde(deserialize_with = "text")]
    pub publish_id: String,
}

impl Endpoint for SubmitPublish<'_> {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/cgi-bin/freepublish/submit";
    const NEEDS: Ability = Ability::Materials;
    type Answer = SubmittedPublish;

    fn body(&self) -> Result<Body, serde_json::Error> {
        Body::json(self)
    }
}
