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
        let is_meant = listed.iter().any(|entry| is_listed(entry, &host, url.port_or_known_default()));
        let client = self.0.client(&url, is_meant).map_err(|_| not_public())?;
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

/// Whether `entry`, `host` or `host:port`, names this host and port.
fn is_listed(entry: &str, host: &str, port: Option<u16>) -> bool {
    let with_port = entry.rsplit_once(':').and_then(|(name, port)| Some((name, port.parse::<u16>().ok()?)));
    // `[::1]` and `::1` end like a port.
    let (name, wanted) = match with_port {
        Some((name, port)) if !name.contains(':') || name.ends_with(']') => (name, Some(port)),
        _ => (entry, None),
    };
    let name = if name.contains(':') && !name.starts_with('[') { format!("[{name}]") } else { name.to_owned() };
    // Written as in a URL: small letters, punycode, addresses in their usual form.
    let Ok(named) = Url::parse(&format!("http://{name}/")) else { return false };
    named.host_str() == Some(host) && (wanted.is_none() || wanted == port)
}

#[cfg(test)]
mod tests {
    use super::is_listed;

    #[test]
    fn a_listed_host_is_that_host_at_any_port_or_at_the_one_that_is_named() {
        for (entry, host, port) in [
            ("replies.example.com", "replies.example.com", 443),
            ("Replies.Example.com:8080", "replies.example.com", 8080),
            ("10.0.0.7:80", "10.0.0.7", 80),
            ("[::1]:8080", "[::1]", 8080),
            ("[::1]", "[::1]", 1),
            ("::1", "[::1]", 1),
            ("bücher.example", "xn--bcher-kva.example", 80),
        ] {
            assert!(is_listed(entry, host, Some(port)), "{entry}");
        }
        for (entry, host, port) in [
            ("example.com", "replies.example.com", 80),
            ("example.com:80", "example.com", 8080),
            ("10.0.0.7:80", "10.0.0.7", 81),
            ("[::1]:8080", "[::1]", 80),
            ("", "example.com", 80),
            (":80", "example.com", 80),
        ] {
            assert!(!is_listed(entry, host, Some(port)), "{entry}");
        }
    }
}
