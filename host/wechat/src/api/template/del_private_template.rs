//! POST /cgi-bin/template/del_private_template

use serde::Serialize;

use crate::api::{Ability, Body, Done, Endpoint, Method};

/// Deletes a template of the account. WeChat refuses with 40037 when it is gone already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DelPrivateTemplate<'a> {
    /// Which.
    pub template_id: &'a str,
}

impl Endpoint for DelPrivateTemplate<'_> {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/cgi-bin/template/del_private_template";
    const NEEDS: Ability = Ability::Templates;
    const IDEMPOTENT: bool = true;
    type Answer = Done;

    fn body(&self) -> Result<Body, serde_json::Error> {
        Body::json(self)
    }
}
