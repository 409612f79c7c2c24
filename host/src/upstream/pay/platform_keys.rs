//! WeChat's own keys: the public key of the merchant's settings, and certificates, which are fetched and kept for a
//! while.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use weft_wechat::pay::v3::certificates::Certificates;
use weft_wechat::pay::v3::{self, PlatformKeys};

use super::{Gateway, PayError};
use crate::bilingual::because;
use crate::model::Merchant;

/// How long certificates are used before they are fetched again, in seconds. WeChat publishes new ones a day before it
/// signs with them.
const KEPT: u64 = 3600;

/// How soon they may be fetched again because of a number that is not known, in seconds: anybody can send one, and of a
/// merchant that has the public key alone WeChat lists none.
const REFETCHED: u64 = 60;

/// For how long a failure to fetch them answers for all notifications, in seconds: anybody can send one.
const HELD: u64 = 5;

/// Why there is no key for a notification.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", no_key(.0))]
pub struct NoKey(Arc<PayError>);

fn no_key(error: &PayError) -> String {
    because("there is no key of WeChat Pay · 没有微信支付的公钥", &error.to_string())
}

/// What is known, by merchant number.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<HashMap<String, Arc<OfMerchant>>>);

/// What is known of one merchant number.
#[derive(Debug, Default)]
struct OfMerchant {
    fetched: Mutex<Fetched>,
    /// Of all who meet a number that is not known, or have a notification and no key, one fetches, and the others wait
    /// for what comes of it.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Fetched {
    keys: PlatformKeys,
    /// When, in seconds since 1970; none before they were.
    at: Option<u64>,
    /// When somebody last set out to fetch them because of a number that is not known, whatever came of it.
    sought_at: Option<u64>,
    /// When they could not be fetched for a notification the last time, and why.
    failure: Option<(u64, NoKey)>,
}

impl Known {
    fn of(&self, merchant: &Merchant) -> Arc<OfMerchant> {
        let mut known = self.0.lock();
        Arc::clone(known.entry(merchant.mch_id.clone()).or_default())
    }
}

impl OfMerchant {
    fn fetched(&self) -> MutexGuard<'_, Fetched> {
        self.fetched.lock()
    }

    /// What is known, as long as it must do for now. Otherwise the caller is the one to fetch.
    fn still_good(&self, is_unknown: bool, now: u64) -> Option<PlatformKeys> {
        let mut fetched = self.fetched();
        let (at, kept) = if is_unknown { (fetched.at.max(fetched.sought_at), REFETCHED) } else { (fetched.at, KEPT) };
        if at.is_some_and(|at| now.saturating_sub(at) < kept) {
            return Some(fetched.keys.clone());
        }
        if is_unknown {
            fetched.sought_at = Some(now);
        }
        None
    }

    /// Why they could not be fetched, when that was tried since `asked` or a moment ago.
    fn failure_since(&self, asked: u64, now: u64) -> Option<NoKey> {
        let fetched = self.fetched();
        let (at, failure) = fetched.failure.as_ref()?;
        (*at >= asked || now.saturating_sub(*at) < HELD).then(|| failure.clone())
    }

    fn hold(&self, error: PayError, now: u64) -> NoKey {
        let failure = NoKey(Arc::new(error));
        self.fetched().failure = Some((now, failure.clone()));
        failure
    }
}

impl Gateway {
    /// The keys with which WeChat may have signed for a merchant. `unknown` is a number that the known ones do not
    /// have.
    ///
    /// # Errors
    /// When there is none.
    pub async fn platform_keys(
        &self,
        merchant: &Merchant,
        signer: &v3::Merchant,
        unknown: Option<&str>,
    ) -> Result<PlatformKeys, PayError> {
        let own = merchant.platform_keys();
        // The public key is in the settings: there is none to fetch.
        let wants_certificate = unknown.map_or(own.is_empty(), |serial| !serial.starts_with("PUB_KEY_ID_"));
        if !wants_certificate {
            return Ok(own);
        }
        let known = self.0.known.of(merchant);
        let _turn = if unknown.is_some() { Some(known.turn.lock().await) } else { None };
        let keys = match known.still_good(unknown.is_some(), self.0.clock.now()) {
            Some(keys) => keys,
            None => self.fetch_certificates(merchant, signer, &own).await?,
        };
        Ok(together(merchant, keys))
    }

    /// As [`platform_keys`](Self::platform_keys), for a notification, which proves nothing before it is verified: while
    /// WeChat fails it is asked once in a while, however many come.
    ///
    /// # Errors
    /// When there is none.
    pub async fn keys_for_notification(
        &self,
        merchant: &Merchant,
        signer: &v3::Merchant,
    ) -> Result<PlatformKeys, NoKey> {
        let (own, known, clock) = (merchant.platform_keys(), self.0.known.of(merchant), &self.0.clock);
        if !own.is_empty() {
            return Ok(own);
        }
        let asked = clock.now();
        if let Some(keys) = known.still_good(false, asked) {
            return Ok(keys);
        }
        let _turn = known.turn.lock().await;
        if let Some(failure) = known.failure_since(asked, clock.now()) {
            return Err(failure);
        }
        let fetched = self.platform_keys(merchant, signer, None).await;
        fetched.map_err(|error| known.hold(error, clock.now()))
    }

    /// The keys with one that is not known yet, for an answer that has arrived. That they cannot be had says nothing of
    /// what became of the call.
    pub(super) async fn newer_keys(
        &self,
        merchant: &Merchant,
        signer: &v3::Merchant,
        serial: &str,
    ) -> Result<PlatformKeys, PayError> {
        let fetched = self.platform_keys(merchant, signer, Some(serial)).await;
        fetched.map_err(|error| {
            let unknown = format!(
                "it is signed with the key {serial}, which is not known, and certificates cannot be fetched · 签名用的公钥 \
                 {serial} 未知，又取不到证书"
            );
            PayError::Unbelieved(because(&unknown, &error.to_string()))
        })
    }

    /// Asks WeChat for its certificates, whatever is known of them. `own` are the keys that are in the settings.
    ///
    /// # Errors
    /// When there is no answer that can be believed.
    pub async fn fetch_certificates(
        &self,
        merchant: &Merchant,
        signer: &v3::Merchant,
        own: &PlatformKeys,
    ) -> Result<PlatformKeys, PayError> {
        let arrived = self.send_v3(self.signed(signer, &Certificates)?, own).await?;
        let now = self.0.clock.now();
        let keys = signer.read_certificates(arrived.status, arrived.header_pairs(), &arrived.body, now)?;
        let known = self.0.known.of(merchant);
        let mut fetched = known.fetched();
        fetched.keys = keys.clone();
        fetched.at = Some(now);
        Ok(keys)
    }
}

/// The certificates with the public key, where there is one: both are in use while a merchant changes over.
fn together(merchant: &Merchant, mut keys: PlatformKeys) -> PlatformKeys {
    keys.add_all(merchant.platform_keys());
    keys
}
