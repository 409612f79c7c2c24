//! GET /cgi-bin/ticket/getticket

use std::fmt;

use serde::Deserialize;
use zeroize::ZeroizeOnDrop;

use super::TicketType;
use crate::api::{Ability, Endpoint, Method};

/// Asks for a ticket. WeChat allows few of these calls a day: keep it until it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GetTicket {
    /// What it is for.
    pub ticket_type: TicketType,
}

/// A ticket. It does not print, and is wiped from memory on drop.
#[derive(Clone, PartialEq, Eq, Deserialize, ZeroizeOnDrop)]
pub struct TicketAnswer {
    /// The ticket.
    pub ticket: String,
    /// Seconds until it ends.
    pub expires_in: u64,
}

impl fmt::Debug for TicketAnswer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "TicketAnswer(***, {} s)", self.expires_in)
    }
}

impl Endpoint for GetTicket {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/cgi-bin/ticket/getticket";
    // Accounts that may not have one are told so by WeChat.
    const NEEDS: Ability = Ability::Api;
    const IDEMPOTENT: bool = true;
    const MAX_ANSWER: usize = 64 << 10;
    type Answer = TicketAnswer;

    fn query(&self) -> Vec<(&'static str, String)> {
        vec![("type", self.ticket_type.as_str().to_owned())]
    }
}
