//! What of a plugin's answer goes out, and what goes out with it.
//!
//! All pages have one origin, and where `admin_listen` is not set it is that of the operator's side, too: a script of a
//! page could then do there what the operator may who looks at it. So browsers are told to give such pages an origin of
//! their own (`sandbox` without `allow-same-origin`): scripts, forms and links work, but cookies do not reach forms, and
//! nothing can be stored. With `admin_listen` pages have the origin of the address, and share it with each other.
//! `host/docs/pages.md` tells operators and authors.

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};

use super::cookies;
use crate::upstream::OF_THE_CONNECTION;

/// What the pages share an origin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// With other pages.
    Public,
    /// With the operator's side.
    WithOperator,
}

/// What is not a page's to say, as it holds for more than itself: for all of the origin or the host, or for a proxy in
/// front that would fetch files or other addresses by it.
const FOR_ALL: [&str; 13] = [
    "alt-svc",
    "clear-site-data",
    "date",
    "nel",
    "origin-agent-cluster",
    "public-key-pins",
    "report-to",
    "reporting-endpoints",
    "service-worker-allowed",
    "strict-transport-security",
    "x-content-type-options",
    "x-request-id",
    "x-reproxy-url",
];

/// The same for whatever begins so: with it a proxy in front sends a file of its own, or what is somewhere else.
const FOR_PROXIES: [&str; 4] = ["x-accel-", "x-lighttpd-", "x-litespeed-", "x-sendfile"];

/// What pages may do in an origin of their own.
const SANDBOX: HeaderValue = HeaderValue::from_static(
    "sandbox allow-downloads allow-forms allow-modals allow-popups allow-scripts \
     allow-top-navigation-by-user-activation",
);

/// What holds where a page says nothing itself: nobody frames it, no plugin content, no other base.
const POLICY: HeaderValue = HeaderValue::from_static("base-uri 'self'; frame-ancestors 'self'; object-src 'none'");

const NO_SNIFFING: HeaderValue = HeaderValue::from_static("nosniff");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// The response; cookies stay below `base`.
pub(super) fn response(status: StatusCode, headers: HeaderMap, body: Bytes, base: &str, origin: Origin) -> Response {
    let has_no_body = [StatusCode::NO_CONTENT, StatusCode::RESET_CONTENT, StatusCode::NOT_MODIFIED].contains(&status);
    let mut response = Response::new(if has_no_body { Body::empty() } else { Body::from(body) });
    *response.status_mut() = status;
    *response.headers_mut() = with_ours(passed_on(headers, base), origin);
    response
}

/// Those headers that are the page's to say.
fn passed_on(headers: HeaderMap, base: &str) -> HeaderMap {
    let mut passed_on = HeaderMap::new();
    let mut last = None;
    for (name, value) in headers {
        // The iterator gives a name with the first of its values only.
        last = name.or(last);
        let Some(name) = last.clone().filter(is_a_pages_own) else { continue };
        let value = if name == header::SET_COOKIE { cookies::below(base, &value) } else { Some(value) };
        if let Some(value) = value {
            passed_on.append(name, value);
        }
    }
    passed_on
}

fn is_a_pages_own(name: &HeaderName) -> bool {
    let name = name.as_str();
    !OF_THE_CONNECTION.contains(&name)
        && !FOR_ALL.contains(&name)
        && !FOR_PROXIES.iter().any(|beginning| name.starts_with(beginning))
}

fn with_ours(mut headers: HeaderMap, origin: Origin) -> HeaderMap {
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NO_SNIFFING);
    // What one visitor is shown is not another's: what may be kept says so.
    headers.entry(header::CACHE_CONTROL).or_insert(NO_STORE);
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(POLICY);
    if origin == Origin::WithOperator {
        // A second policy can only forbid more.
        headers.append(header::CONTENT_SECURITY_POLICY, SANDBOX);
    }
    headers
}
