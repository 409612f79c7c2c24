//! GET /cgi-bin/template/get_all_private_template

use serde::{Deserialize, Serialize};

use crate::api::{Ability, Endpoint, Method};

/// Asks for the templates of the account; at most 25.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GetAllPrivateTemplate;

/// The templates of the account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PrivateTemplates {
    /// In no promised order.
    pub template_list: Vec<PrivateTemplate>,
}

/// A template.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PrivateTemplate {
    /// What messages name it by.
    pub template_id: String,
    /// What it is called.
    pub title: String,
    /// 一级行业.
    pub primary_industry: String,
    /// 二级行业.
    pub deputy_industry: String,
    /// The text, with `{{name.DATA}}` where a value goes.
    pub content: String,
    /// The text with values in it.
    pub example: String,
}

impl Endpoint for GetAllPrivateTemplate {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/cgi-bin/template/get_all_private_template";
    const NEEDS: Ability = Ability::Templates;
    const IDEMPOTENT: bool = true;
    type Answer = PrivateTemplates;
}
