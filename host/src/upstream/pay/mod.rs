//! Calls of WeChat Pay for a merchant: signed, sent once, and not believed before they are verified.
//!
//! Nothing is sent again by itself: whoever calls knows whether the same request may be repeated. When there is no
//! answer that can be believed, the outcome is unknown ([`PayError::outcome_is_unknown`]), and only a query tells more.

mod any_call;
mod bills;
mod certified;
mod error;
mod platform_keys;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::HeaderMap;
use reqwest::{Client, RequestBuilder};
use uuid::Uuid;
use weft_wechat::pay::v3::{self, PlatformKeys, SignatureError};
use weft_wechat::pay::{Party, v2};

pub use self::any_call::PayAnswer;
pub use self::bills::{BillFile, BillKind, Fetched};
use self::certified::Certified;
pub use self::error::PayError;
use self::platform_keys::Known;
pub use self::platform_keys::NoKey;
use super::TransportError;
use super::answer::body;
use super::http::{self, failure};
use crate::clock::Clock;
use crate::config::PayConfig;
use crate::model::{Merchant, UnusableMerchant};

/// How long to wait for a whole answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long an answer may be, in bytes.
const MAX_ANSWER: usize = 1 << 20;

/// WeChat Pay. Clones share connections and what is known of WeChat's certificates.
#[derive(Debug, Clone)]
pub struct Gateway(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    client: Client,
    base: String,
    clock: Clock,
    known: Known,
    certified: Certified,
}

/// What came back, before it is believed.
struct Arrived {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl Arrived {
    fn header_pairs(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()))
    }
}

impl Gateway {
    /// The gateway at `config.api_base`.
    ///
    /// # Errors
    /// When the system has no TLS roots.
    pub fn new(config: &PayConfig, clock: Clock) -> reqwest::Result<Self> {
        let client = http::client().build()?;
        let (known, certified) = (Known::default(), Certified::default());
        Ok(Self(Arc::new(Inner { client, base: config.api_base.clone(), clock, known, certified })))
    }

    /// A call of v2.
    ///
    /// # Errors
    /// Why there is no answer that can be believed.
    pub async fn v2<C: v2::Call>(&self, merchant: &Merchant, party: &Party, call: &C) -> Result<C::Answer, PayError> {
        let signer = merchant.v2(party.clone())?;
        let body = signer.write(call, &nonce());
        let arrived = self.send_v2(merchant, C::PATH, C::NEEDS_CERTIFICATE, body).await?;
        Ok(signer.read(call, &arrived.body)?)
    }

    /// A call of v3. When WeChat signs with a certificate that is not known yet, they are fetched once.
    ///
    /// # Errors
    /// Why there is no answer that can be believed.
    pub async fn v3<C: v3::Call>(&self, merchant: &Merchant, party: &Party, call: &C) -> Result<C::Answer, PayError> {
        let signer = merchant.v3(party.clone())?;
        let mut keys = self.platform_keys(merchant, &signer, None).await?;
        let arrived = self.send_v3(self.signed(&signer, call)?, &keys).await?;
        let read = |keys: &PlatformKeys| {
            signer.read(call, keys, arrived.status, arrived.header_pairs(), &arrived.body, self.0.clock.now())
        };
        match read(&keys) {
            Err(v3::CallError::Signature(SignatureError::UnknownSerial(serial))) => {
                keys = self.newer_keys(merchant, &signer, &serial).await?;
                Ok(read(&keys)?)
            }
            answer => Ok(answer?),
        }
    }

    async fn send_v2(
        &self,
        merchant: &Merchant,
        path: &str,
        needs_certificate: bool,
        body: String,
    ) -> Result<Arrived, PayError> {
        let client = if needs_certificate { self.0.certified.client(merchant).await? } else { self.0.client.clone() };
        let request = client.post(format!("{}{path}", self.0.base)).header("content-type", "text/xml").body(body);
        let arrived = send(request).await?;
        if (200..300).contains(&arrived.status) {
            Ok(arrived)
        } else {
            Err(TransportError::Status(arrived.status).into())
        }
    }

    fn signed<C: v3::Call>(&self, signer: &v3::Merchant, call: &C) -> Result<v3::Request, PayError> {
        let request = signer.write(call, &nonce(), self.0.clock.now());
        Ok(request.map_err(|_| UnusableMerchant("private_key"))?)
    }

    async fn send_v3(&self, request: v3::Request, keys: &PlatformKeys) -> Result<Arrived, PayError> {
        let url = format!("{}{}", self.0.base, request.target);
        let mut building = match request.method {
            v3::Method::Get => self.0.client.get(url),
            v3::Method::Post => self.0.client.post(url).header("content-type", "application/json").body(request.body),
        };
        if let Some((serial, _)) = keys.for_sealing() {
            building = building.header("wechatpay-serial", serial);
        }
        send(building.header("accept", "application/json").header("authorization", request.authorization)).await
    }
}

async fn send(request: RequestBuilder) -> Result<Arrived, PayError> {
    let response = request.timeout(TIMEOUT).send().await.map_err(|error| failure(error, TIMEOUT))?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Ok(Arrived { status, headers, body: body(response, MAX_ANSWER, TIMEOUT).await? })
}

/// 32 characters, fresh for every call.
fn nonce() -> String {
    Uuid::new_v4().simple().to_string()
}
