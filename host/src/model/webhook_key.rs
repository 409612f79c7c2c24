//! The secret of a webhook, as [Standard Webhooks](https://www.standardwebhooks.com) writes it.

use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use super::FieldError;
use crate::secret::Secret;

/// What every secret begins with.
const PREFIX: &str = "whsec_";

/// The bytes that a secret stands for, with which messages are signed; none when it is no secret: `whsec_`, and 24 to 64
/// bytes in base64.
pub fn webhook_key(secret: &Secret) -> Option<Zeroizing<Vec<u8>>> {
    let encoded = secret.expose().strip_prefix(PREFIX)?;
    let key = Zeroizing::new(STANDARD.decode(encoded).ok()?);
    (24..=64).contains(&key.len()).then_some(key)
}

pub(super) fn check_webhook_secret(field: &'static str, secret: &Secret) -> Option<FieldError> {
    let advice = "`whsec_` and 24 to 64 bytes in base64; `echo whsec_$(openssl rand -base64 32)` prints a new one · `whsec_` 加上 24 到 64 字节的 base64，可用 `echo whsec_$(openssl rand -base64 32)` 生成";
    webhook_key(secret).is_none().then(|| FieldError::new(field, advice))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_its_prefix_and_enough_bytes() {
        let key = |text: &str| webhook_key(&Secret::new(text)).map(|key| key.len());
        assert_eq!(key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), Some(24));
        for wrong in ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZI", "whsec_é"] {
            assert_eq!(key(wrong), None, "{wrong}");
        }
        assert_eq!(key(&format!("whsec_{}", STANDARD.encode([7; 64]))), Some(64));
        assert_eq!(key(&format!("whsec_{}", STANDARD.encode([7; 65]))), None);
    }
}
