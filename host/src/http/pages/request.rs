//! What a plugin is told of a request.

use axum::http::{HeaderMap, HeaderName, StatusCode, header, request::Parts};
use reqwest::Url;

use super::{cookies, failure::Failure};
use crate::{
    plugins::{
        PageRequest,
        limits::{HTTP_URL_BYTES, headers_fit},
    },
    upstream::OF_THE_CONNECTION,
};

/// Whatever begins so says who the visitor is or what they asked for, and anybody can say it: proxies in front are not
/// known here. What a plugin may believe is in the request's own fields.
const CLAIMS: [&str; 3] = ["x-forwarded-", "x-wechat-", "x-weft-"];

/// See [`CLAIMS`].
const MORE_CLAIMS: [&str; 8] = [
    "cf-connecting-ip",
    "forwarded",
    "true-client-ip",
    "x-client-ip",
    "x-http-method-override",
    "x-original-url",
    "x-real-ip",
    "x-rewrite-url",
];

/// Beginning of the tokens of the admin API.
const OUR_TOKENS: &str = "weft_";

/// All but the body.
///
/// # Errors
/// When it is too long.
pub(super) fn head(head: &Parts, path: String, public_url: Option<&Url>) -> Result<PageRequest, Failure> {
    let query = head.uri.query().unwrap_or_default().to_owned();
    if path.len() + query.len() > HTTP_URL_BYTES {
        return Err(Failure::new(StatusCode::URI_TOO_LONG));
    }
    let mut headers = headers(&head.headers);
    // The name under which the world knows this server, whatever the client, or a proxy, says it asked for: links that are
    // made of it lead here.
    if let Some(url) = public_url {
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        headers.push((header::HOST.to_string(), format!("{}{port}", url.host_str().unwrap_or_default())));
    }
    if !headers_fit(&headers) {
        return Err(Failure::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE));
    }
    Ok(PageRequest {
        method: head.method.to_string(),
        path,
        query,
        headers,
        body: Vec::new(),
        // Sessions of web authorization and of mini programs will name the user; there are none yet.
        user: None,
    })
}

/// Those that a plugin may see.
fn headers(all: &HeaderMap) -> Vec<(String, String)> {
    // Headers that a connection names are its own as well.
    let named = all.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let named: Vec<String> =
        named.flat_map(|names| names.split(',')).map(|name| name.trim().to_ascii_lowercase()).collect();
    let is_seen = |name: &HeaderName| !is_kept_back(name) && !named.iter().any(|own| own == name.as_str());
    let seen = all.iter().filter(|(name, _)| is_seen(name)).filter_map(|(name, value)| {
        // What is not text cannot be told.
        let value = std::str::from_utf8(value.as_bytes()).ok()?;
        let value = match *name {
            header::COOKIE => cookies::of_others(value)?,
            header::AUTHORIZATION if is_our_token(value) => return None,
            _ => value.to_owned(),
        };
        Some((name.to_string(), value))
    });
    seen.collect()
}

fn is_kept_back(name: &HeaderName) -> bool {
    let text = name.as_str();
    OF_THE_CONNECTION.contains(&text)
        || MORE_CLAIMS.contains(&text)
        || CLAIMS.iter().any(|beginning| text.starts_with(beginning))
}

/// Whether there is a token of the admin API that was sent here by mistake, however it is written: no plugin gets it.
fn is_our_token(value: &str) -> bool {
    value.to_ascii_lowercase().contains(OUR_TOKENS)
}
