//! Files that WeChat's API names by an address only: videos.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, Url};
use weft_wechat::api::RawAnswer;

use super::TransportError;
use super::answer::{AnswerStream, Beginning};
use super::http;
use super::public_address::{PublicOnly, SystemNames, is_public};
use crate::config::WechatConfig;

/// How long a file may take altogether.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Gets files from public addresses, and from the API's own.
#[derive(Debug, Clone)]
pub(super) struct Files {
    public: Client,
    own: Client,
    base: Option<Url>,
}

impl Files {
    /// The API that `config` names need not have a public address.
    pub(super) fn new(config: &WechatConfig) -> reqwest::Result<Self> {
        let own = http::wechat_client(config)?;
        let public = match &config.proxy {
            // It alone may be able to look names up, and need not be public itself.
            Some(_) => own.clone(),
            None => http::client().dns_resolver(Arc::new(PublicOnly::of(SystemNames))).build()?,
        };
        Ok(Self { public, own, base: config.api_base.parse().ok() })
    }

    /// What is at `url`, without a token; none when that is no address to get a file from.
    pub(super) async fn get(&self, url: &str, limit: usize) -> Option<Result<RawAnswer, TransportError>> {
        let url: Url = url.parse().ok()?;
        if !matches!(url.scheme(), "http" | "https") {
            return None;
        }
        let host = url.host_str()?;
        let client = if self.base.as_ref().is_some_and(|base| base.origin() == url.origin()) {
            &self.own
        } else {
            // A literal address is never looked up, so the resolver cannot refuse it.
            let address: Option<IpAddr> = host.trim_start_matches('[').trim_end_matches(']').parse().ok();
            if address.is_some_and(|address| !is_public(address)) {
                return None;
            }
            &self.public
        };
        Some(match client.get(url).timeout(TIMEOUT).send().await {
            Ok(response) => {
                AnswerStream::open(response, Beginning::All, limit, TIMEOUT).await.map(AnswerStream::into_raw)
            }
            Err(error) => Err(http::failure(error, TIMEOUT)),
        })
    }
}
