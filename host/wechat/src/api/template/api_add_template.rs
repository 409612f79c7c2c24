//! POST /cgi-bin/template/api_add_template

use serde::{Deserialize, Serialize};

use crate::api::{Ability, Body, Endpoint, Method};

/// Adds a template of WeChat's library to the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct AddTemplate<'a> {
    /// Its number in the library, such as `TM00015`.
    pub template_id_short: &'a str,
    /// The keywords to take, in their order; all of the template where there are none to choose from.
    pub keyword_name_list: &'a [String],
}

/// The template that was added.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct AddedTemplate {
    /// Its id in the account.
    pub template_id: String,
}

impl Endpoint for AddTemplate<'_> {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/cgi-bin/template/api_add_template";
    const NEEDS: Ability = Ability::Templates;
    type Answer = AddedTemplate;

    fn body(&self) -> Result<Body, serde_json::Error> {
        Body::json(self)
    }
}
