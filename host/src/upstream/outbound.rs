//! HTTP requests that a plugin makes.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};

use super::TransportError;
use super::lookups::Askers;
use super::outside::{self, Outside};
use super::{answer, http};

/// Headers of one connection, or written by whoever speaks HTTP: nobody's to set who only makes a request or an answer, and
/// of no meaning behind it.
pub(crate) const OF_THE_CONNECTION: &[&str] = &[
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Sends plugins' requests. Clones share connections.
#[derive(Debug, Clone)]
pub struct Outbound {
    outside: Outside,
    askers: Askers,
}

/// A request as a plugin states it.
#[derive(Debug)]
pub struct OutboundRequest {
    /// Upper-case.
    pub method: String,
    /// Where to.
    pub url: Url,
    /// Names and values. Those of the connection itself are left out.
    pub headers: Vec<(String, String)>,
    /// May be empty.
    pub body: Bytes,
    /// How long it may take until the whole answer is there.
    pub timeout: Duration,
    /// How long the answer's body may be, in bytes.
    pub max_answer: usize,
    /// Whether the operator means this very address, be it on the internet or not.
    pub is_meant: bool,
}

/// What came back, whatever its status.
#[derive(Debug)]
pub struct OutboundAnswer {
    /// HTTP's.
    pub status: u16,
    /// Names in small letters, and values. Those of the connection itself are left out.
    pub headers: Vec<(String, String)>,
    /// At most as long as the request allows.
    pub body: Bytes,
}

/// Why there is no answer. None of the texts holds the URL.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// It tunnels, or repeats what was sent.
    #[error("the method is none of GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS")]
    Method,
    /// It cannot stand in a request.
    #[error("header {0} is not one: a name of letters, digits and hyphens, and a value on one line")]
    Header(usize),
    /// The host is in a network of this side.
    #[error("{host} has no public address")]
    NotPublic {
        /// As it stands in the URL.
        host: String,
    },
    /// The request did not get through.
    #[error(transparent)]
    Transport(#[from] TransportError),
}

impl Outbound {
    /// Prepares the connections.
    ///
    /// # Errors
    /// When the system has no TLS roots.
    pub fn new() -> reqwest::Result<Self> {
        Ok(Self { outside: Outside::new()?, askers: Askers::default() })
    }

    /// Sends a request of `plugin` for `app` once. A redirect is an answer as any other.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn send(
        &self,
        plugin: &str,
        app: &str,
        request: OutboundRequest,
    ) -> Result<OutboundAnswer, OutboundError> {
        let OutboundRequest { method, url, headers, body, timeout, max_answer, is_meant } = request;
        let host = url.host_str().unwrap_or_default().to_owned();
        let not_public = || OutboundError::NotPublic { host: host.clone() };
        let client = self.outside.client(&url, is_meant).map_err(|_| not_public())?;
        let building = client.request(allowed(&method)?, url).headers(head(&headers)?).timeout(timeout);
        let sending = self.askers.plugin(plugin, app).within(building.body(body).send());
        let response = sending.await.map_err(|error| {
            if outside::was_refused(&error) { not_public() } else { http::failure(error, timeout).into() }
        })?;
        let (status, headers) = (response.status().as_u16(), read_head(response.headers()));
        let body = answer::body(response, max_answer, timeout).await?;
        Ok(OutboundAnswer { status, headers, body })
    }
}

fn allowed(method: &str) -> Result<Method, OutboundError> {
    let allowed = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    if !allowed.contains(&method) {
        return Err(OutboundError::Method);
    }
    method.parse().map_err(|_| OutboundError::Method)
}

fn head(headers: &[(String, String)]) -> Result<HeaderMap, OutboundError> {
    let mut head = HeaderMap::new();
    for (index, (name, value)) in headers.iter().enumerate() {
        let wrong = OutboundError::Header(index + 1);
        let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) else {
            return Err(wrong);
        };
        if !OF_THE_CONNECTION.contains(&name.as_str()) {
            head.append(name, value);
        }
    }
    Ok(head)
}

fn read_head(headers: &HeaderMap) -> Vec<(String, String)> {
    let kept = headers.iter().filter(|(name, _)| !OF_THE_CONNECTION.contains(&name.as_str()));
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    kept.map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;

    use super::*;
    use crate::upstream::silent_names::{self, SilentNames};

    #[tokio::test]
    async fn a_plugin_whose_names_are_looked_up_slowly_keeps_no_other_from_asking_nor_another_app() {
        let names = SilentNames::default();
        let outside = Outside::resolving_with(names.clone()).unwrap();
        let outbound = Outbound { outside, askers: Askers::default() };
        let ask = async |plugin: &str, app: &str, host: &str| {
            let request = OutboundRequest {
                method: "GET".to_owned(),
                url: format!("http://{host}/").parse().unwrap(),
                headers: Vec::new(),
                body: Bytes::new(),
                timeout: Duration::from_secs(10),
                max_answer: 0,
                is_meant: false,
            };
            outbound.send(plugin, app, request).await.is_ok()
        };
        let hosts: Vec<_> = (0..100).map(|number| format!("{number}.slow.example")).collect();
        join_all(hosts.iter().map(|host| silent_names::in_vain(ask("slow", "shop", host)))).await;
        assert!(names.heard() < 20, "{}", names.heard());
        assert!(names.hears("blog.example", ask("slow", "blog", "blog.example")).await);
        assert!(names.hears("quick.example", ask("quick", "shop", "quick.example")).await);
    }
}
