//! `/apps/{app}/merchants/{merchant}/wechat/{path}`: any call of WeChat Pay, signed with the merchant's keys.

use axum::{
    Json,
    body::{Body, Bytes},
    extract::{OriginalUri, State, rejection::BytesRejection},
    http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use weft_wechat::pay::{
    PayPath, PayPathError,
    v2::{self, Fields},
    v3::{self, AnyCall},
};

use super::find_shop;
use crate::{
    bilingual::because,
    http::{
        AppState,
        admin::auth::Caller,
        error::{Path, Problem, check_parts},
        problem_kind::ProblemKind,
        responses::{NotFound, PayUnknown},
    },
    pay::Shop,
};

/// The permission that callers need.
const PERMISSION: &str = "pay_api";
/// Where the path of WeChat Pay begins: `/api/v1/apps/{app}/merchants/{merchant}/wechat/`.
const SEGMENTS_BEFORE: usize = 8;
/// Whether the answer is proven to be WeChat's. A yes always is.
const PROVEN: HeaderName = HeaderName::from_static("x-weft-proven");

/// Asks WeChat Pay (v3). The query goes out as it is. The answer comes back as WeChat gives it, also when it says no: that
/// is a status of 400 to 499 with WeChat's `code`. It is verified before; the header `x-weft-proven` is `false` for a no
/// that WeChat did not sign. When there is no answer that can be believed, the problem says whether WeChat may have done
/// it. What belongs to orders (transactions, refunds) is refused: it goes through the merchant's orders.
#[utoipa::path(get, operation_id = "call_pay_get", path = "/apps/{app}/merchants/{merchant}/wechat/{*path}", tag = "merchants",
    params(("app" = String, Path), ("merchant" = String, Path), ("path" = String, Path, description = "Such as v3/profitsharing/transactions/4208/amounts; may have slashes")),
    responses((status = 200, description = "What WeChat answers; its statuses from 400 to 499 come back, too", content_type = "application/json", body = Value),
        (status = 400, description = "The path is none", body = Problem), NotFound,
        (status = 422, description = "It is not called this way, or keys are missing", body = Problem),
        (status = 502, description = "WeChat Pay cannot be reached", body = Problem), PayUnknown))]
pub(in crate::http::admin) async fn get(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, merchant, _)): Path<(String, String, String)>,
    OriginalUri(uri): OriginalUri,
    method: Method,
) -> Result<Response, Problem> {
    // axum would answer a HEAD by making the call as for GET.
    if method != Method::GET {
        return Err(Problem::method_not_allowed(&method));
    }
    caller.require(Some(&app), PERMISSION)?;
    let path = path(&uri)?;
    if !path.is_v3() {
        return Err(Problem::refused(
            ProblemKind::NotCalledSo,
            "calls of v2 are made with POST · v2 接口须用 POST 调用",
        ));
    }
    let shop = find_shop(&state, &app, &merchant).await?;
    let call = AnyCall { method: v3::Method::Get, path, query: query(&uri), body: Value::Null };
    send_v3(&state, &shop, call).await
}

/// As with GET. Paths that begin with `v3/` take any JSON, or nothing. A text that only WeChat may read, such as a name, is
/// written as `{"$encrypt": "张三"}` and sealed for WeChat, with `Wechatpay-Serial`. All other paths are of v2: a JSON
/// object of texts and numbers, whose answer is an object of texts; what stands in every call (the account, the merchant,
/// `nonce_str`, `sign`) is added, and the client certificate shown where WeChat asks for it. Nothing is sent twice.
#[utoipa::path(post, operation_id = "call_pay_post", path = "/apps/{app}/merchants/{merchant}/wechat/{*path}", tag = "merchants",
    params(("app" = String, Path), ("merchant" = String, Path), ("path" = String, Path, description = "Such as v3/profitsharing/orders or mmpaymkttransfers/sendredpack; may have slashes")),
    request_body(content = Value, content_type = "application/json"),
    responses((status = 200, description = "What WeChat answers; statuses of v3 from 400 to 499 come back, too", content_type = "application/json", body = Value),
        (status = 400, description = "The path is none, or the body no JSON", body = Problem), NotFound,
        (status = 413, description = "The body is too long", body = Problem),
        (status = 422, description = "It is not called this way, or keys are missing", body = Problem),
        (status = 502, description = "WeChat Pay cannot be reached", body = Problem), PayUnknown))]
pub(in crate::http::admin) async fn post(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, merchant, _)): Path<(String, String, String)>,
    OriginalUri(uri): OriginalUri,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let body = body.map_err(|error| Problem::too_large(error.body_text()))?;
    check_parts(&body)?;
    let body = match &*body {
        [] => Value::Null,
        text => serde_json::from_slice(text).map_err(|error| {
            Problem::bad_request(because("the body is not JSON · 请求体不是 JSON", &error.to_string()))
        })?,
    };
    let path = path(&uri)?;
    let shop = find_shop(&state, &app, &merchant).await?;
    caller.notes.after(&json!({"asked": v3::without_marked(&body)}));
    if path.is_v3() {
        let call = AnyCall { method: v3::Method::Post, path, query: query(&uri), body };
        return send_v3(&state, &shop, call).await;
    }
    let call = v2::AnyCall::new(path, fields(body)?);
    let call = call.map_err(|field| Problem::invalid(vec![(field.name().to_owned(), field.to_string())]))?;
    let answer = state.pay.call_v2(&shop, &call).await.map_err(|error| Problem::gateway(&error))?;
    Ok(Json(answer).into_response())
}

fn path(uri: &Uri) -> Result<PayPath, Problem> {
    // As it was written: nothing that is escaped becomes a slash.
    let path = uri.path().splitn(SEGMENTS_BEFORE + 1, '/').nth(SEGMENTS_BEFORE).unwrap_or_default();
    let path = if path.starts_with('/') { Err(PayPathError::Malformed) } else { path.parse() };
    path.map_err(|error: PayPathError| match error {
        PayPathError::Malformed => Problem::bad_request(error.to_string()),
        PayPathError::Owned { .. } => Problem::refused(ProblemKind::NotCalledSo, error.to_string()),
    })
}

fn query(uri: &Uri) -> Vec<(String, String)> {
    form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect()
}

/// The texts of a call of v2. WeChat knows no others; numbers are written as they stand.
fn fields(body: Value) -> Result<Fields, Problem> {
    let members = match body {
        Value::Null => serde_json::Map::new(),
        Value::Object(members) => members,
        _ => {
            return Err(Problem::bad_request(
                "the body of a call of v2 is a JSON object · v2 接口的请求体须是 JSON 对象",
            ));
        }
    };
    let text = |(name, value): (String, Value)| match value {
        Value::String(text) => Ok((name, text)),
        Value::Number(number) if number.is_u64() => Ok((name, number.to_string())),
        _ => Err(Problem::invalid(vec![(name, "a text or a whole number · 文本或整数".to_owned())])),
    };
    members.into_iter().map(text).collect()
}

async fn send_v3(state: &AppState, shop: &Shop, call: AnyCall) -> Result<Response, Problem> {
    let answer = state.pay.call_v3(shop, call).await.map_err(|error| Problem::gateway(&error))?;
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
    let proven = HeaderValue::from_static(if answer.is_proven { "true" } else { "false" });
    let mut response = (status, Body::from(answer.body)).into_response();
    let headers = [
        (PROVEN, proven),
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        // It is not ours, and browsers must not run it at our origin.
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    for (name, value) in headers {
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}
