//! What is encrypted in notifications and in the list of certificates: AES-256-GCM with the `APIv3` key.

use std::fmt;
use std::str::FromStr;

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use zeroize::ZeroizeOnDrop;

const ALGORITHM: &str = "AEAD_AES_256_GCM";

/// The `APIv3` key (`APIv3密钥`) of a merchant. A secret: `Debug` hides it, and it is wiped from memory on drop.
#[derive(Clone, ZeroizeOnDrop)]
pub struct Apiv3Key([u8; 32]);

impl fmt::Debug for Apiv3Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Apiv3Key(…)")
    }
}

/// The text is no `APIv3` key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an APIv3 key is exactly 32 visible ASCII characters · APIv3密钥须为 32 个可见的 ASCII 字符")]
pub struct InvalidApiv3Key;

impl FromStr for Apiv3Key {
    type Err = InvalidApiv3Key;

    fn from_str(text: &str) -> Result<Self, InvalidApiv3Key> {
        let is_key = text.bytes().all(|byte| byte.is_ascii_graphic());
        text.as_bytes().try_into().ok().filter(|_| is_key).map(Self).ok_or(InvalidApiv3Key)
    }
}

/// Something encrypted, as it stands in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// `transaction`, `refund`, `profitsharing`, …; not in certificates.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub original_type: String,
    /// Always `AEAD_AES_256_GCM`.
    pub algorithm: String,
    /// Base64, with the tag at its end.
    pub ciphertext: String,
    /// Authenticated with it; may be empty.
    #[serde(default)]
    pub associated_data: String,
    /// Twelve bytes.
    pub nonce: String,
}

/// The key does not open it. There is one error for every reason, so that nobody learns from the difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the APIv3 key does not open it")]
pub struct ResourceError;

impl Resource {
    /// What is inside.
    ///
    /// # Errors
    /// When it was sealed with another key, or changed.
    pub fn open(&self, key: &Apiv3Key) -> Result<Vec<u8>, ResourceError> {
        if self.algorithm != ALGORITHM {
            return Err(ResourceError);
        }
        let nonce: [u8; 12] = self.nonce.as_bytes().try_into().map_err(|_| ResourceError)?;
        let ciphertext = STANDARD.decode(&self.ciphertext).map_err(|_| ResourceError)?;
        let payload = Payload { msg: &ciphertext, aad: self.associated_data.as_bytes() };
        Aes256Gcm::new(&key.0.into()).decrypt(&Nonce::from(nonce), payload).map_err(|_| ResourceError)
    }

    /// Seals a text. `nonce` is twelve ASCII characters, another for every text under the same key.
    ///
    /// # Errors
    /// When the nonce is something else.
    pub fn seal(
        key: &Apiv3Key,
        original_type: &str,
        nonce: &str,
        associated_data: &str,
        text: &[u8],
    ) -> Result<Self, ResourceError> {
        let bytes: [u8; 12] = nonce.as_bytes().try_into().map_err(|_| ResourceError)?;
        let payload = Payload { msg: text, aad: associated_data.as_bytes() };
        let sealed = Aes256Gcm::new(&key.0.into()).encrypt(&Nonce::from(bytes), payload).map_err(|_| ResourceError)?;
        Ok(Self {
            original_type: original_type.to_owned(),
            algorithm: ALGORITHM.to_owned(),
            ciphertext: STANDARD.encode(sealed),
            associated_data: associated_data.to_owned(),
            nonce: nonce.to_owned(),
        })
    }
}
