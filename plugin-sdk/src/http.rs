//! HTTP calls to the outside. Needs the grant `http_hosts`, which lists scheme, host and port.
//!
//! ```
//! use weft_plugin::{prelude::*, testing::TestHost};
//!
//! fn weather(city: &str) -> Result<String> {
//!     let answer = http::Request::get("https://weather.example.com/now").query("city", city).send()?;
//!     if answer.status != 200 {
//!         Err(format!("the weather answered {}", answer.status))?;
//!     }
//!     Ok(answer.text()?.to_owned())
//! }
//!
//! TestHost::new().grant_http_hosts(&["https://weather.example.com"]).on_http(|request| {
//!     assert_eq!(request.url, "https://weather.example.com/now?city=%E6%9D%AD%E5%B7%9E");
//!     Ok(http::Response { status: 200, headers: Vec::new(), body: "晴".into() })
//! });
//! assert_eq!(weather("杭州").unwrap(), "晴");
//! ```
//!
//! Without the grant, and for an address that is not public, the error is [`Error::Denied`]; what takes too long is
//! [`Error::TimedOut`], what is too large [`Error::Limited`] (a megabyte each way, 64 headers), and what does not connect
//! [`Error::Unavailable`].
//!
//! The headers of the connection are the host's own, and none say that a request came through proxies: `Forwarded`,
//! `X-Forwarded-…`, `X-Real-IP` and `Via` are left out.

use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};

pub use crate::bindings::imported::http::{Request, Response};
use crate::{error::Error, imports};

impl Request {
    /// A request without headers and body; `url` is absolute.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self { method: method.into(), url: url.into(), headers: Vec::new(), body: Vec::new(), timeout_ms: None }
    }

    /// A GET request.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// A POST request.
    pub fn post(url: impl Into<String>) -> Self {
        Self::new("POST", url)
    }

    /// Adds to the query of the URL, encoded: what people wrote goes here, and not into the URL itself.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        let pair = form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish();
        let (url, fragment) = self.url.split_once('#').unwrap_or((self.url.as_str(), ""));
        let between = match url.split_once('?') {
            None => "?",
            Some((_, "")) => "",
            Some(_) => "&",
        };
        let fragment = if fragment.is_empty() { String::new() } else { format!("#{fragment}") };
        self.url = format!("{url}{between}{pair}{fragment}");
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets the body to `value` as JSON, and its content type.
    pub fn json(self, value: &impl Serialize) -> Result<Self, Error> {
        Ok(self.header("content-type", "application/json").body(serde_json::to_vec(value)?))
    }

    /// Sets the body to a form (`application/x-www-form-urlencoded`), and its content type.
    ///
    /// ```
    /// let request = weft_plugin::http::Request::post("https://example.com/").form(&[("name", "张三"), ("gift", "1")]);
    /// assert_eq!(request.body, b"name=%E5%BC%A0%E4%B8%89&gift=1");
    /// ```
    #[must_use]
    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.header("content-type", "application/x-www-form-urlencoded").body(body)
    }

    /// Waits no longer than this. The operator's `http_timeout_ms` and the time that is left of the call bound it anyway.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout_ms = Some(u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX));
        self
    }

    /// Sends it. Any status is an answer; errors are refusals, connections that fail and time that
    /// runs out. Redirects are not followed.
    pub fn send(&self) -> Result<Response, Error> {
        imports::http::send(self)
    }
}

impl Response {
    /// The value of a header, whatever the case of its name.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// The body as text.
    pub fn text(&self) -> Result<&str, Error> {
        Ok(std::str::from_utf8(&self.body)?)
    }

    /// The body read as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        Ok(serde_json::from_slice(&self.body)?)
    }
}

pub(crate) fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}
