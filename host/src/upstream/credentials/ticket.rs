//! Tickets, which WeChat hands out for an access token.

use weft_wechat::api::ticket::TicketType;
use weft_wechat::api::ticket::getticket::GetTicket;

use super::{Fetch, Fetched};
use crate::model::{App, CredentialKind};
use crate::secret::Secret;
use crate::upstream::TokenError;
use crate::upstream::calls::Calls;

/// Fetches tickets of one type.
#[derive(Debug)]
pub(in crate::upstream) struct FetchTicket {
    pub(in crate::upstream) calls: Calls,
    pub(in crate::upstream) ticket_type: TicketType,
}

impl Fetch for FetchTicket {
    fn kind(&self) -> CredentialKind {
        CredentialKind::Ticket(self.ticket_type)
    }

    async fn fetch(&self, app: &App, _: bool) -> Result<Fetched, TokenError> {
        let call = GetTicket { ticket_type: self.ticket_type };
        let answer = self.calls.call(app, &call).await.map_err(|error| TokenError::Call(Box::new(error)))?;
        if answer.ticket.is_empty() {
            return Err(TokenError::Unreadable("the ticket is empty".to_owned()));
        }
        Ok(Fetched { secret: Secret::new(answer.ticket.as_str()), expires_in: answer.expires_in })
    }
}
