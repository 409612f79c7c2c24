//! The one HTTP client for WeChat: connections are reused, every call has its limits of time and length.

use std::time::Duration;

use bytes::Bytes;
use reqwest::multipart::{Form, Part};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Response, Url};
use weft_wechat::api::{Body, FilePart, Method, RawAnswer, Request};

use super::TransportError;
use crate::secret::Secret;

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long an operator's server may take to hand out a token, and how long its answer may be.
const URL_TIMEOUT: Duration = Duration::from_secs(5);
const URL_MAX_ANSWER: usize = 64 << 10;

/// Sends requests to one server.
#[derive(Debug, Clone)]
pub(super) struct Http {
    client: Client,
    base: String,
}

/// How every client of ours begins: no redirects, no proxy from the environment, connections in time.
pub(super) fn client() -> ClientBuilder {
    // Another part of the process may have chosen the provider already.
    drop(rustls::crypto::ring::default_provider().install_default());
    Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .user_agent(concat!("weft/", env!("CARGO_PKG_VERSION")))
}

impl Http {
    /// For the server at `base`.
    pub(super) fn new(base: &str) -> reqwest::Result<Self> {
        Ok(Self { client: client().build()?, base: base.to_owned() })
    }

    /// Sends `request` once, with the access token if there is one.
    pub(super) async fn send(&self, request: &Request, token: Option<&Secret>) -> Result<RawAnswer, TransportError> {
        let url = format!("{}{}", self.base, request.path);
        let mut building = match request.method {
            Method::Get => self.client.get(url),
            Method::Post => self.client.post(url),
        };
        if let Some(token) = token {
            building = building.query(&[("access_token", token.expose())]);
        }
        building = building.query(&request.query).timeout(request.timeout);
        building = match &request.body {
            Body::Empty => building,
            Body::Json(json) => building.header("content-type", "application/json").body(json.clone()),
            Body::Multipart { fields, file } => building.multipart(form(fields, file)),
        };
        let response = building.send().await.map_err(|error| failure(error, request.timeout))?;
        read(response, request.max_answer, request.timeout).await
    }

    /// Gets what is at a URL of the operator's.
    pub(super) async fn get(&self, url: Url) -> Result<RawAnswer, TransportError> {
        let sent = self.client.get(url).timeout(URL_TIMEOUT).send().await;
        read(sent.map_err(|error| failure(error, URL_TIMEOUT))?, URL_MAX_ANSWER, URL_TIMEOUT).await
    }
}

/// What went wrong, without the URL, in which the token stands.
pub(super) fn failure(error: reqwest::Error, timeout: Duration) -> TransportError {
    let error = error.without_url();
    if error.is_connect() {
        TransportError::Connect(error)
    } else if error.is_timeout() {
        TransportError::Timeout(timeout)
    } else {
        TransportError::Cut(error)
    }
}

/// The answer, when it is one and not too long.
pub(super) async fn read(response: Response, limit: usize, timeout: Duration) -> Result<RawAnswer, TransportError> {
    let status = response.status();
    if !status.is_success() {
        return Err(TransportError::Status(status.as_u16()));
    }
    let text = |name: &str| {
        let value = response.headers().get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        value.unwrap_or_default()
    };
    let (content_type, content_disposition) = (text("content-type"), text("content-disposition"));
    let body = body(response, limit, timeout).await?;
    Ok(RawAnswer { content_type, content_disposition, body })
}

/// The whole of an answer's body, when it is not too long.
pub(super) async fn body(mut response: Response, limit: usize, timeout: Duration) -> Result<Bytes, TransportError> {
    let announced = response.content_length().unwrap_or(0);
    if announced > limit as u64 {
        return Err(TransportError::TooLarge(limit));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failure(error, timeout))? {
        if body.len() + chunk.len() > limit {
            return Err(TransportError::TooLarge(limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.into())
}

fn form(fields: &[(&'static str, String)], file: &FilePart) -> Form {
    let bytes = Part::stream_with_length(file.bytes.clone(), file.bytes.len() as u64);
    // WeChat reads names as they are, not percent-encoded; `FilePart` has taken out what would break the header.
    let mut part = bytes.file_name(file.filename.clone());
    let mut headers = reqwest::header::HeaderMap::new();
    if let Ok(content_type) = file.content_type.parse() {
        headers.insert("content-type", content_type);
    }
    part = part.headers(headers);
    let texts = fields.iter().fold(Form::new(), |form, (name, text)| form.text(*name, text.clone()));
    texts.part(file.field, part).percent_encode_noop()
}
