//! Hands a message to a server of the operator's, which answers it.

use std::time::Duration;

use bytes::Bytes;
use reqwest::Url;

use super::TransportError;
use super::answer::{AnswerStream, Beginning};
use super::http;
use super::outside::{self, Outside};

/// How long it may take altogether; WeChat waits for five seconds.
const TIMEOUT: Duration = Duration::from_millis(4500);
/// How long the answer may be, in bytes.
const MAX_ANSWER: usize = 256 << 10;

/// Posts to operators' servers. Only public addresses are reached, and the hosts that an operator lists. Clones share
/// connections.
#[derive(Debug, Clone)]
pub struct Forward(Outside);

/// Why there is no answer. None of the texts holds the URL.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// Not a URL, or of another scheme.
    #[error("the address is not an http or https URL")]
    Url,
    /// The host is in a network of this side.
    #[error("{host} has no public address: list it in forward_hosts when it is meant")]
    NotPublic {
        /// As it stands in the URL.
        host: String,
    },
    /// The request did not get through.
    #[error(transparent)]
    Transport(#[from] TransportError),
}

impl Forward {
    /// Prepares both kinds of connections.
    ///
    /// # Errors
    /// When the system has no TLS roots.
    pub fn new() -> reqwest::Result<Self> {
        Ok(Self(Outside::new()?))
    }

    /// Posts `body` to `url`, with `query` behind the URL's own. `listed` are the hosts that may be reached although
    /// they are not public: `host` or `host:port`. A redirect is not followed and is no answer.
    ///
    /// # Errors
    /// Why there is none: another status than 2xx, more than 4.5 seconds, more than 256 KiB.
    pub async fn post(
        &self,
        url: &str,
        listed: &[String],
        query: Option<&str>,
        body: Bytes,
        content_type: &str,
    ) -> Result<Bytes, ForwardError> {
        let mut url: Url = url.parse().map_err(|_| ForwardError::Url)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(ForwardError::Url);
        }
        let host = url.host_str().ok_or(ForwardError::Url)?.to_owned();
        let not_public = || ForwardError::NotPublic { host: host.clone() };
        let client = self.0.client(&url, outside::is_listed(listed, &url)).map_err(|_| not_public())?;
        if let Some(query) = query.filter(|query| !query.is_empty()) {
            let both = url.query().filter(|own| !own.is_empty()).map(|own| format!("{own}&{query}"));
            url.set_query(Some(both.as_deref().unwrap_or(query)));
        }
        let request = client.post(url).header("content-type", content_type).timeout(TIMEOUT).body(body);
        let response = request.send().await.map_err(|error| {
            if outside::was_refused(&error) { not_public() } else { http::failure(error, TIMEOUT).into() }
        })?;
        Ok(AnswerStream::open(response, Beginning::All, MAX_ANSWER, TIMEOUT).await?.into_raw().body)
    }
}
