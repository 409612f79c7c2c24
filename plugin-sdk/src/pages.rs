//! Pages: answer HTTP requests below `/wechat/{app}/pages/{plugin}/`.
//!
//! ```
//! use weft_plugin::{prelude::*, testing::{self, TestHost}};
//!
//! /// A button, and how often it was pressed.
//! #[page]
//! fn likes(request: PageRequest) -> Result<PageResponse> {
//!     if request.method == "POST" {
//!         kv::update("likes", |likes: Option<u32>| Ok(likes.unwrap_or(0) + 1))?;
//!         return Ok(PageResponse::redirect("?"));
//!     }
//!     let likes: u32 = kv::get_json("likes")?.unwrap_or(0);
//!     Ok(PageResponse::html(format!(r#"<form method="post"><button>{likes} 赞</button></form>"#)))
//! }
//!
//! let host = TestHost::new().grant_kv();
//! assert_eq!(host.serve("likes", testing::request("POST", "/")).unwrap().status, 303);
//! let page = host.serve("likes", testing::request("GET", "/")).unwrap();
//! assert!(String::from_utf8(page.body).unwrap().contains("1 赞"));
//! ```
//!
//! Who asks is not known yet: [`PageRequest::user`] is `None` in every request that a server hands on.
//!
//! The host serves them where the operator grants `pages`. Headers that hold for more than the page (`Connection`,
//! `Strict-Transport-Security`, `Service-Worker-Allowed`, …) do not leave, cookies stay below the plugin's own path, and a
//! status is one from 200 to 599. Links and forms are best relative (`?coupon=1`, an empty `action`), so that they work
//! wherever the pages are.

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    bindings::{Component, exported::pages::Guest},
    entry::{self, Export, Returns, Subject},
    error::Error,
    http::header,
};

pub use crate::bindings::exported::pages::{Request as PageRequest, Response as PageResponse, User};

/// A function under `#[page]`.
#[doc(hidden)]
pub type Page = Export<PageRequest, PageResponse>;

inventory::collect!(Page);

impl Subject for PageRequest {
    fn openid(&self) -> Option<&str> {
        self.user.as_ref().map(|user| user.openid.as_str())
    }
}

impl Guest for Component {
    fn serve(page: String, request: PageRequest) -> Result<PageResponse, Error> {
        entry::call("page", &page, request)
    }
}

impl PageRequest {
    /// The value of a header, whatever the case of its name.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// The value of a parameter of the query; of several of that name the first.
    pub fn query_value(&self, name: &str) -> Option<String> {
        value(self.query.as_bytes(), name)
    }

    /// The value of a field of the form that was sent (`application/x-www-form-urlencoded`, which is what forms send that
    /// say nothing else); of several of that name the first.
    pub fn form_value(&self, name: &str) -> Option<String> {
        value(&self.body, name)
    }

    /// The body read as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        Ok(serde_json::from_slice(&self.body)?)
    }
}

fn value(parameters: &[u8], name: &str) -> Option<String> {
    form_urlencoded::parse(parameters).find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}

/// Text as it may stand in HTML, between tags and between quotes: what people wrote cannot be markup then.
///
/// ```
/// assert_eq!(weft_plugin::pages::escape("<b>\"A&B\"</b>"), "&lt;b&gt;&quot;A&amp;B&quot;&lt;/b&gt;");
/// ```
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

impl PageResponse {
    /// A response without headers and body.
    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    /// Status 200 with plain text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::status(200).header("content-type", "text/plain; charset=utf-8").body(text.into())
    }

    /// Status 200 with an HTML page. What comes from people has to be [escaped](escape) before.
    pub fn html(html: impl Into<String>) -> Self {
        Self::status(200).header("content-type", "text/html; charset=utf-8").body(html.into())
    }

    /// Status 200 with JSON.
    pub fn json(value: &impl Serialize) -> Result<Self, Error> {
        Ok(Self::status(200).header("content-type", "application/json").body(serde_json::to_vec(value)?))
    }

    /// Status 303: the browser goes on to `location` with GET.
    pub fn redirect(location: impl Into<String>) -> Self {
        Self::status(303).header("location", location)
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
}

impl Returns<Self> for PageResponse {
    fn returns(self) -> Result<Self, Error> {
        Ok(self)
    }
}
