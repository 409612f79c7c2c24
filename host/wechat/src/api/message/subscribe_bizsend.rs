//! POST /cgi-bin/message/subscribe/bizsend

use serde::Serialize;

use super::{LinkedMiniProgram, SentMessage, TemplateData};
use crate::api::{Ability, Body, Endpoint, Method};

/// Sends a subscription notice (订阅通知) of a service account to a user who agreed to it; 43101 when they did not, or
/// when all that they agreed to was sent. What became of it is told by `subscribe_msg_sent_event`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SubscribeBizsend<'a> {
    /// The user's openid.
    pub touser: &'a str,
    /// A template of the account.
    pub template_id: &'a str,
    /// Where a tap leads; may be empty.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub page: &'a str,
    /// Where a tap leads instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub miniprogram: Option<&'a LinkedMiniProgram>,
    /// The values.
    pub data: &'a TemplateData,
}

impl Endpoint for SubscribeBizsend<'_> {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/cgi-bin/message/subscribe/bizsend";
    const NEEDS: Ability = Ability::Templates;
    type Answer = SentMessage;

    fn body(&self) -> Result<Body, serde_json::Error> {
        Body::json(self)
    }
}
