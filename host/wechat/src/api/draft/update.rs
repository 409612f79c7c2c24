//! POST /cgi-bin/draft/update

use std::time::Duration;

use serde::Serialize;

use super::DraftArticle;
use crate::api::{Ability, Body, Done, Endpoint, Method};

/// Replaces one article of a draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct UpdateDraft<'a> {
    /// Which draft.
    pub media_id: &'a str,
    /// Which of its articles; the first is 0.
    pub index: usize,
    /// What it is to be.
    pub articles: DraftArticle<'a>,
}

impl Endpoint for UpdateDraft<'_> {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/cgi-bin/draft/update";
    const NEEDS: Ability = Ability::Materials;
    const IDEMPOTENT: bool = true;
    const TIMEOUT: Duration = Duration::from_secs(30);
    type Answer = Done;

    fn body(&self) -> Result<Body, serde_json::Error> {
        Body::json(self)
    }
}
