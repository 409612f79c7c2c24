//! GET /cgi-bin/draft/count

use serde::Deserialize;

use crate::api::{Ability, Endpoint, Method};

/// Asks how many drafts there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CountDrafts;

/// How many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct DraftCount {
    /// All of them.
    pub total_count: u32,
}

impl Endpoint for CountDrafts {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/cgi-bin/draft/count";
    const NEEDS: Ability = Ability::Materials;
    const IDEMPOTENT: bool = true;
    type Answer = DraftCount;
}
