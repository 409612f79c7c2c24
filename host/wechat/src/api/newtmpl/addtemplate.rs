//! POST /wxaapi/newtmpl/addtemplate

use serde::{Deserialize, Serialize};

use crate::api::{Ability, Body, Endpoint, Method};

/// Adds a template of the public library to the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct AddSubscribeTemplate<'a> {
    /// Its number in the library.
    pub tid: &'a str,
    /// The numbers of the keywords to take, in their order: 2 to 5.
    #[serde(rename = "kidList")]
    pub kid_list: &'a [u32],
    /// What the account sends it for; at most 15 characters.
    #[serde(rename = "sceneDesc")]
    pub scene_desc: &'a str,
}

/// The template that was added.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct AddedSubscribeTemplate {
    /// Its id in the account.
    #[serde(rename = "priTmplId")]
    pub template_id: String,
}

impl Endpoint for AddSubscribeTemplate<'_> {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/wxaapi/newtmpl/addtemplate";
    const NEEDS: Ability = Ability::Templates;
    type Answer = AddedSubscribeTemplate;

    fn body(&self) -> Result<Body, serde_json::Error> {
        Body::json(self)
    }
}
