//! POST /cgi-bin/message/mass/sendall

use serde::Serialize;

use super::{MassContent, TakenMassMessage};
use crate::api::{Ability, Body, Endpoint, Method};

/// Sends a mass message to all followers, or to those with a tag. What became of it is told by MASSSENDJOBFINISH.
///
/// With a `clientmsgid` WeChat sends the same only once in a day, and refuses another try with 45065.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct MassSendall<'a> {
    /// Who gets it.
    pub filter: Filter,
    /// What they get.
    #[serde(flatten)]
    pub content: &'a MassContent,
    /// 1: articles that WeChat takes for a reprint are sent as one, instead of not at all.
    pub send_ignore_reprint: u8,
    /// By which WeChat knows a message that comes again; at most [`super::MAX_CLIENTMSGID`] bytes.
    pub clientmsgid: &'a str,
}

/// Who gets a mass message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Filter {
    /// All followers.
    pub is_to_all: bool,
    /// Those with this tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag_id: Option<u32>,
}

impl Endpoint for MassSendall<'_> {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/cgi-bin/message/mass/sendall";
    const NEEDS: Ability = Ability::MassMessages;
    type Answer = TakenMassMessage;

    fn body(&self) -> Result<Body, serde_json::Error> {
        Body::json(self)
    }
}
