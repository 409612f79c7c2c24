//! WeChat's own keys: the public key of the merchant's settings, and certificates, which are fetched and kept for a
//! while.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use weft_wechat::pay::v3::certificates::Certificates;
use weft_wechat::pay::v3::{self, PlatformKeys};

use super::{Gateway, PayError};
use crate::model::Merchant;

/// How long certificates are used before they are fetched again, in seconds. WeChat publishes new ones a day before it
/// signs with them.
const KEPT: u64 = 3600;

/// How soon they may be fetched again because of a number that is not known, in seconds: anybody can send one.
const REFETCHED: u64 = 60;

/// What is known, by merchant number.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<HashMap<String, Fetched>>);

#[derive(Debug, Clone)]
struct Fetched {
    keys: PlatformKeys,
    at: u64,
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
        let now = self.0.clock.now();
        let known = {
            let known = self.0.known.0.lock().unwrap_or_else(PoisonError::into_inner);
            known.get(&merchant.mch_id).cloned()
        };
        let kept = if unknown.is_some() { REFETCHED } else { KEPT };
        if let Some(known) = known.filter(|known| now.saturating_sub(known.at) < kept) {
            return Ok(together(merchant, known.keys));
        }
        Ok(together(merchant, self.fetch_certificates(merchant, signer, &own).await?))
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
            PayError::Unbelieved(format!(
                "it is signed with the key {serial}, which is not known, and certificates cannot be fetched: {error}"
            ))
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
        let mut known = self.0.known.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(merchant.mch_id.clone(), Fetched { keys: keys.clone(), at: now });
        Ok(keys)
    }
}

/// The certificates with the public key, where there is one: both are in use while a merchant changes over.
fn together(merchant: &Merchant, mut keys: PlatformKeys) -> PlatformKeys {
    keys.add_all(merchant.platform_keys());
    keys
}
