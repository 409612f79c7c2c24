//! GET /cgi-bin/menu/delete

use crate::api::{Ability, Done, Endpoint, Method};

/// Deletes the default menu and all conditional ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeleteMenu;

impl Endpoint for DeleteMenu {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/cgi-bin/menu/delete";
    const NEEDS: Ability = Ability::Menus;
    const IDEMPOTENT: bool = true;
    type Answer = Done;
}
