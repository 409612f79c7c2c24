//! `pages`: answer HTTP requests.

use reqwest::{
    StatusCode,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Call, Inside, Kept, Outcome, exported};
use crate::{
    model::{AppPlugin, PluginTarget},
    plugins::{
        CallError, EntryKind, Plugins, Subject,
        bindings::exported::pages as wit,
        limits::{HTTP_HEADER_BYTES, HTTP_HEADERS, RECORDED_BODY, header_bytes, headers_fit, kib},
        receipts::{json, redacted},
        sandbox::Unsendable,
    },
    printable::printable,
};

pub use wit::{Request as PageRequest, User as PageUser};

/// What a page is answered with: a status from 200 to 599, and headers that are well-formed.
#[derive(Debug, Clone)]
pub struct Page {
    /// The status of the answer.
    pub status: StatusCode,
    /// The headers of the answer, within bounds and in the plugin's order. Which of them visitors get is decided in
    /// `http/pages`.
    pub headers: HeaderMap,
    /// The body of the answer, which is no longer than the plugin may answer.
    pub body: Vec<u8>,
}

/// Asks for a page.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Serve {
    pub(super) request: PageRequest,
}

impl Call for Serve {
    type Answer = wit::Response;
    const KIND: EntryKind = EntryKind::Page;

    fn openid(&self) -> Option<&str> {
        self.request.user.as_ref().map(|user| user.openid.as_str())
    }

    fn kept(&self) -> Kept {
        let PageRequest { method, path, query, headers, body, user } = &self.request;
        let body = Body::of(headers, body);
        let (method, path, query, user) = (method.clone(), path.clone(), query.clone(), user.clone());
        let mut request = PageRequest { method, path, query, headers: headers.clone(), body: Vec::new(), user };
        Box::new(move || {
            request.query = redacted::parameters(&request.query);
            kept(json::value(&request), body.kept())
        })
    }

    fn kept_answer(answer: &Self::Answer) -> Kept {
        let wit::Response { status, headers, body } = answer;
        let body = Body::of(headers, body);
        let answer = wit::Response { status: *status, headers: headers.clone(), body: Vec::new() };
        Box::new(move || kept(json::value(&answer), body.kept()))
    }

    fn searched(&self) -> usize {
        self.request.query.len() + searched(&self.request.headers, &self.request.body)
    }

    fn searched_answer(answer: &Self::Answer) -> usize {
        searched(&answer.headers, &answer.body)
    }

    async fn call(&self, Inside { store, instance, exports, entry }: Inside<'_>) -> Outcome<Self::Answer> {
        let pages = exported(exports.pages.as_ref())?.load(&mut *store, instance)?;
        let answer = pages.call_serve(&mut *store, entry, &self.request).await?;
        if let Ok(response) = &answer {
            let (bytes, most) = (response.body.len(), kib(store.data().limits.page_kib));
            if bytes > most {
                return Err(Unsendable::too_long(bytes, most, "plugins.page_kib").into());
            }
            head(response)?;
        }
        Ok(answer)
    }
}

impl Plugins {
    /// Asks a plugin for the page that the request's path names, or for its first one, within the operator's limits.
    ///
    /// # Errors
    /// When it has no pages for the app, or the page fails; the caller logs it.
    pub async fn serve(&self, plugin: &str, subject: Subject, request: PageRequest) -> Result<Page, CallError> {
        let target = target(plugin, &request.path);
        let answer = self.ask(&target, subject, Serve { request }).await?;
        let (status, headers) = head(&answer).map_err(|unsendable| CallError::from(&unsendable))?;
        Ok(Page { status, headers, body: answer.body })
    }

    /// The name of the page that would answer a request with this path.
    pub fn page_of(&self, plugin: &str, path: &str) -> Option<String> {
        self.page_name(&target(plugin, path))
    }
}

/// The page that a path means.
pub(super) fn target(plugin: &str, path: &str) -> PluginTarget {
    PluginTarget { plugin: plugin.to_owned(), entry: named(path).map(str::to_owned) }
}

/// Whether the app lets the plugin serve pages.
///
/// # Errors
/// When the app has not granted `pages`; the error tells what grants it.
pub(super) fn check_grant(granted: Option<&AppPlugin>, plugin: &str, app: &str) -> Result<(), CallError> {
    if granted.is_some_and(|granted| granted.grants.pages) {
        return Ok(());
    }
    Err(CallError::PagesNotGranted { plugin: plugin.to_owned(), app: app.to_owned() })
}

/// The page that a path names: its first segment. Names have no characters that would be escaped in it.
fn named(path: &str) -> Option<&str> {
    path.trim_start_matches('/').split('/').next().filter(|name| !name.is_empty())
}

/// Status and headers of an answer, if they are well-formed.
fn head(response: &wit::Response) -> Result<(StatusCode, HeaderMap), Unsendable> {
    let wit::Response { status, headers, .. } = response;
    let status = StatusCode::from_u16(*status).ok().filter(|status| (200..600).contains(&status.as_u16()));
    let status =
        status.ok_or_else(|| Unsendable::Unfit(format!("its status is {}, not one of 200 to 599", response.status)))?;
    if !headers_fit(headers) {
        let (count, bytes) = (headers.len(), header_bytes(headers));
        let why = format!("there may be {HTTP_HEADERS} with {HTTP_HEADER_BYTES} together");
        return Err(Unsendable::TooLong(format!("it has {count} headers with {bytes} bytes; {why}")));
    }
    let headers = headers.iter().map(|(name, value)| {
        let known = HeaderName::try_from(name).ok().zip(HeaderValue::try_from(value).ok());
        known.ok_or_else(|| Unsendable::Unfit(format!("`{}` is no header, or its value is none", printable(name))))
    });
    let mut map = HeaderMap::new();
    for header in headers {
        let (name, value) = header?;
        map.append(name, value);
    }
    Ok((status, map))
}

/// Bytes of a request or an answer in which secrets are looked for.
fn searched(headers: &[(String, String)], body: &[u8]) -> usize {
    header_bytes(headers) + body.len().min(RECORDED_BODY)
}

/// A request or an answer as a receipt keeps it, with its secrets hidden.
fn kept(mut message: Value, body: Value) -> Value {
    redacted::redact(&mut message);
    message["body"] = body;
    message
}

/// A body as a receipt keeps it: whole where people can read it and it is not too long, and otherwise its length, with
/// which the call cannot be made again.
enum Body {
    Form(String),
    Text(String),
    LeftOut(usize),
}

impl Body {
    fn of(headers: &[(String, String)], body: &[u8]) -> Self {
        let content_type = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        let content_type = content_type.map(|(_, value)| value.to_ascii_lowercase()).unwrap_or_default();
        let is_form = content_type.starts_with("application/x-www-form-urlencoded");
        // Fields of other forms cannot be told apart, and files are not looked at.
        let is_text = content_type.starts_with("text/") || content_type.contains("json") || body.is_empty();
        if body.len() > RECORDED_BODY || !(is_form || is_text) {
            return Self::LeftOut(body.len());
        }
        match std::str::from_utf8(body) {
            Ok(form) if is_form => Self::Form(form.to_owned()),
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::LeftOut(body.len()),
        }
    }

    /// The JSON of the body, with its secrets hidden.
    fn kept(self) -> Value {
        match self {
            Self::Form(form) => json::value(&redacted::parameters(&form).into_bytes()),
            Self::Text(text) => {
                let mut body = json::value(&text.into_bytes());
                redacted::redact(&mut body);
                body
            }
            Self::LeftOut(bytes) => format!("left out: {bytes} bytes").into(),
        }
    }
}
