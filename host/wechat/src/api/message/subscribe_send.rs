//! POST /cgi-bin/message/subscribe/send

use serde::Serialize;

use super::{SentMessage, TemplateData};
use crate::api::{Ability, Body, Endpoint, Method};

/// Sends a subscribe message (订阅消息) of a mini program to a user who agreed to it; 43101 when they did not, or when
/// all that they agreed to was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SubscribeSend<'a> {
    /// The user's openid.
    pub touser: &'a str,
    /// A template of the account.
    pub template_id: &'a str,
    /// The page of the mini program that a tap opens, with its query; may be empty.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub page: &'a str,
    /// `developer`, `trial` or `formal`; WeChat takes `formal` when it is empty.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub miniprogram_state: &'a str,
    /// `zh_CN`, `en_US`, `zh_HK` or `zh_TW`; WeChat takes `zh_CN` when it is empty.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub lang: &'a str,
    /// The values.
    pub data: &'a TemplateData,
}

impl Endpoint for SubscribeSend<'_> {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/cgi-bin/message/subscribe/send";
    const NEEDS: Ability = Ability::Templates;
    type Answer = SentMessage;

    fn body(&self) -> Result<Body, serde_json::Error> {
        Body::json(self)
    }
}
