//! POST /cgi-bin/draft/switch

use serde::Deserialize;

use crate::api::{Ability, Endpoint, Method};

/// Asks whether the account has drafts; WeChat gave them to accounts one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AskDraftSwitch;

/// Whether the account has drafts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct DraftSwitch {
    /// 1 when it has.
    #[serde(default)]
    pub is_open: u8,
}

impl Endpoint for AskDraftSwitch {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/cgi-bin/draft/switch";
    const NEEDS: Ability = Ability::Materials;
    const IDEMPOTENT: bool = true;
    type Answer = DraftSwitch;

    fn query(&self) -> Vec<(&'static str, String)> {
        vec![("checkonly", "1".to_owned())]
    }
}
