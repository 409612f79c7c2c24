//! HTTP requests that a plugin makes.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};

use super::TransportError;
use super::lookups::Shares;
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
    shares: Shares,
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
        Ok(Self { outside: Outside::new()?, shares: Shares::default() })
    }

    /// Sends a request of `plugin` once. A redirect is an answer as any other.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn send(&self, plugin: &str, request: OutboundRequest) -> Result<OutboundAnswer, OutboundError> {
        let OutboundRequest { method, url, headers, body, timeout, max_answer, is_meant } = request;
        let host = url.host_str().unwrap_or_default().to_owned();
        let not_public = || OutboundError::NotPublic { host: host.clone() };
        let client = self.outside.client(&url, is_meant).map_err(|_| not_public())?;
        let building = client.request(allowed(&method)?, url).headers(head(&headers)?).timeout(timeout);
        let sending = self.shares.of(plugin).within(building.body(body).send());
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
    use std::{
        future::pending,
        io,
        net::SocketAddr,
        sync::{Arc, Mutex},
    };

    use futures::future::join_all;
    use reqwest::dns::{Addrs, Name, Resolve, Resolving};

    use super::*;
    use crate::upstream::lookups::Lookups;

    /// Finds no name, and keeps the names that it was asked for.
    #[derive(Clone, Default)]
    struct Silent(Lookups, Arc<Mutex<Vec<String>>>);

    impl Resolve for Silent {
        fn resolve(&self, name: Name) -> Resolving {
            let asked = Arc::clone(&self.1);
            let silence = self.0.in_turn(async move {
                asked.lock().unwrap().push(name.as_str().to_owned());
                pending::<io::Result<Vec<SocketAddr>>>().await
            });
            Box::pin(async move { Ok(Box::new(silence.await?.into_iter()) as Addrs) })
        }
    }

    #[tokio::test]
    async fn a_plugin_whose_names_are_looked_up_slowly_keeps_no_other_from_asking() {
        let resolver = Silent::default();
        let outside = Outside::resolving_with(resolver.clone()).unwrap();
        let outbound = Outbound { outside, shares: Shares::default() };
        let ask = async |plugin: &str, host: &str| {
            let request = OutboundRequest {
                method: "GET".to_owned(),
                url: format!("http://{host}/").parse().unwrap(),
                headers: Vec::new(),
                body: Bytes::new(),
                timeout: Duration::from_millis(200),
                max_answer: 0,
                is_meant: false,
            };
            outbound.send(plugin, request).await.unwrap_err();
        };
        let hosts: Vec<_> = (0..100).map(|number| format!("{number}.slow.example")).collect();
        join_all(hosts.iter().map(|host| ask("slow", host))).await;
        ask("quick", "quick.example").await;
        let asked = resolver.1.lock().unwrap();
        assert!(asked.iter().any(|name| name == "quick.example"), "{asked:?}");
        assert!(asked.len() < 20, "{asked:?}");
    }
}
