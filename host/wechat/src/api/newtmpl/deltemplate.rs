//! POST /wxaapi/newtmpl/deltemplate

use serde::Serialize;

use crate::api::{Ability, Body, Done, Endpoint, Method};

/// Deletes a template of the account. WeChat refuses with 40037 when it is gone already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DelSubscribeTemplate<'a> {
    /// Which.
    #[serde(rename = "priTmplId")]
    pub template_id: &'a str,
}

impl Endpoint for DelSubscribeTemplate<'_> {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/wxaapi/newtmpl/deltemplate";
    const NEEDS: Ability = Ability::Templates;
    const IDEMPOTENT: bool = true;
    type Answer = Done;

    fn body(&self) -> Result<Body, serde_json::Error> {
        Body::json(self)
    }
}
