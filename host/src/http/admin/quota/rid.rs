//! `/apps/{app}/quota/rid/{rid}`: what WeChat knows of a request that it refused.

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;
use weft_wechat::api::openapi::rid_get::RidGet;

use super::PERMISSION;
use crate::{
    http::{
        AppState,
        admin::{auth::Caller, find_app},
        error::{Path, Problem},
        responses::{NotFound, WechatRefused},
    },
    secret::Secret,
    time,
};

/// What stands before secrets in requests and answers.
const SECRETS: &[&str] =
    &["access_token", "refresh_token", "secret", "appsecret", "ticket", "session_key", "authorizer_access_token"];

/// A request that WeChat refused. Tokens and secrets are taken out of its texts.
#[derive(Serialize, ToSchema)]
pub(in crate::http::admin) struct RefusedRequestView {
    rid: String,
    /// RFC 3339.
    at: String,
    cost_ms: u64,
    /// The query, or the whole URL.
    request_url: String,
    request_body: String,
    response_body: String,
    /// Where WeChat saw it come from.
    client_ip: String,
}

/// Asks WeChat about a request that it refused in the last days: by its rid, which stands in `errmsg` and in problems.
#[utoipa::path(get, operation_id = "read_rid", path = "/apps/{app}/quota/rid/{rid}", tag = "wechat", params(("app" = String, Path), ("rid" = String, Path)),
    responses((status = 200, description = "Done", body = RefusedRequestView), (status = 400, description = "It is no rid", body = Problem),
        NotFound, WechatRefused))]
pub(in crate::http::admin) async fn read(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, rid)): Path<(String, String)>,
) -> Result<Json<RefusedRequestView>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let app = find_app(&state, &app).await?;
    if rid.len() > 64 || !rid.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Err(Problem::bad_request("a rid has letters, digits and `-`, such as 61725984-6126f6f9-040f19c4"));
    }
    let request = state.wechat.call(&app, &RidGet { rid: &rid }).await?.request;
    let shown = |text: &str| {
        let known = app.appsecret.as_ref().map(Secret::expose).filter(|secret| !secret.is_empty());
        let text = known.map_or_else(|| text.to_owned(), |secret| text.replace(secret, "***"));
        SECRETS.iter().fold(text, |text, name| without_value(&text, name))
    };
    Ok(Json(RefusedRequestView {
        rid,
        at: time::rfc3339(request.invoke_time),
        cost_ms: request.cost_in_ms,
        request_url: shown(&request.request_url),
        request_body: shown(&request.request_body),
        response_body: shown(&request.response_body),
        client_ip: request.client_ip,
    }))
}

/// `text` with the value that follows `name`, in a query or in JSON, taken out wherever it stands.
fn without_value(text: &str, name: &str) -> String {
    let between = |c: char| c.is_whitespace() || "\\\"':=".contains(c);
    let in_value = |c: char| !(c.is_whitespace() || "\\\"'&,}#".contains(c));
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(name) {
        let (before, behind) = rest.split_at(at + name.len());
        let value = behind.trim_start_matches(between);
        let mark = &behind[..behind.len() - value.len()];
        shown.push_str(before);
        shown.push_str(mark);
        rest = value;
        if mark.contains([':', '=']) {
            shown.push_str("***");
            rest = value.trim_start_matches(in_value);
        }
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use super::without_value;

    #[test]
    fn what_follows_a_name_is_taken_out_and_nothing_else() {
        for (text, shown) in [
            ("access_token=50_Ab-c&openid=o", "access_token=***&openid=o"),
            ("/a?x=1&access_token=50_Ab", "/a?x=1&access_token=***"),
            (r#"{"access_token": "50_Ab","b":1}"#, r#"{"access_token": "***","b":1}"#),
            (r#"{\"access_token\":\"50_Ab\"}"#, r#"{\"access_token\":\"***\"}"#),
            ("access_token missing, see access_token=a#b", "access_token missing, see access_token=***#b"),
            ("access_token=", "access_token=***"),
            ("access_token", "access_token"),
            ("令牌access_token=密&更", "令牌access_token=***&更"),
            ("", ""),
        ] {
            assert_eq!(without_value(text, "access_token"), shown);
        }
    }
}
