//! GET /cgi-bin/menu/get

use serde::Deserialize;

use super::{Button, MatchRule};
use crate::api::answer::text;
use crate::api::{Ability, Endpoint, Method};

/// Asks for the menus that were made through the API. WeChat refuses with 46003 when there are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GetMenu;

/// The menus that were made through the API.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ApiMenus {
    /// The default menu.
    pub menu: DefaultMenu,
    /// The others.
    pub conditionalmenu: Vec<ConditionalMenu>,
}

/// What everybody sees for whom there is no other.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct DefaultMenu {
    /// The buttons.
    pub button: Vec<Button>,
    /// Only there when there are conditional menus.
    #[serde(deserialize_with = "text")]
    pub menuid: String,
}

/// What some see.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ConditionalMenu {
    /// The buttons.
    pub button: Vec<Button>,
    /// Who sees it.
    pub matchrule: MatchRule,
    /// Its id.
    #[serde(deserialize_with = "text")]
    pub menuid: String,
}

impl Endpoint for GetMenu {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/cgi-bin/menu/get";
    const NEEDS: Ability = Ability::Menus;
    const IDEMPOTENT: bool = true;
    type Answer = ApiMenus;
}
