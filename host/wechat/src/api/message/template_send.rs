//! POST /cgi-bin/message/template/send

use serde::Serialize;

use super::{LinkedMiniProgram, SentMessage, TemplateData};
use crate::api::{Ability, Body, Endpoint, Method};

/// The longest `client_msg_id`, in bytes.
pub const MAX_CLIENT_MSG_ID: usize = 32;

/// Sends a template message (模板消息) to a follower. What became of it is told by TEMPLATESENDJOBFINISH.
///
/// With a `client_msg_id` WeChat sends the same only once in about ten minutes; the call counts as not idempotent
/// nevertheless, as that time may be over when it is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TemplateSend<'a> {
    /// The user's openid.
    pub touser: &'a str,
    /// A template of the account.
    pub template_id: &'a str,
    /// Where a tap leads; may be empty.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub url: &'a str,
    /// Where a tap leads instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub miniprogram: Option<&'a LinkedMiniProgram>,
    /// By which WeChat knows a message that comes again; at most [`MAX_CLIENT_MSG_ID`] bytes; may be empty.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub client_msg_id: &'a str,
    /// The values.
    pub data: &'a TemplateData,
}

impl Endpoint for TemplateSend<'_> {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/cgi-bin/message/template/send";
    const NEEDS: Ability = Ability::Templates;
    type Answer = SentMessage;

    fn body(&self) -> Result<Body, serde_json::Error> {
        Body::json(self)
    }
}
