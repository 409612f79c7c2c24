//! Servers that are not WeChat's: reached at public addresses, and elsewhere only where an operator says so.

use std::net::IpAddr;
use std::sync::Arc;

use reqwest::{Client, Url};

use super::http;
use super::public_address::{NotPublic, PublicOnly, is_public};

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
        let public = http::client().dns_resolver(Arc::new(PublicOnly)).build()?;
        Ok(Self { public, anywhere: http::client().build()? })
    }

    /// What requests to `url` are sent with; its host is meant by the operator, or has to be public.
    ///
    /// # Errors
    /// When the URL holds an address that is not. A name is looked at when it is connected to: see [`was_refused`].
    pub(super) fn client(&self, url: &Url, is_meant: bool) -> Result<&Client, NotPublic> {
        if is_meant {
            return Ok(&self.anywhere);
        }
        // An address needs no resolver, so none would refuse it.
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
