//! WeChat's own keys, and what they prove.

use super::{Certificate, PublicKey, SignatureHeaders};

/// How far the time of a message may be from now, in seconds; the window's ends do not belong to it.
pub const WINDOW: u64 = 300;

/// How the signatures begin that WeChat gets wrong on purpose, to see whether they are verified.
const PROBE: &str = "WECHATPAY/SIGNTEST/";

/// Why a message is not believed. All look the same from outside.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// A header is missing, there twice, or not what it should be.
    #[error("the headers of the signature are missing, doubled or broken")]
    Headers,
    /// It is from another time.
    #[error("the message is from another time: it is {WINDOW} seconds or more from ours")]
    Time,
    /// None of the keys has that number. WeChat may have a new certificate.
    #[error("no key of WeChat Pay is known by the number {0}")]
    UnknownSerial(String),
    /// WeChat looks whether signatures are verified. There is nothing to worry about.
    #[error("WeChat Pay sent a wrong signature on purpose, to see that it is refused")]
    Probe,
    /// The signature is wrong.
    #[error("the signature is wrong")]
    Wrong,
}

/// The keys that may have signed, by their numbers.
#[derive(Debug, Clone, Default)]
pub struct PlatformKeys(Vec<Known>);

#[derive(Debug, Clone)]
struct Known {
    serial: String,
    key: PublicKey,
    valid_until: Option<u64>,
}

impl PlatformKeys {
    /// Adds the WeChat Pay public key; `id` begins with `PUB_KEY_ID_`.
    pub fn add_public_key(&mut self, id: &str, key: PublicKey) {
        self.add(Known { serial: id.to_owned(), key, valid_until: None });
    }

    /// Adds a platform certificate.
    pub fn add_certificate(&mut self, certificate: Certificate) {
        let Certificate { serial, public_key, valid_until, .. } = certificate;
        self.add(Known { serial, key: public_key, valid_until: Some(valid_until) });
    }

    /// Adds the keys of others.
    pub fn add_all(&mut self, others: Self) {
        others.0.into_iter().for_each(|known| self.add(known));
    }

    fn add(&mut self, known: Known) {
        self.0.retain(|other| other.serial != known.serial);
        self.0.push(known);
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The key with which sensitive fields are sealed, and its number: the public key when there is one, else the
    /// certificate that lasts longest.
    pub fn for_sealing(&self) -> Option<(&str, &PublicKey)> {
        let newest = self.0.iter().max_by_key(|known| known.valid_until.unwrap_or(u64::MAX))?;
        Some((&newest.serial, &newest.key))
    }

    /// Verifies a body as it arrived. `now` is in seconds since 1970.
    ///
    /// # Errors
    /// When it must not be believed.
    pub fn verify(&self, headers: &SignatureHeaders, body: &[u8], now: u64) -> Result<(), SignatureError> {
        if headers.timestamp.abs_diff(now) >= WINDOW {
            return Err(SignatureError::Time);
        }
        if headers.signature.starts_with(PROBE) {
            return Err(SignatureError::Probe);
        }
        let unknown = || SignatureError::UnknownSerial(headers.serial.clone());
        let known = self.0.iter().find(|known| known.serial == headers.serial).ok_or_else(unknown)?;
        if known.valid_until.is_some_and(|until| until < now) {
            return Err(unknown());
        }
        let message = signed_message(headers.timestamp, &headers.nonce, body);
        if known.key.verify(&message, &headers.signature) { Ok(()) } else { Err(SignatureError::Wrong) }
    }
}

/// What WeChat signs: three lines, each with its end.
pub(super) fn signed_message(timestamp: u64, nonce: &str, body: &[u8]) -> Vec<u8> {
    [format!("{timestamp}\n{nonce}\n").as_bytes(), body, b"\n"].concat()
}
