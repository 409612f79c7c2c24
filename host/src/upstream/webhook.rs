//! Tells a server of the operator's of an event, signed as [Standard Webhooks](https://www.standardwebhooks.com) has it,
//! so that it can check whose word it is with a library that is there for its language.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Url;
use sha2::Sha256;

use super::TransportError;
use super::http;
use super::lookups::Askers;
use super::outside::{self, Outside};
use crate::model::{App, webhook_key};
use crate::secret::Secret;

/// How long the server may take to answer.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Posts events to operators' servers. Only public addresses are reached, and the hosts that an operator lists. Clones
/// share connections.
#[derive(Debug, Clone)]
pub struct Webhooks {
    outside: Outside,
    askers: Askers,
}

/// What a server is told.
#[derive(Debug, Clone, Copy)]
pub struct WebhookMessage<'a> {
    /// The same each time it is told: the server knows by it what it has heard already.
    pub id: &'a str,
    /// JSON.
    pub body: &'a str,
    /// The keys that it is signed with, each of them: a server that changes keys knows one of them.
    pub secrets: &'a [&'a Secret],
    /// Now, in seconds since 1970: a server refuses what is too old.
    pub timestamp: u64,
}

/// Why a server has not heard of an event. None of the texts holds the URL.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// Not a URL, or of another scheme.
    #[error("the address is not an http or https URL · 地址不是 http 或 https 网址")]
    Url,
    /// There is nothing to sign with.
    #[error("the secret is none: set order_webhook_secret · 密钥无效：请设置 order_webhook_secret")]
    Secret,
    /// The host is in a network of this side.
    #[error(
        "{host} has no public address: list it in forward_hosts when it is meant · {host} 没有公网地址：确实要访问的话，请列入 forward_hosts"
    )]
    NotPublic {
        /// As it stands in the URL.
        host: String,
    },
    /// The server wants to hear no more of it.
    #[error(
        "the server answered with HTTP status 410: it wants to hear no more of this · 服务器返回 HTTP 状态码 410：不再接收"
    )]
    Gone,
    /// The request did not get through, or was answered with another status than 2xx.
    #[error(transparent)]
    Transport(#[from] TransportError),
}

impl Webhooks {
    /// How long [`post`](Self::post) may take.
    pub const TIMEOUT: Duration = TIMEOUT;

    /// Prepares both kinds of connections.
    ///
    /// # Errors
    /// When the system has no TLS roots.
    pub fn new() -> reqwest::Result<Self> {
        Ok(Self { outside: Outside::new()?, askers: Askers::default() })
    }

    /// Posts a message of `app` to `url` once, and gives the status of the answer, which is 2xx. Of hosts that are not
    /// public, those are reached that the app's settings list. A redirect is not followed and is no such answer; what
    /// stands in the answer is nobody's matter.
    ///
    /// # Errors
    /// Why the server has not heard of it, or may not have.
    pub async fn post(&self, app: &App, url: &str, message: WebhookMessage<'_>) -> Result<u16, WebhookError> {
        let url: Url = url.parse().map_err(|_| WebhookError::Url)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(WebhookError::Url);
        }
        let host = url.host_str().ok_or(WebhookError::Url)?.to_owned();
        let not_public = || WebhookError::NotPublic { host: host.clone() };
        let signatures: Option<Vec<_>> = message.secrets.iter().map(|secret| message.signature(secret)).collect();
        let signatures = signatures.filter(|signatures| !signatures.is_empty()).ok_or(WebhookError::Secret)?;
        let client = self.outside.client(&url, outside::is_listed(&app.settings.forward_hosts, &url));
        let client = client.map_err(|_| not_public())?;
        let request = client
            .post(url)
            .timeout(TIMEOUT)
            .header("content-type", "application/json")
            .header("webhook-id", message.id)
            .header("webhook-timestamp", message.timestamp)
            .header("webhook-signature", signatures.join(" "))
            .body(message.body.to_owned());
        let sending = self.askers.app(&app.name).within(request.send());
        let answered = sending.await.map_err(|error| {
            if outside::was_refused(&error) { not_public() } else { http::failure(error, TIMEOUT).into() }
        })?;
        match answered.status().as_u16() {
            status @ 200..=299 => Ok(status),
            410 => Err(WebhookError::Gone),
            status => Err(TransportError::Status(status).into()),
        }
    }
}

impl WebhookMessage<'_> {
    fn signature(&self, secret: &Secret) -> Option<String> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&webhook_key(secret)?).ok()?;
        mac.update(format!("{}.{}.{}", self.id, self.timestamp, self.body).as_bytes());
        Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;

    use super::*;
    use crate::model::AppType;
    use crate::upstream::silent_names::{self, SilentNames};

    /// The example that the libraries for Standard Webhooks are tested with.
    #[test]
    fn a_message_is_signed_as_others_sign_it() {
        let body = r#"{"test": 2432232314}"#;
        let message =
            WebhookMessage { id: "msg_p5jXN8AQM9LWM0D4loKWxJek", body, secrets: &[], timestamp: 1_614_265_330 };
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let signature = message.signature(&secret).unwrap();
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_eq!(message.signature(&Secret::new("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")), None);
    }

    #[tokio::test]
    async fn an_app_whose_names_are_looked_up_slowly_keeps_no_other_from_telling() {
        let names = SilentNames::default();
        let webhooks = Webhooks { outside: Outside::resolving_with(names.clone()).unwrap(), askers: Askers::default() };
        let [slow, quick] = ["slow", "quick"].map(|name| App::new(name, AppType::Service, "wx1"));
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let post = async |app: &App, host: &str| {
            let message = WebhookMessage { id: "1", body: "{}", secrets: &[&secret], timestamp: 1 };
            webhooks.post(app, &format!("http://{host}/"), message).await.is_ok()
        };
        let hosts: Vec<_> = (0..100).map(|number| format!("{number}.slow.example")).collect();
        join_all(hosts.iter().map(|host| silent_names::in_vain(post(&slow, host)))).await;
        assert!(names.heard() < 20, "{}", names.heard());
        assert!(names.hears("quick.example", post(&quick, "quick.example")).await);
    }
}
