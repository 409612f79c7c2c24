//! GET /wxaapi/newtmpl/gettemplate

use serde::{Deserialize, Serialize};

use crate::api::{Ability, Endpoint, Method};

/// Asks for the templates of the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GetSubscribeTemplates;

/// The templates of the account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SubscribeTemplates {
    /// In no promised order.
    pub data: Vec<SubscribeTemplate>,
}

/// A template.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SubscribeTemplate {
    /// What messages name it by.
    #[serde(rename = "priTmplId")]
    pub template_id: String,
    /// What it is called.
    pub title: String,
    /// The text, with `{{name.DATA}}` where a value goes.
    pub content: String,
    /// The text with values in it.
    pub example: String,
    /// 2: each consent of a user is for one message. 3: it lasts.
    pub r#type: u32,
}

impl Endpoint for GetSubscribeTemplates {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/wxaapi/newtmpl/gettemplate";
    const NEEDS: Ability = Ability::Templates;
    const IDEMPOTENT: bool = true;
    type Answer = SubscribeTemplates;
}
