//! POST /cgi-bin/menu/create

use serde::Serialize;

use super::Button;
use crate::api::{Ability, Body, Done, Endpoint, Method};

/// Puts a default menu in the place of the one before. Conditional menus stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CreateMenu<'a> {
    /// The buttons.
    pub button: &'a [Button],
}

impl Endpoint for CreateMenu<'_> {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/cgi-bin/menu/create";
    const NEEDS: Ability = Ability::Menus;
    const IDEMPOTENT: bool = true;
    type Answer = Done;

    fn body(&self) -> Result<Body, serde_json::Error> {
        Body::json(self)
    }
}
