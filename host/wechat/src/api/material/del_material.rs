//! POST /cgi-bin/material/del_material

use serde::Serialize;

use crate::api::{Ability, Body, Done, Endpoint, Method};

/// Deletes a permanent material. WeChat refuses with 40007 when it is gone already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DelMaterial<'a> {
    /// Which.
    pub media_id: &'a str,
}

impl Endpoint for DelMaterial<'_> {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/cgi-bin/material/del_material";
    const NEEDS: Ability = Ability::Materials;
    const IDEMPOTENT: bool = true;
    type Answer = Done;

    fn body(&self) -> Result<Body, serde_json::Error> {
        Body::json(self)
    }
}
