//! The HTTP client for WeChat: connections are reused, every call has its limits of time and length.

use std::time::Duration;

use futures::{TryStreamExt, stream};
use reqwest::multipart::{Form, Part};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Proxy, RequestBuilder, Url};
use tokio::fs::File;
use tokio::io::AsyncReadExt;
use weft_wechat::api::{Body, Content, FilePart, Host, Method, RawAnswer, Request};

use super::TransportError;
use super::answer::{AnswerStream, Beginning};
use crate::config::WechatConfig;
use crate::secret::Secret;

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long an operator's server may take to hand out a token, and how long its answer may be.
const URL_TIMEOUT: Duration = Duration::from_secs(5);
const URL_MAX_ANSWER: usize = 64 << 10;
/// How much of a file is read at a time, in bytes.
const CHUNK: usize = 64 << 10;

/// Sends requests to WeChat's servers, and asks operators' own for tokens.
#[derive(Debug, Clone)]
pub(super) struct Http {
    wechat: Client,
    operators: Client,
    api_base: String,
    mp_base: String,
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

/// A client for WeChat, through the proxy that `config` names if it names one.
pub(super) fn wechat_client(config: &WechatConfig) -> reqwest::Result<Client> {
    match &config.proxy {
        Some(proxy) => client().proxy(Proxy::all(proxy.expose())?).build(),
        None => client().build(),
    }
}

impl Http {
    /// For the servers that `config` names.
    pub(super) fn new(config: &WechatConfig) -> reqwest::Result<Self> {
        let (api_base, mp_base) = (config.api_base.clone(), config.mp_base.clone());
        Ok(Self { wechat: wechat_client(config)?, operators: client().build()?, api_base, mp_base })
    }

    /// Sends `request` once, with the access token if there is one.
    pub(super) async fn send(
        &self,
        request: &Request,
        token: Option<&Secret>,
        beginning: Beginning,
    ) -> Result<AnswerStream, TransportError> {
        let base = match request.host {
            Host::Api => &self.api_base,
            Host::Mp => &self.mp_base,
        };
        let url = format!("{base}{}", request.path);
        let mut building = match request.method {
            Method::Get => self.wechat.get(url),
            Method::Post => self.wechat.post(url),
        };
        if let Some(token) = token {
            building = building.query(&[("access_token", token.expose())]);
        }
        building = building.query(&request.query).timeout(request.timeout);
        let response = with_body(building, &request.body).await?.send().await;
        let response = response.map_err(|error| failure(error, request.timeout))?;
        AnswerStream::open(response, beginning, request.max_answer, request.timeout).await
    }

    /// Gets what is at a URL of the operator's.
    pub(super) async fn get(&self, url: Url) -> Result<RawAnswer, TransportError> {
        let sent = self.operators.get(url).timeout(URL_TIMEOUT).send().await;
        let response = sent.map_err(|error| failure(error, URL_TIMEOUT))?;
        Ok(AnswerStream::open(response, Beginning::All, URL_MAX_ANSWER, URL_TIMEOUT).await?.into_raw())
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

async fn with_body(building: RequestBuilder, body: &Body) -> Result<RequestBuilder, TransportError> {
    Ok(match body {
        Body::Empty => building,
        Body::Json(json) => building.header("content-type", "application/json").body(json.clone()),
        Body::Multipart { fields, file } => building.multipart(form(fields, file).await?),
        // The length is stated because WeChat does not take chunked bodies.
        Body::Raw { content_type, content } => building
            .header("content-type", content_type)
            .header("content-length", content.length())
            .body(readable(content).await?),
    })
}

/// Read anew at every try.
async fn readable(content: &Content) -> Result<reqwest::Body, TransportError> {
    match content {
        Content::Bytes(bytes) => Ok(bytes.clone().into()),
        Content::File { path, length } => {
            let file = File::open(path).await.map_err(TransportError::File)?;
            let chunks = stream::try_unfold(file.take(*length), async |mut file| {
                let mut chunk = Vec::with_capacity(CHUNK);
                let read = file.read_buf(&mut chunk).await?;
                Ok::<_, std::io::Error>((read > 0).then_some((chunk, file)))
            });
            Ok(reqwest::Body::wrap_stream(chunks.into_stream()))
        }
    }
}

async fn form(fields: &[(&'static str, String)], file: &FilePart) -> Result<Form, TransportError> {
    let content = Part::stream_with_length(readable(&file.content).await?, file.content.length());
    // WeChat reads names as they are, not percent-encoded; `FilePart` has taken out what would break the header.
    let mut part = content.file_name(file.filename.clone());
    let mut headers = reqwest::header::HeaderMap::new();
    if let Ok(content_type) = file.content_type.parse() {
        headers.insert("content-type", content_type);
    }
    part = part.headers(headers);
    let texts = fields.iter().fold(Form::new(), |form, (name, text)| form.text(*name, text.clone()));
    Ok(texts.part(file.field, part).percent_encode_noop())
}
