//! Any call, as JSON, for what has no type of its own.

use std::fmt;

use bytes::Bytes;
use jiff::fmt::rfc2822;
use serde_json::Value;
use weft_wechat::pay::v3::{self, PlatformKeys, Refusal, SignatureError};
use weft_wechat::pay::{Party, v2};

use super::{Arrived, Gateway, PayError, nonce};
use crate::model::{Merchant, UnusableMerchant};

/// What WeChat answered to a call of v3: a yes, or a no that leaves nothing open.
#[derive(Clone)]
pub struct PayAnswer {
    /// HTTP's, from 200 to 299 or from 400 to 499.
    pub status: u16,
    /// JSON; empty with 204.
    pub body: Bytes,
    /// Whether it is proven to be WeChat's. A yes is; WeChat does not sign every no.
    pub is_proven: bool,
    /// When WeChat sent it by its own clock, in seconds since 1970.
    pub sent_at: Option<u64>,
}

/// Bodies tell who pays what.
impl fmt::Debug for PayAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PayAnswer({}, {} bytes)", self.status, self.body.len())
    }
}

impl PayAnswer {
    /// WeChat's no, or nothing much when it is a yes.
    pub fn refusal(&self) -> Refusal {
        Refusal::read(self.status, &self.body)
    }
}

impl Gateway {
    /// Any call of v3. What is marked in the body is sealed first.
    ///
    /// # Errors
    /// Why there is no answer that can be believed.
    pub async fn any_v3(
        &self,
        merchant: &Merchant,
        party: &Party,
        mut call: v3::AnyCall,
    ) -> Result<PayAnswer, PayError> {
        let signer = merchant.v3(party.clone())?;
        let keys = self.platform_keys(merchant, &signer, None).await?;
        if let Some((_, key)) = keys.for_sealing() {
            v3::seal_marked(&mut call.body, key, &mut rand::rng()).map_err(|_| PayError::Unsealed)?;
        }
        let request = signer.request(call.method, call.target(), &call.body, &nonce(), self.0.clock.now());
        let request = request.map_err(|_| UnusableMerchant("private_key"))?;
        let arrived = self.send_v3(request, &keys).await?;
        self.answered(merchant, &signer, keys, arrived).await
    }

    /// A call of v3 whose answer matters as it is.
    ///
    /// # Errors
    /// Why there is no answer that can be believed.
    pub async fn raw_v3<C: v3::Call>(
        &self,
        merchant: &Merchant,
        party: &Party,
        call: &C,
    ) -> Result<PayAnswer, PayError> {
        let signer = merchant.v3(party.clone())?;
        let keys = self.platform_keys(merchant, &signer, None).await?;
        let request = self.signed(&signer, call)?;
        let arrived = self.send_v3(request, &keys).await?;
        self.answered(merchant, &signer, keys, arrived).await
    }

    /// Any call of v2. A no that leaves nothing open is an answer, too.
    ///
    /// # Errors
    /// Why there is no answer that can be believed.
    pub async fn any_v2(&self, merchant: &Merchant, party: &Party, call: &v2::AnyCall) -> Result<Value, PayError> {
        let signer = merchant.v2(party.clone())?;
        let body = signer.write_any(call, &nonce());
        let arrived = self.send_v2(merchant, call.path().as_str(), call.needs_certificate(), body).await?;
        Ok(signer.read_any(call, &arrived.body)?)
    }

    async fn answered(
        &self,
        merchant: &Merchant,
        signer: &v3::Merchant,
        keys: PlatformKeys,
        arrived: Arrived,
    ) -> Result<PayAnswer, PayError> {
        let now = self.0.clock.now();
        let prove =
            |keys: &PlatformKeys| v3::is_proven(keys, arrived.status, arrived.header_pairs(), &arrived.body, now);
        let is_proven = match prove(&keys) {
            Err(SignatureError::UnknownSerial(serial)) => prove(&self.newer_keys(merchant, signer, &serial).await?),
            proven => proven,
        };
        let is_proven = is_proven.map_err(v3::CallError::from)?;
        let Arrived { status, body, .. } = &arrived;
        let sent_at = arrived.headers.get("date").and_then(|date| date.to_str().ok()).and_then(seconds);
        let answer = PayAnswer { status: *status, body: body.clone(), is_proven, sent_at };
        let refusal = answer.refusal();
        match status {
            200..=299 => Ok(answer),
            _ if refusal.is_unknown() => Err(v3::CallError::from(refusal).into()),
            // Whatever stands between us and WeChat may say no, too.
            400..=499 if is_proven || !refusal.code.is_empty() => Ok(answer),
            status => Err(PayError::Unbelieved(format!("it has the status {status} and no code of WeChat Pay"))),
        }
    }
}

/// A date as HTTP writes it, in seconds since 1970.
fn seconds(date: &str) -> Option<u64> {
    let zoned = rfc2822::DateTimeParser::new().parse_timestamp(date).ok()?;
    u64::try_from(zoned.as_second()).ok()
}
