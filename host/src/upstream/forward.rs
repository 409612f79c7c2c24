//! Hands a message to a server of the operator's, which answers it.

use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::Url;

use super::TransportError;
use super::answer::{AnswerStream, Beginning};
use super::http;
use super::lookups::Askers;
use super::on_the_way::OnTheWay;
use super::outside::{self, Outside};
use crate::model::App;

/// How long it may take altogether; WeChat waits for five seconds.
const TIMEOUT: Duration = Duration::from_millis(4500);
/// How long the answer may be, in bytes.
const MAX_ANSWER: usize = 256 << 10;

/// Posts to operators' servers. Only public addresses are reached, and the hosts that an operator lists. Clones share
/// connections.
#[derive(Debug, Clone)]
pub struct Forward {
    outside: Outside,
    askers: Askers,
    on_the_way: OnTheWay,
}

/// Why there is no answer. None of the texts holds the URL.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// Not a URL, or of another scheme.
    #[error("the address is not an http or https URL · 地址不是 http 或 https 网址")]
    Url,
    /// The host is in a network of this side.
    #[error(
        "{host} has no public address: list it in forward_hosts when it is meant · {host} 没有公网地址：确实要访问的话，请列入 forward_hosts"
    )]
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
        Ok(Self { outside: Outside::new()?, askers: Askers::default(), on_the_way: OnTheWay::default() })
    }

    /// Posts `body` to `url` for `app`, with `query` behind the URL's own. Of hosts that are not public, those are reached
    /// that the app's settings list. A redirect is not followed and is no answer.
    ///
    /// # Errors
    /// Why there is none: another status than 2xx, more than 4.5 seconds, more than 256 KiB.
    pub async fn post(
        &self,
        app: &App,
        url: &str,
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
        let client = self.outside.client(&url, outside::is_listed(&app.settings.forward_hosts, &url));
        let client = client.map_err(|_| not_public())?;
        if let Some(query) = query.filter(|query| !query.is_empty()) {
            let both = url.query().filter(|own| !own.is_empty()).map(|own| format!("{own}&{query}"));
            url.set_query(Some(both.as_deref().unwrap_or(query)));
        }
        let began = Instant::now();
        let _turn = self.on_the_way.turn(&app.name, TIMEOUT).await?;
        let left = TIMEOUT.saturating_sub(began.elapsed());
        let request = client.post(url).header("content-type", content_type).timeout(left).body(body);
        let sending = self.askers.app(&app.name).within(request.send());
        let response = sending.await.map_err(|error| {
            if outside::was_refused(&error) { not_public() } else { http::failure(error, TIMEOUT).into() }
        })?;
        Ok(AnswerStream::open(response, Beginning::All, MAX_ANSWER, TIMEOUT).await?.into_raw().body)
    }
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;

    use super::*;
    use crate::model::AppType;
    use crate::upstream::silent_names::{self, SilentNames};

    #[tokio::test]
    async fn an_app_whose_names_are_looked_up_slowly_keeps_no_other_from_forwarding() {
        let names = SilentNames::default();
        let outside = Outside::resolving_with(names.clone()).unwrap();
        let forward = Forward { outside, ..Forward::new().unwrap() };
        let [slow, quick] = ["slow", "quick"].map(|name| App::new(name, AppType::Service, "wx1"));
        let post = async |app: &App, host: &str| {
            let url = format!("http://{host}/");
            forward.post(app, &url, None, Bytes::new(), "text/xml").await.is_ok()
        };
        let hosts: Vec<_> = (0..100).map(|number| format!("{number}.slow.example")).collect();
        join_all(hosts.iter().map(|host| silent_names::in_vain(post(&slow, host)))).await;
        assert!(names.heard() < 20, "{}", names.heard());
        assert!(names.hears("quick.example", post(&quick, "quick.example")).await);
    }
}
