//! WeChat's own keys: the public key, and certificates that follow each other.

use parking_lot::{Mutex, MutexGuard};
use serde_json::{Value, json};
use weft_wechat::pay::time;
use weft_wechat::pay::v3::{Apiv3Key, Certificate, InvalidKey, PrivateKey, Resource};

use super::{PLATFORM_KEY, PUBLIC_KEY_ID};

/// The key of the second certificate, and of the one that ended.
const SECOND_KEY: &str = include_str!("keys/platform_key_2.pem");

/// What the simulated WeChat signs with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum PlatformKey {
    /// The WeChat Pay public key, with the number [`PUBLIC_KEY_ID`].
    #[default]
    PublicKey,
    /// A certificate.
    FirstCertificate,
    /// The one that comes after it.
    SecondCertificate,
    /// One whose time is over.
    EndedCertificate,
}

impl PlatformKey {
    fn certificate(self) -> Option<&'static str> {
        match self {
            Self::PublicKey => None,
            Self::FirstCertificate => Some(include_str!("keys/certificate_1.pem")),
            Self::SecondCertificate => Some(include_str!("keys/certificate_2.pem")),
            Self::EndedCertificate => Some(include_str!("keys/certificate_ended.pem")),
        }
    }
}

/// What WeChat signs with, and which certificates it lists.
pub(super) struct Platform {
    first: PrivateKey,
    second: PrivateKey,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    signs: PlatformKey,
    listed: Vec<PlatformKey>,
}

impl Platform {
    pub(super) fn new() -> Result<Self, InvalidKey> {
        let [first, second] = [PLATFORM_KEY, SECOND_KEY].map(PrivateKey::from_pem);
        Ok(Self { first: first?, second: second?, state: Mutex::default() })
    }

    pub(super) fn set(&self, signs: PlatformKey, listed: &[PlatformKey]) {
        *self.state() = State { signs, listed: listed.to_vec() };
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    fn key(&self, which: PlatformKey) -> &PrivateKey {
        match which {
            PlatformKey::PublicKey | PlatformKey::FirstCertificate => &self.first,
            PlatformKey::SecondCertificate | PlatformKey::EndedCertificate => &self.second,
        }
    }

    /// The signature, and the number of the key that made it.
    pub(super) fn sign(&self, message: &[u8]) -> Result<(String, String), InvalidKey> {
        let signs = self.state().signs;
        Ok((number(signs)?, self.key(signs).sign(message)?))
    }

    /// What was sealed for the key of that number; none when it was sealed for another one.
    pub(super) fn open(&self, serial: &str, sealed: &str) -> Option<String> {
        let all = [PlatformKey::PublicKey, PlatformKey::FirstCertificate, PlatformKey::SecondCertificate];
        let which = all.into_iter().find(|which| number(*which).is_ok_and(|number| number == serial))?;
        self.key(which).open_sensitive(&mut rand::rng(), sealed).ok()
    }

    /// The list of certificates, sealed for a merchant; none when there is none for it.
    pub(super) fn certificates(&self, key: &Apiv3Key) -> Option<Value> {
        let listed = self.state().listed.clone();
        let sealed = |(index, which): (usize, &PlatformKey)| {
            let pem = which.certificate()?;
            let certificate = Certificate::from_pem(pem).ok()?;
            let resource =
                Resource::seal(key, "", &format!("simulated-{index:02}"), "certificate", pem.as_bytes()).ok()?;
            Some(json!({
                "serial_no": certificate.serial,
                "effective_time": time::to_rfc3339(certificate.valid_from),
                "expire_time": time::to_rfc3339(certificate.valid_until),
                "encrypt_certificate": resource,
            }))
        };
        let listed: Vec<_> = listed.iter().enumerate().filter_map(sealed).collect();
        (!listed.is_empty()).then(|| json!({"data": listed}))
    }
}

fn number(which: PlatformKey) -> Result<String, InvalidKey> {
    match which.certificate() {
        Some(pem) => Certificate::from_pem(pem).map(|certificate| certificate.serial),
        None => Ok(PUBLIC_KEY_ID.to_owned()),
    }
}
