//! `/simulator/…`: what is not WeChat's API but steers the simulation, for programs that cannot call [`Wechat`] themselves.
//!
//! | | |
//! |---|---|
//! | `POST /simulator/faults` | plans a fault: `{"path", "times"}` and one of `errcode`, `status`, `delay_ms`, `text`, `"disconnect": true`, `"html": true` |
//! | `DELETE /simulator/faults` | forgets the faults that are planned |
//! | `GET /simulator/calls?path=` | the calls that arrived |
//! | `DELETE /simulator/calls` | forgets them |
//! | `GET /simulator/accounts/{appid}` | what the account has sent: `messages`, `template_messages`, `mass_messages` |
//! | `POST /simulator/accounts/{appid}/users/{openid}` | `{"follow": true}`, `{"follow": false}`, or `{"consent": {"template_id", "messages"}}` |
//! | `POST /simulator/messages` | delivers a message to a webhook and tells what came back: see [`Delivered`] |
//!
//! [`Wechat`]: super::Wechat
//! [`Delivered`]: crate::simulator::Delivered

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{Path, Query, State as Extract},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Fault, Shared, faults::Planned};
use crate::simulator::{MessageFields, deliver};

/// A fault that is to be planned.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FaultFields {
    /// Such as `/cgi-bin/user/info`.
    pub path: String,
    /// How many calls go wrong; one without.
    pub times: Option<u32>,
    /// WeChat says no with this code.
    pub errcode: Option<i64>,
    /// A gateway answers with this HTTP status.
    pub status: Option<u16>,
    /// The answer comes so many milliseconds late.
    pub delay_ms: Option<u64>,
    /// The answer is this text.
    pub text: Option<String>,
    /// The connection is cut after WeChat has done what was asked.
    pub disconnect: bool,
    /// The answer is a page.
    pub html: bool,
}

impl FaultFields {
    /// The fault; none unless it is exactly one.
    pub fn fault(&self) -> Option<Fault> {
        let faults = [
            self.errcode.map(Fault::Errcode),
            self.status.map(Fault::Status),
            self.delay_ms.map(|ms| Fault::Delay(Duration::from_millis(ms))),
            self.text.clone().map(Fault::Text),
            self.disconnect.then_some(Fault::Disconnect),
            self.html.then_some(Fault::Html),
        ];
        let mut faults = faults.into_iter().flatten();
        let fault = faults.next()?;
        (faults.next().is_none() && self.path.starts_with('/')).then_some(fault)
    }
}

pub(super) fn routes(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/simulator/faults", post(plan).delete(forget_faults))
        .route("/simulator/calls", get(calls).delete(forget_calls))
        .route("/simulator/accounts/{appid}", get(account))
        .route("/simulator/accounts/{appid}/users/{openid}", post(user))
        .route("/simulator/messages", post(message))
        .with_state(shared)
}

async fn plan(Extract(shared): Extract<Arc<Shared>>, Json(fields): Json<FaultFields>) -> Response {
    let Some(fault) = fields.fault() else {
        let told = "give a path and one of errcode, status, delay_ms, text, disconnect and html";
        return (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({"error": told}))).into_response();
    };
    shared.state().faults.push(Planned { path: fields.path, fault, times: fields.times.unwrap_or(1) });
    StatusCode::NO_CONTENT.into_response()
}

async fn forget_faults(Extract(shared): Extract<Arc<Shared>>) -> StatusCode {
    shared.state().faults.clear();
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
struct CallQuery {
    path: Option<String>,
}

async fn calls(Extract(shared): Extract<Arc<Shared>>, Query(query): Query<CallQuery>) -> Json<Value> {
    let state = shared.state();
    let fits = |path: &str| query.path.as_deref().is_none_or(|wanted| wanted == path);
    let calls = state.calls.iter().filter(|call| fits(&call.path)).map(|call| {
        let query: serde_json::Map<_, _> =
            call.query.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
        json!({"path": call.path, "appid": call.appid, "query": query, "body": call.body})
    });
    Json(calls.collect())
}

async fn forget_calls(Extract(shared): Extract<Arc<Shared>>) -> StatusCode {
    shared.state().calls.clear();
    StatusCode::NO_CONTENT
}

async fn account(Extract(shared): Extract<Arc<Shared>>, Path(appid): Path<String>) -> Response {
    let state = shared.state();
    let Some(account) = state.accounts.get(&appid) else { return StatusCode::NOT_FOUND.into_response() };
    let told = json!({
        "messages": account.sent,
        "template_messages": account.template_messages.sent,
        "mass_messages": account.mass_messages.told(),
        "menus": account.menus.told(),
    });
    Json(told).into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserFields {
    follow: Option<bool>,
    consent: Option<Consent>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Consent {
    template_id: String,
    messages: u32,
}

async fn user(
    Extract(shared): Extract<Arc<Shared>>,
    Path((appid, openid)): Path<(String, String)>,
    Json(fields): Json<UserFields>,
) -> StatusCode {
    shared.with(&appid, |account, now| {
        match fields.follow {
            Some(true) => account.follow(&openid, now),
            Some(false) => account.users.leave(&openid),
            None => {}
        }
        if let Some(Consent { template_id, messages }) = fields.consent {
            account.consent(&openid, &template_id, messages);
        }
    });
    StatusCode::NO_CONTENT
}

async fn message(Json(fields): Json<MessageFields>) -> Response {
    match deliver(&fields).await {
        Ok(delivered) => Json(delivered).into_response(),
        Err(error) => (StatusCode::BAD_GATEWAY, Json(json!({"error": format!("{error:#}")}))).into_response(),
    }
}
