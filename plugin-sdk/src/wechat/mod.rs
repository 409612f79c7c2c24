//! WeChat's API with the app's access token, which no plugin sees. Needs the grant `wechat_apis`, a
//! list of path prefixes; each function names the path that it calls.
//!
//! ```
//! use weft_plugin::{wechat, Error};
//!
//! fn language(openid: &str) -> Result<String, Error> {
//!     let user: serde_json::Value = wechat::get("/cgi-bin/user/info", &[("openid", openid)])?;
//!     Ok(user["language"].as_str().unwrap_or("zh_CN").into())
//! }
//! ```
//!
//! What plugins use most has a module of its own here. Everything else goes through [`get`], [`post`]
//! and [`call`]: `docs/wechat-api.md` in the SDK's folder lists all of WeChat's calls with the line
//! that makes each.

use serde::{
    Deserialize, Serialize,
    de::{DeserializeOwned, IgnoredAny},
};

pub use crate::bindings::imported::wechat::{Body, Part, Request, Response};
use crate::{error::Error, imports};

pub mod customer_service;
pub mod datacube;
pub mod draft;
pub mod freepublish;
pub mod media;
pub mod menu;
pub mod qrcode;
pub mod security;
pub mod shorten;
pub mod tags;
pub mod user;
pub mod wxacode;

/// Its example has to compile.
#[cfg(doctest)]
#[doc = include_str!("../../docs/wechat-api.md")]
struct Table;

impl Response {
    /// The body read as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        Ok(serde_json::from_slice(&self.body)?)
    }
}

impl Request {
    /// A GET request without query.
    pub fn get(path: impl Into<String>) -> Self {
        Self { method: "GET".to_owned(), path: path.into(), query: Vec::new(), body: Body::Empty }
    }

    /// A POST request without query and body.
    pub fn post(path: impl Into<String>) -> Self {
        Self { method: "POST".to_owned(), ..Self::get(path) }
    }

    /// Adds to the query, which goes without `access_token`.
    #[must_use]
    pub fn query(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }

    /// Sets the body to `value` as JSON.
    pub fn json(self, value: &impl Serialize) -> Result<Self, Error> {
        Ok(Self { body: Body::Json(serde_json::to_string(value)?), ..self })
    }

    /// Adds a part to the body, which becomes a form.
    #[must_use]
    pub fn part(mut self, part: Part) -> Self {
        match &mut self.body {
            Body::Multipart(parts) => parts.push(part),
            Body::Empty | Body::Json(_) => self.body = Body::Multipart(vec![part]),
        }
        self
    }

    /// Sends it. A non-zero errcode is [`Error::Wechat`].
    pub fn send(&self) -> Result<Response, Error> {
        imports::wechat::call(self)
    }
}

impl Part {
    /// A file of a form.
    pub fn file(
        name: impl Into<String>,
        filename: impl Into<String>,
        content_type: impl Into<String>,
        data: impl Into<Vec<u8>>,
    ) -> Self {
        let (filename, content_type) = (Some(filename.into()), Some(content_type.into()));
        Self { name: name.into(), filename, content_type, data: data.into() }
    }

    /// A text of a form.
    pub fn text(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), filename: None, content_type: None, data: text.into().into_bytes() }
    }
}

/// Reads: a GET request whose answer is JSON. The query goes without `access_token`.
pub fn get<T: DeserializeOwned>(path: &str, query: &[(&str, &str)]) -> Result<T, Error> {
    let request = Request::get(path);
    query.iter().fold(request, |request, &(name, value)| request.query(name, value)).send()?.json()
}

/// Writes: a POST request with JSON, whose answer is JSON.
pub fn post<T: DeserializeOwned>(path: &str, body: &impl Serialize) -> Result<T, Error> {
    Request::post(path).json(body)?.send()?.json()
}

/// Any call, such as uploads and downloads. A non-zero errcode is [`Error::Wechat`].
pub fn call(request: &Request) -> Result<Response, Error> {
    request.send()
}

/// Writes, where the answer says nothing but that it is done.
fn tell(path: &str, body: &impl Serialize) -> Result<(), Error> {
    post::<IgnoredAny>(path, body).map(drop)
}

/// One page of openids.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Openids {
    /// All that there are, where WeChat says so.
    pub total: u64,
    /// How many of them are here.
    pub count: u64,
    /// Those that are here.
    #[serde(rename = "data", deserialize_with = "openids")]
    pub openids: Vec<String>,
    /// Where the next page begins; empty behind the last one.
    pub next_openid: String,
}

fn openids<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    struct Data {
        #[serde(default)]
        openid: Vec<String>,
    }
    Ok(Data::deserialize(deserializer)?.openid)
}
