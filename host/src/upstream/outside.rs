//! Servers that are not WeChat's: reached at public addresses, and elsewhere only where an operator says so.

use std::net::IpAddr;
use std::sync::Arc;

use reqwest::{Client, ClientBuilder, Url, dns::Resolve};

use super::http;
use super::public_address::{NotPublic, PublicOnly, SystemNames, is_public};

/// Connections of both kinds. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Outside {
    public: Client,
    anywhere: Client,
}

impl Outside {
    /// Prepares both kinds of connections.
    ///
    /// # Errors
    /// When the system has no TLS roots.
    pub(super) fn new() -> reqwest::Result<Self> {
        Self::resolving_with(SystemNames)
    }

    /// Looks names up with `names`; only those of its addresses that are public are reached.
    pub(super) fn resolving_with(names: impl Resolve + 'static) -> reqwest::Result<Self> {
        Self::of(http::client, Arc::new(PublicOnly::of(names)))
    }

    /// Of clients that begin so.
    pub(super) fn of(
        client: impl Fn() -> ClientBuilder,
        names: Arc<PublicOnly<impl Resolve + 'static>>,
    ) -> reqwest::Result<Self> {
        Ok(Self { public: client().dns_resolver(names).build()?, anywhere: client().build()? })
    }

    /// What requests to `url` are sent with; its host is meant by the operator, or has to be public.
    ///
    /// # Errors
    /// When the URL holds an address that is not. A name is looked at when it is connected to: see [`was_refused`].
    pub(super) fn client(&self, url: &Url, is_meant: bool) -> Result<&Client, NotPublic> {
        if is_meant {
            return Ok(&self.anywhere);
        }
        // A literal address is never looked up, so the resolver cannot refuse it.
        let host = url.host_str().unwrap_or_default();
        let address: Option<IpAddr> = host.trim_start_matches('[').trim_end_matches(']').parse().ok();
        if address.is_some_and(|address| !is_public(address)) {
            return Err(NotPublic);
        }
        Ok(&self.public)
    }
}

/// Whether it was our resolver that refused.
pub(super) fn was_refused(error: &reqwest::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<NotPublic>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Whether the operator lists the host of `url`: `listed` holds hosts, or hosts with a port.
pub(super) fn is_listed(listed: &[String], url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    listed.iter().any(|entry| names(entry, host, url.port_or_known_default()))
}

/// Whether `entry`, `host` or `host:port`, names this host and port.
fn names(entry: &str, host: &str, port: Option<u16>) -> bool {
    let with_port = entry.rsplit_once(':').and_then(|(name, port)| Some((name, port.parse::<u16>().ok()?)));
    // `[::1]` and `::1` end in what could be a port.
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
    use super::names;

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
            assert!(names(entry, host, Some(port)), "{entry}");
        }
        for (entry, host, port) in [
            ("example.com", "replies.example.com", 80),
            ("example.com:80", "example.com", 8080),
            ("10.0.0.7:80", "10.0.0.7", 81),
            ("[::1]:8080", "[::1]", 80),
            ("", "example.com", 80),
            (":80", "example.com", 80),
        ] {
            assert!(!names(entry, host, Some(port)), "{entry}");
        }
    }
}
