//! POST /cgi-bin/menu/delconditional

use serde::Serialize;

use crate::api::{Ability, Body, Done, Endpoint, Method};

/// Deletes a conditional menu. WeChat refuses with 65301 when it is gone already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DelConditionalMenu<'a> {
    /// Which.
    pub menuid: &'a str,
}

impl Endpoint for DelConditionalMenu<'_> {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/cgi-bin/menu/delconditional";
    const NEEDS: Ability = Ability::Menus;
    const IDEMPOTENT: bool = true;
    type Answer = Done;

    fn body(&self) -> Result<Body, serde_json::Error> {
        Body::json(self)
    }
}
