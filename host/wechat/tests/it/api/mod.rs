//! Calls of the API: what goes out and what comes back.

mod answers;
mod any_call;
mod articles;
mod errcodes;
mod forms;
mod mass_messages;
mod media;
mod menus;
mod messages;
mod quota;
mod tags;
mod templates;
mod users;

use serde_json::Value;
use weft_wechat::api::{Body, Endpoint, Request};

/// The JSON that a call sends.
fn json<E: Endpoint>(endpoint: &E) -> Value {
    match Request::of(endpoint).unwrap().body {
        Body::Json(bytes) => serde_json::from_slice(&bytes).unwrap(),
        other => panic!("no JSON: {other:?}"),
    }
}
