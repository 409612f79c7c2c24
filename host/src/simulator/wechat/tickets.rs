//! `/cgi-bin/ticket/getticket`: tickets of the JS-SDK.

use std::collections::HashMap;

use serde_json::json;

use super::{
    account::{Account, Answered, No, Reply, new_id},
    asked::Asked,
};

/// How long a ticket lives.
const LIFE: u64 = 7200;

/// The ticket of each type, and when it ends.
#[derive(Default)]
pub(super) struct Tickets(HashMap<String, (String, u64)>);

pub(super) fn get(account: &mut Account, asked: &Asked, now: u64) -> Answered {
    let ticket_type = asked.parameter("type");
    if !["jsapi", "wx_card"].contains(&ticket_type) {
        return Err(No(40097, "invalid args"));
    }
    let (ticket, end) = account.tickets.0.entry(ticket_type.to_owned()).or_default();
    if *end <= now {
        (*ticket, *end) = (format!("{}-{}", new_id(), ticket_type), now + LIFE);
    }
    Ok(Reply::Json(json!({"errcode": 0, "errmsg": "ok", "ticket": ticket, "expires_in": *end - now})))
}
