//! ANY /{path}: a call whose path, query and body somebody else writes.

use std::time::Duration;

use super::media::MediaType;
use super::{ApiPath, Body, Method, Request};

/// How long a body may be, in bytes, where nothing less is known.
pub const MAX_UPLOAD: u64 = 32 << 20;
/// What a form has around its file, in bytes.
const FORM: u64 = 64 << 10;
/// How long an answer may be, in bytes.
const MAX_ANSWER: usize = 64 << 20;
/// How long to wait for the whole answer.
const TIMEOUT: Duration = Duration::from_secs(50);

/// A call that has no file of its own here, or whose answer is wanted as it comes.
#[derive(Debug, Clone)]
pub struct AnyCall {
    /// GET or POST.
    pub method: Method,
    /// What is called.
    pub path: ApiPath,
    /// The query. An `access_token` in it does not go out.
    pub query: Vec<(String, String)>,
    /// The body.
    pub body: Body,
}

impl AnyCall {
    /// What is sent. What is asked for with GET may be asked for again.
    pub fn request(self) -> Request {
        let Self { method, path, query, body } = self;
        let query = query.into_iter().filter(|(name, _)| !name.eq_ignore_ascii_case("access_token"));
        Request {
            host: path.host(),
            method,
            needs: path.needs(),
            path: path.to_string(),
            query: query.map(|(name, value)| (name.into(), value)).collect(),
            body,
            idempotent: method == Method::Get,
            timeout: TIMEOUT,
            max_answer: MAX_ANSWER,
        }
    }

    /// How long the body may be, in bytes: what WeChat takes of the `type` that the query names.
    pub fn max_upload(&self) -> u64 {
        let permanent = match self.path.as_str() {
            "/cgi-bin/media/upload" => false,
            "/cgi-bin/material/add_material" => true,
            _ => return MAX_UPLOAD,
        };
        let media_type = self.query.iter().find(|(name, _)| name == "type");
        let media_type = media_type.and_then(|(_, value)| value.parse::<MediaType>().ok());
        media_type.map_or(MAX_UPLOAD, |media_type| media_type.max_bytes(permanent) + FORM)
    }
}
