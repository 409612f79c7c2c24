//! POST /cgi-bin/message/mass/send

use std::ops::RangeInclusive;

use serde::Serialize;

use super::{MassContent, TakenMassMessage};
use crate::api::{Ability, Body, Endpoint, Method};

/// How many users one message may go to.
pub const USERS: RangeInclusive<usize> = 2..=10_000;

/// Sends a mass message to a list of followers; verified service accounts alone may. Otherwise as
/// [`MassSendall`](super::sendall::MassSendall).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct MassSend<'a> {
    /// Their openids; as many as [`USERS`] allows.
    pub touser: &'a [String],
    /// What they get.
    #[serde(flatten)]
    pub content: &'a MassContent,
    /// 1: articles that WeChat takes for a reprint are sent as one, instead of not at all.
    pub send_ignore_reprint: u8,
    /// By which WeChat knows a message that comes again; at most [`super::MAX_CLIENTMSGID`] bytes.
    pub clientmsgid: &'a str,
}

impl Endpoint for MassSend<'_> {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/cgi-bin/message/mass/send";
    const NEEDS: Ability = Ability::MassMessages;
    type Answer = TakenMassMessage;

    fn body(&self) -> Result<Body, serde_json::Error> {
        Body::json(self)
    }
}
