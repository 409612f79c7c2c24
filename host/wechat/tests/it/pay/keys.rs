//! Keys for tests: made for them, and good for nothing else.

use weft_wechat::pay::v3::{Apiv3Key, Merchant, PlatformKeys, PrivateKey};

/// The merchant's.
pub(super) const MERCHANT: &str = include_str!("keys/merchant_key.pem");
/// The certificate of [`MERCHANT`].
pub(super) const MERCHANT_CERTIFICATE: &str = include_str!("keys/merchant_certificate.pem");
/// WeChat's.
pub(super) const PLATFORM: &str = include_str!("keys/platform_key.pem");
/// The certificate of [`PLATFORM`].
pub(super) const PLATFORM_CERTIFICATE: &str = include_str!("keys/platform_certificate.pem");

pub(super) const PUBLIC_KEY_ID: &str = "PUB_KEY_ID_0119000001092026010100000000000001";

pub(super) fn apiv3_key() -> Apiv3Key {
    "0123456789abcdefghijABCDEFGHIJ!@".parse().unwrap()
}

pub(super) fn merchant() -> Merchant {
    Merchant {
        party: super::party(),
        serial_no: "453F8B3AAC8912264AE8CBCC14C4207AFFCECAB3".into(),
        key: PrivateKey::from_pem(MERCHANT).unwrap(),
        apiv3_key: apiv3_key(),
    }
}

pub(super) fn platform() -> PrivateKey {
    PrivateKey::from_pem(PLATFORM).unwrap()
}

/// WeChat's public key alone.
pub(super) fn platform_keys() -> PlatformKeys {
    let mut keys = PlatformKeys::default();
    keys.add_public_key(PUBLIC_KEY_ID, platform().public_key());
    keys
}
