//! WeChat's API with the app's access token, which no plugin sees. Needs the grant `wechat_apis`, a
//! list of path prefixes.
//!
//! ```
//! use weft_plugin::{wechat, Error};
//!
//! fn language(openid: &str) -> Result<String, Error> {
//!     let user: serde_json::Value = wechat::get("/cgi-bin/user/info", &[("openid", openid)])?;
//!     Ok(user["language"].as_str().unwrap_or("zh_CN").into())
//! }
//! ```

use serde::{Serialize, de::DeserializeOwned};

pub use crate::bindings::imported::wechat::{Body, Part, Request, Response};
use crate::{error::Error, imports};

impl Response {
    /// The body read as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        Ok(serde_json::from_slice(&self.body)?)
    }
}

/// Reads: a GET request whose answer is JSON. The query goes without `access_token`.
pub fn get<T: DeserializeOwned>(path: &str, query: &[(&str, &str)]) -> Result<T, Error> {
    let query = query.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    call(&Request { method: "GET".to_owned(), path: path.to_owned(), query, body: Body::Empty })?.json()
}

/// Writes: a POST request with JSON, whose answer is JSON.
pub fn post<T: DeserializeOwned>(path: &str, body: &impl Serialize) -> Result<T, Error> {
    let body = Body::Json(serde_json::to_string(body)?);
    call(&Request { method: "POST".to_owned(), path: path.to_owned(), query: Vec::new(), body })?.json()
}

/// Any call, such as uploads and downloads. A non-zero errcode is [`Error::Wechat`].
pub fn call(request: &Request) -> Result<Response, Error> {
    imports::wechat::call(request)
}
