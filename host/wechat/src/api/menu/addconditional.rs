//! POST /cgi-bin/menu/addconditional

use serde::{Deserialize, Serialize};

use super::{Button, MatchRule};
use crate::api::answer::text;
use crate::api::{Ability, Body, Endpoint, Method};

/// Adds a menu for those who fit a rule. A user sees the newest that fits. Needs a default menu (65303 otherwise).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct AddConditionalMenu<'a> {
    /// The buttons.
    pub button: &'a [Button],
    /// Who sees it; one condition at least.
    pub matchrule: &'a MatchRule,
}

/// The menu that was added.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct AddedMenu {
    /// Its id.
    #[serde(deserialize_with = "text")]
    pub menuid: String,
}

impl Endpoint for AddConditionalMenu<'_> {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/cgi-bin/menu/addconditional";
    const NEEDS: Ability = Ability::Menus;
    type Answer = AddedMenu;

    fn body(&self) -> Result<Body, serde_json::Error> {
        Body::json(self)
    }
}
