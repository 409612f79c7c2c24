//! GET /cgi-bin/template/get_industry

use serde::{Deserialize, Serialize};

use crate::api::{Ability, Endpoint, Method};

/// Asks for the industries (行业) of the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GetIndustry;

/// The industries of the account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Industries {
    /// The first.
    pub primary_industry: Industry,
    /// The second.
    pub secondary_industry: Industry,
}

/// An industry in WeChat's words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Industry {
    /// 一级行业, such as `IT科技`.
    pub first_class: String,
    /// 二级行业, such as `互联网|电子商务`.
    pub second_class: String,
}

impl Endpoint for GetIndustry {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/cgi-bin/template/get_industry";
    const NEEDS: Ability = Ability::Templates;
    const IDEMPOTENT: bool = true;
    type Answer = Industries;
}
