//! GET /cgi-bin/tags/get

use serde::Deserialize;

use super::Tag;
use crate::api::{Ability, Endpoint, Method};

/// Asks for all tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GetTags;

/// All tags.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Tags {
    /// WeChat's own among them.
    pub tags: Vec<Tag>,
}

impl Endpoint for GetTags {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/cgi-bin/tags/get";
    const NEEDS: Ability = Ability::Users;
    const IDEMPOTENT: bool = true;
    type Answer = Tags;
}
